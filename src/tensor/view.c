/* Views: other shapes and strides over the same memory. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <string.h>

fv_tensor fv_tensor_slice(fv_context *context, const fv_tensor *tensor,
                          int32_t axis, int64_t start, int64_t stop,
                          int64_t step)
{
    if (!fv__tensor_check(context, "slice", tensor)
        || !fv__tensor_axis(context, "slice", tensor->rank, &axis))
        return fv__tensor_failed();
    int64_t extent = tensor->shape[axis], first = start, end = stop;
    if (first < 0) first += extent;
    if (end < 0) end += extent;
    if (step < 1) {
        fv_fail(context, FV_MISUSE, "slice: step %" PRId64 " is below 1", step);
        return fv__tensor_failed();
    }
    if (first < 0 || first > fv__max(extent - 1, 0)) {
        fv_fail(context, FV_MISUSE,
                "slice: start %" PRId64 " of axis %d is outside 0..%" PRId64,
                start, axis, fv__max(extent - 1, 0));
        return fv__tensor_failed();
    }
    end = fv__max(fv__min(end, extent), first);
    fv_tensor view = *tensor;
    view.shape[axis] = end > first ? (end - first - 1) / step + 1 : 0;
    if (end > first)
        view.data = fv__tensor_byte(tensor, first * tensor->stride[axis]);
    if (view.shape[axis] > 1) view.stride[axis] *= step;
    return view;
}

fv_tensor fv_tensor_at(fv_context *context, const fv_tensor *tensor,
                       int32_t axis, int64_t index)
{
    if (!fv__tensor_check(context, "tensor", tensor)
        || !fv__tensor_axis(context, "tensor", tensor->rank, &axis)
        || !fv__tensor_index(context, "tensor", tensor, axis, &index))
        return fv__tensor_failed();
    fv_tensor view = *tensor;
    if (fv_tensor_count(tensor) > 0)
        view.data = fv__tensor_byte(tensor, index * tensor->stride[axis]);
    view.rank--;
    for (int32_t i = axis; i < view.rank; i++) {
        view.shape[i] = view.shape[i + 1];
        view.stride[i] = view.stride[i + 1];
    }
    view.shape[view.rank] = view.stride[view.rank] = 0;
    return view;
}

fv_tensor fv_tensor_permute(fv_context *context, const fv_tensor *tensor,
                            const int32_t axes[])
{
    if (!fv__tensor_check(context, "permute", tensor))
        return fv__tensor_failed();
    if (!axes && tensor->rank > 0) {
        fv_fail(context, FV_MISUSE, "permute: no axes");
        return fv__tensor_failed();
    }
    fv_tensor view = *tensor;
    bool used[FV_MAX_RANK] = { false };
    for (int32_t i = 0; i < tensor->rank; i++) {
        int32_t axis = axes[i];
        if (!fv__tensor_axis(context, "permute", tensor->rank, &axis))
            return fv__tensor_failed();
        if (used[axis]) {
            fv_fail(context, FV_MISUSE, "permute: axis %d is named twice",
                    axis);
            return fv__tensor_failed();
        }
        used[axis] = true;
        view.shape[i] = tensor->shape[axis];
        view.stride[i] = tensor->stride[axis];
    }
    return view;
}

/* Checks rank and extents of a requested shape: at most one is -1. *open is its
 * axis (-1: none), *known the product of the others. */
static bool check_request(fv_context *context, const char *who, int32_t rank,
                          const int64_t shape[], int32_t *open, int64_t *known)
{
    char text[FV__SHAPE_BYTES];
    if (rank < 0 || rank > FV_MAX_RANK)
        fv_fail(context, FV_MISUSE, "%s: rank %d is outside 0..%d", who, rank,
                FV_MAX_RANK);
    else if (rank > 0 && !shape)
        fv_fail(context, FV_MISUSE, "%s: no extents", who);
    if (!fv__ok(context)) return false;
    int64_t others[FV_MAX_RANK] = { 0 };
    *open = -1;
    for (int32_t axis = 0; axis < rank; axis++) {
        others[axis] = shape[axis];
        if (shape[axis] >= 0) continue;
        if (shape[axis] != -1 || *open >= 0) {
            fv_fail(context, FV_MISUSE,
                    *open >= 0 && shape[axis] == -1
                        ? "%s: %s leaves more than one extent open"
                        : "%s: %s has a negative extent",
                    who, fv__shape_text(text, sizeof text, rank, shape));
            return false;
        }
        *open = axis;
        others[axis] = 1;
    }
    *known = fv__product(rank, others);
    return true;
}

fv_tensor fv_tensor_reshape(fv_context *context, const fv_tensor *tensor,
                            int32_t rank, const int64_t shape[])
{
    int32_t open;
    int64_t known, count = fv_tensor_count(tensor);
    char text[FV__SHAPE_BYTES], strides[FV__SHAPE_BYTES];
    if (!fv__tensor_check(context, "reshape", tensor)
        || !check_request(context, "reshape", rank, shape, &open, &known))
        return fv__tensor_failed();
    fv__shape_text(text, sizeof text, rank, shape);
    if (!fv_tensor_is_contiguous(tensor))
        fv_fail(context, FV_MISUSE,
                "reshape: %s with strides %s is not contiguous",
                fv__shape_text(text, sizeof text, tensor->rank, tensor->shape),
                fv__shape_text(strides, sizeof strides, tensor->rank,
                               tensor->stride));
    else if (known < 0)
        fv_fail(context, FV_MISUSE,
                "reshape: %" PRId64 " elements do not fill %s", count, text);
    else if (open >= 0 && (known == 0 || count % known != 0))
        fv_fail(context, FV_MISUSE,
                "reshape: %" PRId64 " elements do not fill %s", count, text);
    else if (open < 0 && known != count)
        fv_fail(context, FV_MISUSE,
                "reshape: %" PRId64 " elements do not fill %s (%" PRId64 ")",
                count, text, known);
    if (!fv__ok(context)) return fv__tensor_failed();
    int64_t extents[FV_MAX_RANK] = { 0 };
    for (int32_t axis = 0; axis < rank; axis++)
        extents[axis] = axis == open ? count / known : shape[axis];
    return fv_tensor_of(tensor->data, tensor->dtype, rank, extents);
}

fv_tensor fv_tensor_broadcast(fv_context *context, const fv_tensor *tensor,
                              int32_t rank, const int64_t shape[])
{
    int32_t open;
    int64_t known;
    if (!fv__tensor_check(context, "broadcast", tensor)
        || !check_request(context, "broadcast", rank, shape, &open, &known))
        return fv__tensor_failed();
    fv_tensor view = { .data = tensor->data,
                       .dtype = tensor->dtype,
                       .rank = rank };
    int32_t missing = rank - tensor->rank;
    bool fits = missing >= 0 && open < 0 && known >= 0;
    for (int32_t axis = 0; fits && axis < rank; axis++) {
        int64_t extent = axis < missing ? 1 : tensor->shape[axis - missing];
        view.shape[axis] = shape[axis];
        if (extent == shape[axis] && axis >= missing)
            view.stride[axis] = tensor->stride[axis - missing];
        else if (extent != 1)
            fits = false;
    }
    if (fits) return view;
    char from[FV__SHAPE_BYTES], to[FV__SHAPE_BYTES];
    fv_fail(context, FV_MISUSE, "broadcast: %s does not fit %s",
            fv__shape_text(from, sizeof from, tensor->rank, tensor->shape),
            fv__shape_text(to, sizeof to, rank, shape));
    return fv__tensor_failed();
}

fv_tensor fv_tensor_view_as(fv_context *context, const fv_tensor *tensor,
                            fv_dtype dtype)
{
    if (!fv__tensor_check(context, "view_as", tensor))
        return fv__tensor_failed();
    char text[FV__SHAPE_BYTES];
    fv__shape_text(text, sizeof text, tensor->rank, tensor->shape);
    int64_t from = (int64_t)fv_dtype_bytes(tensor->dtype);
    int64_t to = (int64_t)fv_dtype_bytes(dtype);
    int32_t last = tensor->rank - 1;
    if (to == 0)
        fv_fail(context, FV_MISUSE, "view_as: unknown element type %d",
                (int)dtype);
    else if (!fv_tensor_is_contiguous(tensor))
        fv_fail(context, FV_MISUSE, "view_as: %s is not contiguous", text);
    else if (from != to && (last < 0 || tensor->shape[last] * from % to != 0))
        fv_fail(context, FV_MISUSE,
                "view_as: the last axis of %s %s does not divide into %s",
                fv_dtype_name(tensor->dtype), text, fv_dtype_name(dtype));
    else if ((uintptr_t)tensor->data % (size_t)to != 0)
        fv_fail(context, FV_MISUSE,
                "view_as: the memory is not aligned to the %d bytes of %s",
                (int)to, fv_dtype_name(dtype));
    if (!fv__ok(context)) return fv__tensor_failed();
    int64_t shape[FV_MAX_RANK];
    memcpy(shape, tensor->shape, sizeof shape);
    if (from != to) shape[last] = shape[last] * from / to;
    return fv_tensor_of(tensor->data, dtype, tensor->rank, shape);
}
