/* Tensors as text: nested lists, long axes shortened. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An axis longer than LONGEST shows its first and last ENDS elements. */
enum { LONGEST = 8, ENDS = 3 };

typedef struct sink {
    char *text;
    size_t bytes, length;
} sink;

static void put(sink *out, const char *text)
{
    for (; *text; text++, out->length++)
        if (out->length + 1 < out->bytes) out->text[out->length] = *text;
}

const char *fv__element_text(fv_dtype dtype, const void *at,
                             char out[FV__NUMBER_BYTES])
{
    double number;
    int64_t whole;
    if (!fv__dtype_is_real(dtype)) {
        fv__load_integers(dtype, at, 1, 1, &whole);
        snprintf(out, FV__NUMBER_BYTES, "%" PRId64, whole);
        return out;
    }
    fv__load_doubles(dtype, at, 1, 1, &number);
    return dtype == FV_F32 ? fv__number_text_f32((float)number, out)
                           : fv__number_text(number, out);
}

/* Between two elements of an axis: numbers stay on a line, lists begin a new
 * one under their neighbour, lists of lists after an empty one. */
static void put_break(sink *out, int32_t axis, int32_t rank)
{
    if (axis == rank - 1) {
        put(out, ", ");
        return;
    }
    put(out, ",");
    for (int32_t i = axis; i < rank - 1; i++) put(out, "\n");
    for (int32_t i = 0; i <= axis; i++) put(out, " ");
}

static void put_axis(sink *out, const fv_tensor *tensor, int32_t axis,
                     int64_t offset)
{
    if (axis == tensor->rank) {
        char number[FV__NUMBER_BYTES];
        put(out, fv__element_text(tensor->dtype,
                                  fv__tensor_byte(tensor, offset), number));
        return;
    }
    int64_t extent = tensor->shape[axis];
    put(out, "[");
    for (int64_t i = 0; i < extent; i++) {
        if (i > 0) put_break(out, axis, tensor->rank);
        if (extent > LONGEST && i == ENDS) {
            put(out, "...");
            i = extent - ENDS - 1;
        } else {
            put_axis(out, tensor, axis + 1, offset + i * tensor->stride[axis]);
        }
    }
    put(out, "]");
}

size_t fv_tensor_format(const fv_tensor *tensor, char *text, size_t bytes)
{
    sink out = { .text = text, .bytes = text ? bytes : 0 };
    if (!tensor || tensor->rank < 0 || tensor->rank > FV_MAX_RANK
        || fv_dtype_bytes(tensor->dtype) == 0)
        put(&out, "(no tensor)");
    else if (!tensor->data && fv_tensor_count(tensor) > 0)
        put(&out, "(no memory)");
    else
        put_axis(&out, tensor, 0, 0);
    if (out.bytes > 0)
        out.text[fv__min((int64_t)out.length, (int64_t)out.bytes - 1)] = '\0';
    return out.length;
}
