/* Places in a tensor that indices name. */
#include "op/index/places.h"

#include <string.h>

static int32_t vector_of(const fv_tensor *indices)
{
    return (int32_t)indices->shape[indices->rank - 1];
}

static fv_status infer_vectors(const fv_inference *inference,
                               fv_tensor *elements)
{
    const fv__places *places = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *indices = inference->inputs[1];
    const int32_t batch = places->batch;
    bool fits = batch >= 0 && batch < indices->rank && batch <= x->rank;
    for (int32_t i = 0; fits && i < batch; i++)
        fits = indices->shape[i] == x->shape[i];
    char is[FV__SHAPE_BYTES], of[FV__SHAPE_BYTES];
    if (batch && !fits)
        return fv_fail(
            inference->context, FV_MISUSE,
            "%s: indices %s do not have the first %d axes of %s",
            inference->name,
            fv__shape_text(is, sizeof is, indices->rank, indices->shape), batch,
            fv__shape_text(of, sizeof of, x->rank, x->shape));
    if (!fits || indices->shape[indices->rank - 1] > x->rank - batch)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the last axis of the indices is not a vector of at "
                       "most %d",
                       inference->name, x->rank - batch);
    const int32_t named = batch + vector_of(indices);
    const int32_t rank = indices->rank - 1 + x->rank - named;
    if (rank > FV_MAX_RANK)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the result would have rank %d, above %d",
                       inference->name, rank, FV_MAX_RANK);
    elements->rank = rank;
    for (int32_t i = 0; i < rank; i++)
        elements->shape[i] = i < indices->rank - 1
                                 ? indices->shape[i]
                                 : x->shape[i - indices->rank + 1 + named];
    return FV_OK;
}

fv_status fv__places_infer(const fv_inference *inference, fv_tensor *elements)
{
    const fv__places *places = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *indices = inference->inputs[1];
    int32_t axis;
    fv_status status = fv__infer_indices(inference, 1);
    if (status) return status;
    *elements = *x;
    if (places->vectors) return infer_vectors(inference, elements);
    status = fv__infer_axis(inference, places->axis, x->rank, &axis);
    if (status) return status;
    bool fits = indices->rank == x->rank;
    for (int32_t i = 0; fits && i < x->rank; i++)
        fits = i == axis || indices->shape[i] <= x->shape[i];
    memcpy(elements->shape, indices->shape, sizeof elements->shape);
    if (fits) return FV_OK;
    char is[FV__SHAPE_BYTES], of[FV__SHAPE_BYTES];
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: indices %s do not fit %s", inference->name,
                   fv__shape_text(is, sizeof is, indices->rank, indices->shape),
                   fv__shape_text(of, sizeof of, x->rank, x->shape));
}

int64_t fv__places_count(const fv__places *places, const fv_tensor *indices)
{
    return places->vectors ? fv__product(indices->rank - 1, indices->shape)
                           : fv_tensor_count(indices);
}

int64_t fv__places_size(const fv__places *places, const fv_tensor *x,
                        const fv_tensor *indices)
{
    if (!places->vectors) return 1;
    const int32_t named = places->batch + vector_of(indices);
    return fv__product(x->rank - named, x->shape + named);
}

/* The offset of an index of an axis; -1 if it is out of range. */
static int64_t offset_of(const fv_tensor *x, int32_t axis, int64_t index)
{
    if (index < 0) index += x->shape[axis];
    return index < 0 || index >= x->shape[axis] ? -1 : index * x->stride[axis];
}

int64_t fv__place_at(const fv__places *places, const fv_tensor *x,
                     const fv_tensor *indices, int64_t k)
{
    int64_t at = 0;
    if (places->vectors) {
        const int32_t vector = vector_of(indices), batch = places->batch;
        if (batch)
            at =
                k
                / fv__product(indices->rank - 1 - batch, indices->shape + batch)
                * x->stride[batch - 1];
        for (int32_t i = 0; i < vector; i++) {
            const int64_t offset =
                offset_of(x, batch + i, fv__index_get(indices, k * vector + i));
            if (offset < 0) return -1;
            at += offset;
        }
        return at;
    }
    const int32_t axis =
        places->axis < 0 ? places->axis + x->rank : places->axis;
    const int64_t offset = offset_of(x, axis, fv__index_get(indices, k));
    if (offset < 0) return -1;
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        if (i != axis) at += k % indices->shape[i] * x->stride[i];
        k /= indices->shape[i];
    }
    return at + offset;
}
