/* Picking elements: rows by index, the largest of an axis, a single one. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>

static bool check_take(fv_context *context, const fv_tensor *tensor,
                       const fv_tensor *index)
{
    if (!fv__tensor_check(context, "take", tensor)
        || !fv__tensor_check(context, "take", index))
        return false;
    if (tensor->rank == 0)
        fv_fail(context, FV_MISUSE, "take: a tensor of rank 0 has no rows");
    else if (fv__dtype_is_real(index->dtype))
        fv_fail(context, FV_MISUSE, "take: indices are %s, not integers",
                fv_dtype_name(index->dtype));
    else if (tensor->rank - 1 + index->rank > FV_MAX_RANK)
        fv_fail(context, FV_MISUSE,
                "take: the result would have rank %d, above %d",
                tensor->rank - 1 + index->rank, FV_MAX_RANK);
    return fv__ok(context);
}

/* Copies one row of the tensor, chosen by the user's index, to the rows. */
static bool take_row(fv_context *context, const fv_tensor *rows, int64_t number,
                     const fv_tensor *tensor, int64_t index)
{
    if (!fv__tensor_index(context, "take", tensor, 0, &index)) return false;
    fv_tensor to = fv_tensor_at(context, rows, 0, number);
    fv_tensor from = fv_tensor_at(context, tensor, 0, index);
    fv__tensor_copy_elements(&to, &from);
    return true;
}

fv_tensor fv_tensor_take(fv_context *context, const fv_tensor *tensor,
                         const fv_tensor *index)
{
    if (!check_take(context, tensor, index)) return fv__tensor_failed();
    int64_t shape[FV_MAX_RANK], row_shape[FV_MAX_RANK];
    int32_t rank = 0;
    for (int32_t axis = 0; axis < index->rank; axis++)
        shape[rank++] = index->shape[axis];
    row_shape[0] = fv_tensor_count(index);
    for (int32_t axis = 1; axis < tensor->rank; axis++)
        shape[rank++] = row_shape[axis] = tensor->shape[axis];
    fv_tensor result = fv_tensor_new(context, tensor->dtype, rank, shape);
    if (result.rank < 0) return result;
    fv_tensor rows =
        fv_tensor_of(result.data, result.dtype, tensor->rank, row_shape);
    fv__walk walk; /* of the index alone, row-major */
    if (!fv__walk_begin(&walk, index, index, false)) return result;
    int64_t at[FV_MAX_RANK] = { 0 }, offset = 0, same = 0, number = 0;
    do {
        int64_t wanted;
        fv__load_integers(index->dtype, fv__tensor_byte(index, offset), 1, 1,
                          &wanted);
        if (!take_row(context, &rows, number++, tensor, wanted)) {
            fv_tensor_free(context, &result);
            return result;
        }
    } while (fv__walk_next(&walk, walk.rank, at, &offset, &same));
    return result;
}

/* Position of the first largest of n numbers; NaN is larger than all. */
static int64_t largest_real(const fv_tensor *line)
{
    int64_t best = 0;
    double most = -(double)INFINITY;
    for (int64_t i = 0; i < line->shape[0]; i++) {
        double number;
        fv__load_doubles(line->dtype,
                         fv__tensor_byte(line, i * line->stride[0]), 1, 1,
                         &number);
        if (isnan(number)) return i;
        if (number > most) {
            most = number;
            best = i;
        }
    }
    return best;
}

static int64_t largest_integer(const fv_tensor *line)
{
    int64_t best = 0, most = INT64_MIN;
    for (int64_t i = 0; i < line->shape[0]; i++) {
        int64_t number;
        fv__load_integers(line->dtype,
                          fv__tensor_byte(line, i * line->stride[0]), 1, 1,
                          &number);
        if (number > most) {
            most = number;
            best = i;
        }
    }
    return best;
}

fv_tensor fv_tensor_argmax(fv_context *context, const fv_tensor *tensor,
                           int32_t axis)
{
    if (!fv__tensor_check(context, "argmax", tensor)
        || !fv__tensor_axis(context, "argmax", tensor->rank, &axis))
        return fv__tensor_failed();
    if (tensor->shape[axis] == 0) {
        fv_fail(context, FV_MISUSE, "argmax: axis %d is empty", axis);
        return fv__tensor_failed();
    }
    fv_tensor starts = fv_tensor_at(context, tensor, axis, 0);
    fv_tensor result =
        fv_tensor_new(context, FV_I64, starts.rank, starts.shape);
    fv__walk walk;
    if (result.rank < 0 || !fv__walk_begin(&walk, &result, &starts, false))
        return result;
    fv_tensor line = fv_tensor_of(NULL, tensor->dtype, 1, tensor->shape + axis);
    line.stride[0] = tensor->stride[axis];
    int64_t index[FV_MAX_RANK] = { 0 }, to = 0, from = 0;
    do {
        line.data = fv__tensor_byte(&starts, from);
        ((int64_t *)result.data)[to] = fv__dtype_is_real(tensor->dtype)
                                           ? largest_real(&line)
                                           : largest_integer(&line);
    } while (fv__walk_next(&walk, walk.rank, index, &to, &from));
    return result;
}

double fv_tensor_get(fv_context *context, const fv_tensor *tensor,
                     const int64_t index[])
{
    double number = (double)NAN;
    if (!fv__tensor_check(context, "tensor", tensor)) return number;
    if (!index && tensor->rank > 0) {
        fv_fail(context, FV_MISUSE, "tensor: no index");
        return number;
    }
    int64_t offset = 0;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        int64_t at = index[axis];
        if (!fv__tensor_index(context, "tensor", tensor, axis, &at))
            return number;
        offset += at * tensor->stride[axis];
    }
    fv__load_doubles(tensor->dtype, fv__tensor_byte(tensor, offset), 1, 1,
                     &number);
    return number;
}
