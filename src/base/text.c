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

const char *fv__amount(size_t bytes, bool up, char *text)
{
    const size_t mib = (size_t)1 << 20;
    size_t whole = bytes / mib, rest = bytes % mib * 10;
    size_t tenths = rest / mib + (up && rest % mib != 0 ? 1 : 0);
    if (bytes < mib)
        snprintf(text, FV__AMOUNT, "%zu bytes", bytes);
    else
        snprintf(text, FV__AMOUNT, "%zu.%zu MiB", whole + tenths / 10,
                 tenths % 10);
    return text;
}

static size_t printable_bytes(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f ? 1 : 4;
}

const char *fv__printable(const char *text, size_t length, char *out,
                          size_t out_bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (!out_bytes) return out;
    size_t room = out_bytes - 1, needed = 0;
    for (size_t i = 0; i < length && needed <= room; i++)
        needed += printable_bytes((unsigned char)text[i]);
    bool cut = needed > room;
    size_t dots = cut ? (room < 3 ? room : 3) : 0, used = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (printable_bytes(byte) > room - dots - used) break;
        if (printable_bytes(byte) == 1) {
            out[used++] = (char)byte;
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

/* Room for `more` characters and the terminator. */
static bool reserve(fv__text *text, size_t more)
{
    size_t needed;
    if (!fv__add(text->length, more, &needed) || !fv__add(needed, 1, &needed))
        needed = SIZE_MAX;
    if (needed <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < needed)
        if (!fv__multiply(capacity, 2, &capacity)) capacity = SIZE_MAX;
    char *at = fv__allocate(text->context, text->account, capacity);
    if (!at) return false;
    if (text->at) memcpy(at, text->at, text->length);
    at[text->length] = '\0';
    fv__release(text->context, text->at);
    text->at = at;
    text->capacity = capacity;
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
