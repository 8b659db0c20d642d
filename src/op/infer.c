/* Checks and results that shape rules share. */
#include "op/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

fv_status fv__infer_float(const fv_inference *inference, int32_t k)
{
    fv_dtype is = inference->inputs[k]->dtype;
    fv_dtype expected = inference->context->dtype;
    if (is == expected) return FV_OK;
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: operand %d has type %s, expected %s", inference->name,
                   k + 1, fv_dtype_name(is), fv_dtype_name(expected));
}

fv_status fv__infer_floats(const fv_inference *inference)
{
    for (int32_t k = 0; k < inference->num_inputs; k++) {
        fv_status status = fv__infer_float(inference, k);
        if (status) return status;
    }
    return FV_OK;
}

static bool is_whole(fv_dtype dtype)
{
    return !fv__dtype_is_real(dtype) && dtype != FV_BOOL;
}

static fv_status type_is(const fv_inference *inference, int32_t k,
                         const char *expected)
{
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: operand %d has type %s, expected %s", inference->name,
                   k + 1, fv_dtype_name(inference->inputs[k]->dtype), expected);
}

fv_status fv__infer_one_type(const fv_inference *inference)
{
    const fv_dtype first = inference->inputs[0]->dtype;
    for (int32_t k = 1; k < inference->num_inputs; k++)
        if (inference->inputs[k]->dtype != first)
            return type_is(inference, k, fv_dtype_name(first));
    return FV_OK;
}

fv_status fv__infer_numbers(const fv_inference *inference)
{
    if (is_whole(inference->inputs[0]->dtype))
        return fv__infer_one_type(inference);
    return fv__infer_floats(inference);
}

fv_status fv__infer_indices(const fv_inference *inference, int32_t k)
{
    const fv_dtype is = inference->inputs[k]->dtype;
    if (is == FV_I32 || is == FV_I64) return FV_OK;
    return type_is(inference, k, "i64 or i32");
}

fv_status fv__infer_truth(const fv_inference *inference, int32_t k)
{
    if (inference->inputs[k]->dtype == FV_BOOL) return FV_OK;
    return type_is(inference, k, "bool");
}

fv_status fv__infer_least_rank(const fv_inference *inference, int32_t k,
                               int32_t rank)
{
    int32_t is = inference->inputs[k]->rank;
    if (is >= rank) return FV_OK;
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: operand %d has rank %d, expected %d or more",
                   inference->name, k + 1, is, rank);
}

const char *fv__pattern_text(char *out, size_t bytes, int32_t rank,
                             const int64_t *shape)
{
    size_t at = (size_t)snprintf(out, bytes, "[");
    for (int32_t axis = 0; axis < rank && at < bytes; axis++) {
        const char *comma = axis ? ", " : "";
        int more = shape[axis] < 0
                       ? snprintf(out + at, bytes - at, "%s*", comma)
                       : snprintf(out + at, bytes - at, "%s%" PRId64, comma,
                                  shape[axis]);
        at += (size_t)more;
    }
    if (at < bytes) snprintf(out + at, bytes - at, "]");
    return out;
}

static fv_status shape_is(const fv_inference *inference, const char *noun,
                          int32_t k, int32_t rank, const int64_t *shape)
{
    const fv_tensor *input = inference->inputs[k];
    bool fits = input->rank == rank;
    for (int32_t axis = 0; fits && axis < rank; axis++)
        fits = shape[axis] < 0 || input->shape[axis] == shape[axis];
    if (fits) return FV_OK;
    char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: %s %d has shape %s, expected %s", inference->name, noun,
                   k + 1,
                   fv__shape_text(is, sizeof is, input->rank, input->shape),
                   fv__pattern_text(expected, sizeof expected, rank, shape));
}

fv_status fv__infer_shape(const fv_inference *inference, int32_t k,
                          int32_t rank, const int64_t *shape)
{
    return shape_is(inference, "operand", k, rank, shape);
}

fv_status fv__infer_part(const fv_inference *inference, int32_t k, int32_t rank,
                         const int64_t *shape)
{
    return shape_is(inference, "part", k, rank, shape);
}

fv_status fv__infer_axis(const fv_inference *inference, int32_t axis,
                         int32_t rank, int32_t *normalised)
{
    *normalised = axis;
    if (fv__tensor_axis(inference->context, inference->name, rank, normalised))
        return FV_OK;
    return fv_failed(inference->context);
}

fv_status fv__infer_output(fv_inference *inference, int32_t rank,
                           const int64_t *shape)
{
    fv_tensor *output = &inference->outputs[0];
    output->dtype = inference->context->dtype;
    output->rank = rank;
    memcpy(output->shape, shape, (size_t)rank * sizeof *shape);
    return FV_OK;
}

fv_status fv__infer_moved(fv_inference *inference, int32_t rank,
                          const int64_t *shape)
{
    fv__infer_output(inference, rank, shape);
    inference->outputs[0].dtype = inference->inputs[0]->dtype;
    return FV_OK;
}

fv_status fv__infer_same(fv_inference *inference)
{
    fv_status status = fv__infer_float(inference, 0);
    if (status) return status;
    const fv_tensor *input = inference->inputs[0];
    return fv__infer_output(inference, input->rank, input->shape);
}

fv_status fv__infer_broadcast(fv_inference *inference)
{
    fv_status status = fv__infer_floats(inference);
    if (status) return status;
    return fv__infer_broadcast_type(inference, 0, inference->context->dtype);
}

fv_status fv__infer_broadcast_type(fv_inference *inference, int32_t first,
                                   fv_dtype dtype)
{
    fv_tensor all = *inference->inputs[first];
    for (int32_t k = first + 1; k < inference->num_inputs; k++) {
        const fv_tensor a = all, *b = inference->inputs[k];
        char left[FV__SHAPE_BYTES], right[FV__SHAPE_BYTES];
        if (fv__broadcast_shape(&a, b, &all.rank, all.shape)) continue;
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: shapes %s and %s do not broadcast", inference->name,
                       fv__shape_text(left, sizeof left, a.rank, a.shape),
                       fv__shape_text(right, sizeof right, b->rank, b->shape));
    }
    fv__infer_output(inference, all.rank, all.shape);
    inference->outputs[0].dtype = dtype;
    return FV_OK;
}

/* Which axes are reduced. */
static fv_status find_axes(fv_inference *inference, bool named[FV_MAX_RANK])
{
    const fv__reduction *reduction = inference->attributes;
    const int32_t rank = inference->inputs[0]->rank;
    for (int32_t i = 0; i < rank; i++) named[i] = reduction->count == 0;
    for (int32_t i = 0; i < reduction->count; i++) {
        int32_t axis;
        const fv_status status =
            fv__infer_axis(inference, reduction->axes[i], rank, &axis);
        if (status) return status;
        if (named[axis])
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: axis %d is named twice", inference->name, axis);
        named[axis] = true;
    }
    return FV_OK;
}

/* The shape of a reduction's result. */
static fv_status infer_reduced(fv_inference *inference, bool any)
{
    const fv__reduction *reduction = inference->attributes;
    const fv_tensor *input = inference->inputs[0];
    bool named[FV_MAX_RANK] = { false };
    int64_t shape[FV_MAX_RANK], reduced = 1;
    int32_t rank = 0, axis = 0;
    const fv_status status = find_axes(inference, named);
    if (status) return status;
    for (int32_t i = 0; i < input->rank; i++) {
        if (named[i]) reduced *= input->shape[i];
        if (named[i] && input->shape[i] == 0) axis = i;
        if (!named[i] || reduction->keep)
            shape[rank++] = named[i] ? 1 : input->shape[i];
    }
    if (any && reduced == 0) {
        char text[FV__SHAPE_BYTES];
        fv__shape_text(text, sizeof text, input->rank, input->shape);
        if (reduction->count == 0)
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: %s has no elements", inference->name, text);
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: axis %d of %s has no elements", inference->name,
                       axis, text);
    }
    return fv__infer_output(inference, rank, shape);
}

fv_status fv__infer_reduction(fv_inference *inference, bool any)
{
    const fv_status status = fv__infer_float(inference, 0);
    return status ? status : infer_reduced(inference, any);
}

fv_status fv__infer_whole_reduction(fv_inference *inference, bool any)
{
    if (!is_whole(inference->inputs[0]->dtype))
        return type_is(inference, 0, "whole numbers");
    const fv_status status = infer_reduced(inference, any);
    inference->outputs[0].dtype = inference->inputs[0]->dtype;
    return status;
}

void fv__infer_window(fv_inference *inference, const fv__geometry *g)
{
    for (int32_t axis = 0; axis < 2; axis++) {
        inference->window[axis] = g->dilation[axis] * (g->kernel[axis] - 1) + 1;
        inference->step[axis] = g->stride[axis];
    }
}

fv_tensor fv__infer_stand_in(const fv_tensor *tensor)
{
    static double nothing;
    fv_tensor stand_in = *tensor;
    stand_in.data = &nothing;
    return stand_in;
}

const char *fv__who(const fv_context *context, const char *name)
{
    return context->tape && context->tape->who ? context->tape->who : name;
}

fv__lines fv__lines_along(const fv_tensor *tensor, int32_t axis)
{
    fv__lines lines = { 1, 1, 1 };
    if (axis < 0) axis += tensor->rank;
    for (int32_t i = 0; i < tensor->rank; i++)
        *(i < axis   ? &lines.outer
          : i > axis ? &lines.inner
                     : &lines.extent) *= tensor->shape[i];
    return lines;
}

fv_variable *fv__apply_shape(const fv_operator *op, fv_variable *a,
                             int32_t rank, const int64_t shape[])
{
    fv__shape request = { .rank = rank };
    if (!a) return NULL;
    if (rank > 0 && !shape) {
        fv_fail(fv_variable_context(a), FV_MISUSE, "%s: no extents", op->name);
        return NULL;
    }
    for (int32_t axis = 0; axis < rank && axis < FV_MAX_RANK; axis++)
        request.shape[axis] = shape[axis];
    return fv_apply(op, &request, 1, &a);
}
