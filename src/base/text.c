/* Text that grows, and text from outside made fit to print. */
#include "base/internal.h"

#include <stdio.h>
#include <string.h>

char *fv__copy_text(fv_context *context, fv__account account, const char *text,
                    size_t length)
{
    const char *end = length ? memchr(text, '\0', length) : text;
    if (end) length = (size_t)(end - text);
    if (length == SIZE_MAX) length--;
    char *copy = fv__allocate(context, account, length + 1);
    if (!copy) return NULL;
    if (length) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* Bytes of the well-formed UTF-8 character at the beginning of `length` bytes
 * (Unicode 15, table 3-7), and its code point; 0 if there is none. */
static size_t character(const char *text, size_t length, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *at = (const unsigned char *)text;
    const size_t bytes = at[0] < 0x80   ? 1
                         : at[0] < 0xc0 ? 0
                         : at[0] < 0xe0 ? 2
                         : at[0] < 0xf0 ? 3
                         : at[0] < 0xf8 ? 4
                                        : 0;
    if (!bytes || bytes > length) return 0;
    *code = bytes == 1 ? at[0] : at[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (at[i] & 0x3fu);
    }
    const bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[bytes] || *code > 0x10ffff || surrogate ? 0 : bytes;
}

bool fv__is_utf8(const char *text)
{
    uint32_t code;
    for (size_t left = strlen(text), bytes; left; left -= bytes, text += bytes)
        if (!(bytes = character(text, left, &code))) return false;
    return true;
}

/* Whether a terminal shows the character and does nothing else: no control
 * characters, none without width, and no marks that reorder the text around
 * them. */
static bool shown(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code >= 0xa0)
           && (code < 0x200b || code > 0x200f)
           && (code < 0x2028 || code > 0x202e)
           && (code < 0x2060 || code > 0x206f) && code != 0xfeff;
}

/* The number of input bytes printed together: a character as it is, or one byte
 * as \xNN, whose output is longer (*out_bytes). */
static size_t printed(const char *text, size_t length, size_t *out_bytes)
{
    uint32_t code = 0;
    const size_t bytes = character(text, length, &code);
    const bool plain = bytes && shown(code);
    *out_bytes = plain ? bytes : 4;
    return plain ? bytes : 1;
}

const char *fv__printable(const char *text, size_t length, char *out,
                          size_t out_bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (!out_bytes) return out;
    size_t room = out_bytes - 1, needed = 0, wide, bytes;
    for (size_t i = 0; i < length && needed <= room; i += bytes) {
        bytes = printed(text + i, length - i, &wide);
        needed += wide;
    }
    bool cut = needed > room;
    size_t dots = cut ? (room < 3 ? room : 3) : 0, used = 0;
    for (size_t i = 0; i < length; i += bytes) {
        unsigned char byte = (unsigned char)text[i];
        bytes = printed(text + i, length - i, &wide);
        if (wide > room - dots - used) break;
        if (wide == bytes) {
            memcpy(out + used, text + i, bytes);
            used += bytes;
        } else {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        }
    }
    for (size_t i = 0; i < dots; i++) out[used++] = '.';
    out[used] = '\0';
    return out;
}

/* Room for `more` characters, at most INT_MAX, and the terminator. */
static bool reserve(fv__text *text, size_t more)
{
    char *at = fv__grow(text->context, text->account, text->at, text->length,
                        more + 1, 1, &text->capacity);
    if (!at) return false;
    at[text->length] = '\0';
    text->at = at;
    return true;
}

void fv__text_add(fv__text *text, const char *format, ...)
{
    if (!fv__ok(text->context)) return;
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    if (length < 0) {
        fv_fail(text->context, FV_MISUSE, "text: cannot format \"%s\"", format);
    } else if (reserve(text, (size_t)length)) {
        vsnprintf(text->at + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(list);
}

void fv__text_free(fv__text *text)
{
    fv__release(text->context, text->at);
    text->at = NULL;
    text->length = text->capacity = 0;
}
