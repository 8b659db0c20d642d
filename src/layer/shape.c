/* Shapes of layers: internal (channels last) and external (the layout of the
 * context). */
#include "layer/layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

fv_shape fv__shape_of(const int64_t extents[FV_MAX_EXTENTS])
{
    fv_shape shape = { 0 };
    for (int32_t i = 0; i < FV_MAX_EXTENTS; i++) {
        shape.extent[i] = extents[i];
        if (extents[i]) shape.rank = i + 1;
    }
    return shape;
}

bool fv__shape_equal(const fv_shape *a, const fv_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->extent[i] != b->extent[i]) return false;
    return true;
}

bool fv__shape_fits(const fv_shape *expected, const fv_shape *shape)
{
    bool fits = expected->rank == shape->rank;
    for (int32_t i = 0; fits && i < shape->rank; i++)
        fits = expected->extent[i] == FV_OPEN
               || expected->extent[i] == shape->extent[i];
    return fits;
}

void fv__shape_join(fv_shape *shape, const fv_shape *other)
{
    for (int32_t i = 0; i < shape->rank; i++)
        if (shape->extent[i] != other->extent[i]) shape->extent[i] = FV_OPEN;
}

bool fv__shape_open(const fv_shape *shape)
{
    for (int32_t i = 0; i < shape->rank; i++)
        if (shape->extent[i] == FV_OPEN) return true;
    return false;
}

const char *fv__shape_show(char out[FV__SHAPE_BYTES], const fv_shape *shape)
{
    int at = snprintf(out, FV__SHAPE_BYTES, "[");
    for (int32_t i = 0; i < shape->rank; i++) {
        const char *comma = i ? ", " : "";
        const size_t room = (size_t)(FV__SHAPE_BYTES - at);
        at += shape->extent[i] == FV_OPEN
                  ? snprintf(out + at, room, "%s?", comma)
                  : snprintf(out + at, room, "%s%" PRId64, comma,
                             shape->extent[i]);
    }
    snprintf(out + at, (size_t)(FV__SHAPE_BYTES - at), "]");
    return out;
}

fv_shape fv__shape_of_image(const fv_tensor *value)
{
    fv_shape shape = { .rank = value->rank - 1 };
    if (shape.rank > 0)
        memcpy(shape.extent, value->shape + 1,
               (size_t)shape.rank * sizeof *shape.extent);
    return shape;
}

int64_t fv__shape_count(const fv_shape *shape)
{
    return fv__product(shape->rank, shape->extent);
}

fv_shape fv__shape_inside(const fv_context *context, fv_shape shape)
{
    if (context->layout == FV_NHWC || shape.rank < 2) return shape;
    const int64_t channels = shape.extent[0];
    for (int32_t i = 1; i < shape.rank; i++)
        shape.extent[i - 1] = shape.extent[i];
    shape.extent[shape.rank - 1] = channels;
    return shape;
}

fv_shape fv__shape_outside(const fv_context *context, fv_shape shape)
{
    if (context->layout == FV_NHWC || shape.rank < 2) return shape;
    const int64_t channels = shape.extent[shape.rank - 1];
    for (int32_t i = shape.rank - 1; i > 0; i--)
        shape.extent[i] = shape.extent[i - 1];
    shape.extent[0] = channels;
    return shape;
}

fv_variable *fv__variable_placeholder(fv__graph *graph, fv_dtype dtype,
                                      int64_t batch, const fv_shape *shape)
{
    int64_t extents[FV_MAX_RANK] = { batch };
    if (shape->rank > 0)
        memcpy(extents + 1, shape->extent,
               (size_t)shape->rank * sizeof *extents);
    return fv__graph_value(graph, dtype, shape->rank + 1, extents);
}

void fv__axes_inside(int32_t rank, int32_t axes[])
{
    for (int32_t i = 1; i + 1 < rank; i++) axes[i] = i + 1;
    axes[0] = 0;
    axes[rank - 1] = 1;
}

void fv__axes_outside(int32_t rank, int32_t axes[])
{
    for (int32_t i = 2; i < rank; i++) axes[i] = i - 1;
    axes[0] = 0;
    axes[1] = rank - 1;
}

static bool stays(const fv_variable *x)
{
    return !x || x->context->layout == FV_NHWC || x->value.rank < 3
           || !fv__dtype_is_real(x->value.dtype);
}

fv_variable *fv__variable_inside(fv_variable *x)
{
    int32_t axes[FV_MAX_RANK];
    if (stays(x)) return x;
    fv__axes_inside(x->value.rank, axes);
    return fv_permute(x, axes);
}

fv_variable *fv__variable_outside(fv_variable *x)
{
    int32_t axes[FV_MAX_RANK];
    if (stays(x)) return x;
    fv__axes_outside(x->value.rank, axes);
    return fv_permute(x, axes);
}

fv_tensor fv__parameter_in_files(const fv__parameter *parameter,
                                 const fv_tensor *values)
{
    int32_t axes[FV_MAX_RANK];
    if (!parameter->filters) return *values;
    fv__axes_outside(values->rank, axes);
    return fv_tensor_permute(parameter->variable->context, values, axes);
}
