/* What a tensor is: element types, extents, strides, and the checks and texts
 * that go with them. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t fv_dtype_bytes(fv_dtype dtype)
{
    switch (dtype) {
    case FV_U8:
    case FV_I8:
    case FV_BOOL:
        return 1;
    case FV_I16:
        return 2;
    case FV_F32:
    case FV_I32:
        return 4;
    case FV_F64:
    case FV_I64:
        return 8;
    }
    return 0;
}

const char *fv_dtype_name(fv_dtype dtype)
{
    switch (dtype) {
    case FV_F32:
        return "f32";
    case FV_F64:
        return "f64";
    case FV_U8:
        return "u8";
    case FV_I8:
        return "i8";
    case FV_I16:
        return "i16";
    case FV_I32:
        return "i32";
    case FV_I64:
        return "i64";
    case FV_BOOL:
        return "bool";
    }
    return "unknown";
}

fv_tensor fv__tensor_failed(void) { return (fv_tensor){ .rank = -1 }; }

void fv__tensor_strides(fv_tensor *tensor)
{
    int64_t stride = 1;
    for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
        tensor->stride[axis] = stride;
        /* An extent of 0 must not make the other strides 0: a stride of 0
         * says that elements repeat. */
        stride *= fv__max(tensor->shape[axis], 1);
    }
}

fv_tensor fv_tensor_of(void *data, fv_dtype dtype, int32_t rank,
                       const int64_t shape[])
{
    if (rank < 0 || rank > FV_MAX_RANK || (rank > 0 && !shape)
        || fv_dtype_bytes(dtype) == 0 || fv__product(rank, shape) < 0)
        return fv__tensor_failed();
    fv_tensor tensor = { .data = data, .dtype = dtype, .rank = rank };
    for (int32_t axis = 0; axis < rank; axis++)
        tensor.shape[axis] = shape[axis];
    fv__tensor_strides(&tensor);
    return tensor;
}

int64_t fv_tensor_count(const fv_tensor *tensor)
{
    if (!tensor || tensor->rank < 0) return 0;
    return fv__max(fv__product(tensor->rank, tensor->shape), 0);
}

size_t fv__tensor_bytes(const fv_tensor *tensor)
{
    return (size_t)fv_tensor_count(tensor) * fv_dtype_bytes(tensor->dtype);
}

int fv_tensor_is_contiguous(const fv_tensor *tensor)
{
    if (!tensor || tensor->rank < 0) return 0;
    int64_t expected = 1;
    bool packed = true;
    for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
        if (tensor->shape[axis] == 0) return 1;
        if (tensor->shape[axis] == 1) continue;
        if (tensor->stride[axis] != expected) packed = false;
        expected *= tensor->shape[axis];
    }
    return packed;
}

int fv_tensor_same_shape(const fv_tensor *a, const fv_tensor *b)
{
    if (!a || !b || a->rank < 0 || a->rank != b->rank) return 0;
    for (int32_t axis = 0; axis < a->rank; axis++)
        if (a->shape[axis] != b->shape[axis]) return 0;
    return 1;
}

const char *fv__shape_text(char *out, size_t bytes, int32_t rank,
                           const int64_t *shape)
{
    if (bytes == 0) return out;
    size_t length = 0;
    const char *before = "[";
    out[0] = '\0';
    for (int32_t axis = 0; axis < rank && length < bytes; axis++) {
        int wrote = snprintf(out + length, bytes - length, "%s%" PRId64, before,
                             shape[axis]);
        length += wrote > 0 ? (size_t)wrote : 0;
        before = ", ";
    }
    if (length < bytes)
        snprintf(out + length, bytes - length, rank > 0 ? "]" : "[]");
    return out;
}

bool fv__tensor_check(fv_context *context, const char *who,
                      const fv_tensor *tensor)
{
    char text[FV__SHAPE_BYTES];
    if (!fv__ok(context)) return false;
    if (!tensor || tensor->rank < 0 || tensor->rank > FV_MAX_RANK)
        fv_fail(context, FV_MISUSE, "%s: no tensor", who);
    else if (fv_dtype_bytes(tensor->dtype) == 0)
        fv_fail(context, FV_MISUSE, "%s: unknown element type %d", who,
                (int)tensor->dtype);
    else if (fv__product(tensor->rank, tensor->shape) < 0)
        fv_fail(context, FV_MISUSE,
                "%s: shape %s has a negative extent or too many elements", who,
                fv__shape_text(text, sizeof text, tensor->rank, tensor->shape));
    else if (!tensor->data && fv_tensor_count(tensor) > 0)
        fv_fail(context, FV_MISUSE, "%s: the tensor has no memory", who);
    return fv__ok(context);
}

bool fv__tensor_axis(fv_context *context, const char *who, int32_t rank,
                     int32_t *axis)
{
    int32_t wanted = *axis;
    if (rank <= 0) {
        fv_fail(context, FV_MISUSE, "%s: axis %d of a tensor of rank 0", who,
                wanted);
        return false;
    }
    if (wanted < -rank || wanted >= rank) {
        fv_fail(context, FV_MISUSE, "%s: axis %d is outside 0..%d", who, wanted,
                rank - 1);
        return false;
    }
    if (wanted < 0) *axis += rank;
    return true;
}

bool fv__tensor_index(fv_context *context, const char *who,
                      const fv_tensor *tensor, int32_t axis, int64_t *index)
{
    int64_t extent = tensor->shape[axis], wanted = *index;
    if (wanted >= -extent && wanted < extent) {
        if (wanted < 0) *index += extent;
        return true;
    }
    if (extent == 0)
        fv_fail(context, FV_MISUSE,
                "%s: index %" PRId64 " of axis %d, which is empty", who, wanted,
                axis);
    else
        fv_fail(context, FV_MISUSE,
                "%s: index %" PRId64 " of axis %d is outside 0..%" PRId64, who,
                wanted, axis, extent - 1);
    return false;
}

bool fv__broadcast_shape(const fv_tensor *a, const fv_tensor *b, int32_t *rank,
                         int64_t *shape)
{
    if (a->rank < b->rank) {
        const fv_tensor *longer = b;
        b = a;
        a = longer;
    }
    int32_t missing = a->rank - b->rank;
    *rank = a->rank;
    for (int32_t axis = 0; axis < a->rank; axis++) {
        int64_t extent = a->shape[axis];
        int64_t other = axis < missing ? 1 : b->shape[axis - missing];
        if (extent != other && extent != 1 && other != 1) return false;
        shape[axis] = extent == 1 ? other : extent;
    }
    return b->rank >= 0;
}
