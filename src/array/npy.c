/* Reads and writes NumPy files: the header is parsed by a fixed grammar, and
 * elements are brought into row-major order and the byte order of this machine.
 */
#include "array/npy.h"

#include "array/half.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PREFIX_BYTES = 10, /* magic, version, the header's length in version 1 */
    ALIGNMENT = 64,
    GROWTH_DIGITS = 21 /* NumPy leaves room for axis 0 to grow in place */
};
static const char magic[] = "\x93NUMPY";

/* Element types that Fovea reads; 'b' is a truth value of one byte. Halves have
 * the type of their bits until they become FV_F32. */
static const struct {
    char kind, digit;
    fv_dtype dtype;
} types[] = {
    { 'f', '2', FV_I16 }, { 'f', '4', FV_F32 }, { 'f', '8', FV_F64 },
    { 'u', '1', FV_U8 },  { 'b', '1', FV_U8 },  { 'i', '1', FV_I8 },
    { 'i', '2', FV_I16 }, { 'i', '4', FV_I32 }, { 'i', '8', FV_I64 },
};

/* Kinds of elements that Fovea lacks. */
static const struct {
    char kind;
    const char *why;
} foreign[] = {
    { 'O', "Python objects, which only running code could rebuild" },
    { 'c', "complex numbers" },
    { 'u', "unsigned integers wider than u8" },
    { 'f', "floating point of a width other than 2, 4 or 8 bytes" },
    { 'U', "text" },
    { 'S', "text" },
    { 'a', "text" },
    { 'V', "records" },
    { 'M', "dates" },
    { 'm', "time spans" },
};

/* A file in memory while its header is parsed, and what the header says. */
typedef struct reader {
    fv_context *context;
    const char *name;           /* printable */
    const unsigned char *bytes; /* those that are in memory */
    size_t present;
    size_t size;    /* of the file */
    size_t at, end; /* `end`: where the header ends, the elements begin */
    bool has_type, has_order, has_shape;
    bool fortran, swapped, half;
    fv_dtype dtype; /* as stored */
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
} reader;

/* Text between quotes. */
typedef struct word {
    const char *at;
    size_t length;
} word;

static bool host_is_big(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static void swap_bytes(void *data, int64_t count, size_t bytes)
{
    unsigned char *at = data;
    for (int64_t i = 0; i < count; i++, at += bytes) {
        for (size_t low = 0, high = bytes - 1; low < high; low++, high--) {
            unsigned char byte = at[low];
            at[low] = at[high];
            at[high] = byte;
        }
    }
}

/* ---- the header's grammar ---------------------------------------------- */

static bool malformed(reader *r, const char *format, ...) FV_PRINTF(2, 3);
static bool malformed(reader *r, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fv_fail(r->context, FV_MALFORMED, "%s: byte %zu: %s", r->name, r->at, text);
    return false;
}

static void skip_space(reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", r->bytes[r->at])
           && r->bytes[r->at])
        r->at++;
}

static bool accept(reader *r, char wanted)
{
    skip_space(r);
    if (r->at >= r->end || r->bytes[r->at] != (unsigned char)wanted)
        return false;
    r->at++;
    return true;
}

static bool expect(reader *r, const char *what, char wanted)
{
    return accept(r, wanted) || malformed(r, "expected %s", what);
}

static bool parse_word(reader *r, const char *what, word *out)
{
    skip_space(r);
    char quote = r->at < r->end ? (char)r->bytes[r->at] : '\0';
    if (quote != '\'' && quote != '"') return malformed(r, "expected %s", what);
    const char *text = (const char *)r->bytes + r->at + 1;
    const char *close = memchr(text, quote, r->end - r->at - 1);
    if (!close) return malformed(r, "the quote does not end");
    *out = (word){ text, (size_t)(close - text) };
    r->at += out->length + 2;
    return true;
}

static bool word_is(word given, const char *text)
{
    return given.length == strlen(text)
           && memcmp(given.at, text, given.length) == 0;
}

/* "True" or "False". */
static bool parse_order(reader *r)
{
    static const char *const names[] = { "False", "True" };
    skip_space(r);
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(names[i]);
        if (r->end - r->at < length
            || memcmp(r->bytes + r->at, names[i], length) != 0)
            continue;
        r->at += length;
        r->fortran = i == 1;
        return true;
    }
    return malformed(r, "expected True or False");
}

/* Python 2 wrote long integers as 5L. */
static bool parse_extent(reader *r, int64_t *extent)
{
    const int64_t limit = (int64_t)1 << 47;
    size_t at = r->at;
    *extent = 0;
    for (; at < r->end && r->bytes[at] >= '0' && r->bytes[at] <= '9'; at++) {
        *extent = *extent * 10 + (r->bytes[at] - '0');
        if (*extent >= limit) return malformed(r, "the extent is too large");
    }
    if (at == r->at) return malformed(r, "expected an extent or )");
    if (at < r->end && r->bytes[at] == 'L') at++;
    r->at = at;
    return true;
}

/* A tuple: one extent alone needs its comma, as in Python. */
static bool parse_shape(reader *r)
{
    if (!expect(r, "(", '(')) return false;
    bool comma = true;
    while (!accept(r, ')')) {
        if (!comma) return malformed(r, "expected , or )");
        if (r->rank == FV_MAX_RANK)
            return malformed(r, "more than %d extents", FV_MAX_RANK);
        if (!parse_extent(r, &r->shape[r->rank])) return false;
        r->rank++;
        comma = accept(r, ',');
    }
    if (r->rank == 1 && !comma)
        return malformed(r, "the shape is a number, not a tuple");
    if (fv__product(r->rank, r->shape) < 0)
        return malformed(r, "the shape has too many elements");
    return true;
}

/* Records why the element type cannot be read. */
static bool refuse_type(reader *r, word descr, char kind)
{
    char text[64];
    fv__printable(descr.at, descr.length, text, sizeof text);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (foreign[i].kind != kind) continue;
        fv_fail(r->context, FV_UNSUPPORTED,
                "%s: element type '%s' is not supported: %s", r->name, text,
                foreign[i].why);
        return false;
    }
    fv_fail(r->context, FV_MALFORMED, "%s: element type '%s' is unknown",
            r->name, text);
    return false;
}

/* Byte order, kind and width: '<f4'. */
static bool parse_type(reader *r)
{
    word descr = { 0 };
    if (accept(r, '[')) {
        fv_fail(r->context, FV_UNSUPPORTED,
                "%s: the elements are records, which are not supported",
                r->name);
        return false;
    }
    if (!parse_word(r, "an element type", &descr)) return false;
    const char *at = descr.at;
    size_t left = descr.length;
    char order = '=';
    if (left > 0 && *at && strchr("<>=|", *at)) {
        order = *at++;
        left--;
    }
    for (size_t i = 0; left == 2 && i < sizeof types / sizeof types[0]; i++) {
        if (at[0] != types[i].kind || at[1] != types[i].digit) continue;
        if (order == '|' && types[i].digit != '1') break;
        r->dtype = types[i].dtype;
        r->half = at[0] == 'f' && at[1] == '2';
        r->swapped =
            (order == '<' && host_is_big()) || (order == '>' && !host_is_big());
        return true;
    }
    return refuse_type(r, descr, left > 0 ? *at : '\0');
}

/* One key and its value, each key once. */
static bool parse_entry(reader *r)
{
    size_t start = r->at;
    word key = { 0 };
    if (!parse_word(r, "a key", &key) || !expect(r, ":", ':')) return false;
    bool *seen = word_is(key, "descr")           ? &r->has_type
                 : word_is(key, "fortran_order") ? &r->has_order
                 : word_is(key, "shape")         ? &r->has_shape
                                                 : NULL;
    if (!seen || *seen) {
        char text[64];
        fv__printable(key.at, key.length, text, sizeof text);
        r->at = start;
        return malformed(r, "key '%s' is %s", text,
                         seen ? "there twice" : "unknown");
    }
    *seen = true;
    if (seen == &r->has_type) return parse_type(r);
    return seen == &r->has_order ? parse_order(r) : parse_shape(r);
}

static bool parse_header(reader *r)
{
    if (!expect(r, "{", '{')) return false;
    bool comma = true;
    while (!accept(r, '}')) {
        if (!comma) return malformed(r, "expected , or }");
        if (!parse_entry(r)) return false;
        comma = accept(r, ',');
    }
    if (!r->has_type || !r->has_order || !r->has_shape)
        return malformed(r, "key '%s' is missing",
                         !r->has_type    ? "descr"
                         : !r->has_order ? "fortran_order"
                                         : "shape");
    skip_space(r);
    if (r->at < r->end) return malformed(r, "more text after the header");
    return true;
}

/* ---- reading ----------------------------------------------------------- */

static bool refuse_file(reader *r)
{
    const char *kind = fv__file_kind(r->bytes, r->present);
    fv_fail(r->context, FV_MALFORMED, "%s: not a NumPy file%s%s", r->name,
            kind ? " but " : "", kind ? kind : "");
    return false;
}

/* Magic, version and length; leaves `at` and `end` around the header. */
static bool parse_prefix(reader *r)
{
    const unsigned char *bytes = r->bytes;
    size_t first = r->present < 6 ? r->present : 6;
    if (first == 0 || memcmp(bytes, magic, first) != 0) return refuse_file(r);
    r->at = r->present;
    if (r->present < PREFIX_BYTES)
        return malformed(r, "the file ends within its header");
    r->at = 6;
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return malformed(r, "version %d.%d is not 1.0, 2.0 or 3.0", bytes[6],
                         bytes[7]);
    size_t digits = bytes[6] == 1 ? 2 : 4, length = 0;
    r->at = r->present;
    if (r->present < 8 + digits)
        return malformed(r, "the file ends within its header");
    r->at = 8;
    for (size_t i = digits; i-- > 0;) length = length << 8 | bytes[8 + i];
    if (length > FV__NPY_MOST_HEADER)
        return malformed(r, "header length %zu exceeds %d", length,
                         FV__NPY_MOST_HEADER);
    size_t left = r->present - r->at - digits;
    if (length > left)
        return malformed(r, "header length %zu exceeds the %zu bytes left",
                         length, left);
    r->at += digits;
    r->end = r->at + length;
    return true;
}

/* Parses the header and compares the size of the file with it. */
static bool parse(reader *r)
{
    size_t needed = 0;
    if (!parse_prefix(r) || !parse_header(r)) return false;
    const int64_t count = fv__product(r->rank, r->shape);
    if (fv__multiply((size_t)count, fv_dtype_bytes(r->dtype), &needed)
        && fv__add(needed, r->end, &needed) && needed == r->size)
        return true;
    char text[FV__SHAPE_BYTES];
    fv_fail(r->context, FV_MALFORMED, "%s: %zu bytes, %s %s needs %zu", r->name,
            r->size, r->half ? "f16" : fv_dtype_name(r->dtype),
            fv__shape_text(text, sizeof text, r->rank, r->shape), needed);
    return false;
}

/* Half-precision numbers, which it frees, as floats. */
static fv_tensor widen(const reader *r, fv_tensor *halves)
{
    const fv_tensor wide = fv_tensor_new(r->context, FV_F32, r->rank, r->shape);
    const int64_t count = fv_tensor_count(halves);
    for (int64_t i = 0; wide.rank >= 0 && i < count; i++) {
        const unsigned bits = ((const uint16_t *)halves->data)[i];
        const unsigned char bytes[2] = { bits & 255,
                                         (unsigned char)(bits >> 8) };
        ((float *)wide.data)[i] = fv__widen(FV__F16, bytes);
    }
    fv_tensor_free(r->context, halves);
    return wide;
}

/* The elements of the parsed file in new memory. */
static fv_tensor read_elements(const reader *r)
{
    fv_tensor tensor = fv_tensor_new(r->context, r->dtype, r->rank, r->shape);
    if (tensor.rank < 0) return tensor;
    fv_tensor stored = tensor;
    stored.data = (char *)(uintptr_t)(r->bytes + r->end);
    int64_t stride = 1;
    for (int32_t axis = 0; r->fortran && axis < r->rank; axis++) {
        stored.stride[axis] = stride;
        stride *= fv__max(r->shape[axis], 1);
    }
    fv__tensor_copy_elements(&tensor, &stored);
    if (r->swapped)
        swap_bytes(tensor.data, fv_tensor_count(&tensor),
                   fv_dtype_bytes(r->dtype));
    return r->half ? widen(r, &tensor) : tensor;
}

bool fv__npy_read_facts(fv_context *context, const char *name, const void *head,
                        size_t present, size_t size, fv__npy_facts *out)
{
    reader r = { .context = context,
                 .name = name,
                 .bytes = head,
                 .present = present,
                 .size = size };
    if (!parse(&r)) return false;
    *out = (fv__npy_facts){ .dtype = r.dtype,
                            .rank = r.rank,
                            .at = r.end,
                            .plain = !r.fortran && !r.swapped && !r.half };
    memcpy(out->shape, r.shape, sizeof out->shape);
    return true;
}

bool fv__npy_check(fv_context *context, const char *name, const void *head,
                   size_t present, size_t size)
{
    fv__npy_facts facts;
    return fv__npy_read_facts(context, name, head, present, size, &facts);
}

fv_tensor fv__npy_parse(fv_context *context, const char *name,
                        const void *bytes, size_t size)
{
    reader r = { .context = context,
                 .name = name,
                 .bytes = bytes,
                 .present = size,
                 .size = size };
    return parse(&r) ? read_elements(&r) : fv__tensor_failed();
}

fv_tensor fv_npy_load(fv_context *context, const char *path)
{
    char name[512];
    size_t size = 0;
    if (!fv__ok(context)) return fv__tensor_failed();
    void *bytes = fv__read_file(context, path, SIZE_MAX, &size);
    if (!bytes) return fv__tensor_failed();
    fv__printable(path, strlen(path), name, sizeof name);
    fv_tensor tensor = fv__npy_parse(context, name, bytes, size);
    fv__release(context, bytes);
    return tensor;
}

/* ---- writing ----------------------------------------------------------- */

static const char *type_text(fv_dtype dtype)
{
    switch (dtype) {
    case FV_F32:
        return "<f4";
    case FV_F64:
        return "<f8";
    case FV_U8:
        return "|u1";
    case FV_I8:
        return "|i1";
    case FV_I16:
        return "<i2";
    case FV_I32:
        return "<i4";
    case FV_I64:
        return "<i8";
    case FV_BOOL:
        return "|b1";
    }
    return "";
}

size_t fv__npy_header(const fv_tensor *tensor, char out[FV__NPY_HEADER])
{
    const size_t bytes = FV__NPY_HEADER;
    char first[32] = "", text[FV__SHAPE_BYTES];
    fv__shape_text(text, sizeof text, tensor->rank, tensor->shape);
    size_t inside = strlen(text) - 2; /* without the brackets */
    size_t growth = 0;
    if (tensor->rank > 0) {
        snprintf(first, sizeof first, "%" PRId64, tensor->shape[0]);
        growth = GROWTH_DIGITS - strlen(first);
    }
    memset(out, ' ', bytes);
    memcpy(out, magic, 6);
    out[6] = 1;
    out[7] = 0;
    int wrote =
        snprintf(out + PREFIX_BYTES, bytes - PREFIX_BYTES,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%.*s%s), }",
                 type_text(tensor->dtype), (int)inside, text + 1,
                 tensor->rank == 1 ? "," : "");
    size_t used = PREFIX_BYTES + (size_t)wrote;
    out[used] = ' ';
    /* If none is needed, a full line of padding, as NumPy does. */
    size_t length = (used + growth + 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    out[length - 1] = '\n';
    out[8] = (char)((length - PREFIX_BYTES) & 0xff);
    out[9] = (char)((length - PREFIX_BYTES) >> 8);
    return length;
}

const void *fv__npy_elements(fv_context *context, const fv_tensor *tensor,
                             fv_tensor *copy)
{
    *copy = fv__tensor_failed();
    if (fv_tensor_is_contiguous(tensor) && !host_is_big()) return tensor->data;
    *copy = fv_tensor_dup(context, tensor);
    if (copy->rank >= 0 && host_is_big())
        swap_bytes(copy->data, fv_tensor_count(copy),
                   fv_dtype_bytes(copy->dtype));
    return copy->data;
}

fv_status fv_npy_save(fv_context *context, const char *path,
                      const fv_tensor *tensor)
{
    if (!fv__tensor_check(context, "npy", tensor)) return fv_failed(context);
    fv_tensor copy;
    const void *elements = fv__npy_elements(context, tensor, &copy);
    char header[FV__NPY_HEADER];
    const size_t length = fv__npy_header(tensor, header);
    fv__writer writer;
    if (fv__ok(context) && fv__write_begin(&writer, context, path) == FV_OK) {
        fv__write(&writer, header, length);
        fv__write(&writer, elements, fv__tensor_bytes(tensor));
        fv__write_end(&writer);
    }
    fv_tensor_free(context, &copy);
    return fv_failed(context);
}
