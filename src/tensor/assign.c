/* Copies and conversions of whole tensors; a number that the target's element
 * type cannot hold is an error that names it. */
#include "tensor/tensor.h"

static const char *range_of(fv_dtype dtype)
{
    switch (dtype) {
    case FV_F32:
        return "-3.40282e+38..3.40282e+38";
    case FV_F64:
        return "-1.79769e+308..1.79769e+308";
    case FV_U8:
        return "0..255";
    case FV_I8:
        return "-128..127";
    case FV_I16:
        return "-32768..32767";
    case FV_I32:
        return "-2147483648..2147483647";
    case FV_I64:
        return "-9223372036854775808..9223372036854775807";
    case FV_BOOL:
        return "0..1";
    }
    return "nothing";
}

fv_status fv__tensor_misfit(fv_context *context, const char *who,
                            const fv_tensor *from, int64_t flat, fv_dtype dtype)
{
    int64_t index[FV_MAX_RANK] = { 0 }, at = 0;
    for (int32_t axis = from->rank - 1; axis >= 0; axis--) {
        index[axis] = flat % from->shape[axis];
        flat /= from->shape[axis];
        at += index[axis] * from->stride[axis];
    }
    char where[FV__SHAPE_BYTES];
    fv__shape_text(where, sizeof where, from->rank, index);
    const char *type = fv_dtype_name(dtype), *range = range_of(dtype);
    char number[FV__NUMBER_BYTES];
    fv__element_text(from->dtype, fv__tensor_byte(from, at), number);
    return fv_fail(context, FV_MISUSE, "%s: element %s is %s, outside %s of %s",
                   who, where, number, range, type);
}

fv_status fv__tensor_assign(fv_context *context, const char *who,
                            const fv_tensor *to, const fv_tensor *from)
{
    fv_tensor between = fv__tensor_failed();
    if (fv__tensor_overlap(to, from)) {
        between = fv_tensor_dup(context, from);
        if (between.rank < 0) return fv_failed(context);
        from = &between;
    }
    int64_t misfit = fv__tensor_convert_elements(to, from);
    if (misfit >= 0) fv__tensor_misfit(context, who, from, misfit, to->dtype);
    fv_tensor_free(context, &between);
    return fv_failed(context);
}

static bool check_copy(fv_context *context, const fv_tensor *to,
                       const fv_tensor *from)
{
    char into[FV__SHAPE_BYTES], out_of[FV__SHAPE_BYTES];
    if (!fv_tensor_same_shape(to, from))
        fv_fail(context, FV_MISUSE, "copy: %s does not fit %s",
                fv__shape_text(out_of, sizeof out_of, from->rank, from->shape),
                fv__shape_text(into, sizeof into, to->rank, to->shape));
    else if (to->dtype != from->dtype)
        fv_fail(context, FV_MISUSE, "copy: %s elements into %s",
                fv_dtype_name(from->dtype), fv_dtype_name(to->dtype));
    for (int32_t axis = 0; fv__ok(context) && axis < to->rank; axis++)
        if (to->shape[axis] > 1 && to->stride[axis] == 0)
            fv_fail(context, FV_MISUSE,
                    "copy: axis %d of the target repeats one element", axis);
    return fv__ok(context);
}

fv_status fv_tensor_copy(fv_context *context, const fv_tensor *to,
                         const fv_tensor *from)
{
    if (!fv__tensor_check(context, "copy", to)
        || !fv__tensor_check(context, "copy", from)
        || !check_copy(context, to, from))
        return fv_failed(context);
    return fv__tensor_assign(context, "copy", to, from);
}

fv_tensor fv_tensor_convert(fv_context *context, const fv_tensor *tensor,
                            fv_dtype dtype)
{
    if (!fv__tensor_check(context, "convert", tensor))
        return fv__tensor_failed();
    fv_tensor result =
        fv_tensor_new(context, dtype, tensor->rank, tensor->shape);
    if (result.rank < 0) return result;
    int64_t misfit = fv__tensor_convert_elements(&result, tensor);
    if (misfit >= 0) {
        fv__tensor_misfit(context, "convert", tensor, misfit, dtype);
        fv_tensor_free(context, &result);
    }
    return result;
}
