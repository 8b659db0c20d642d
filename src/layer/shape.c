/* Shapes of layers: internal (NHWC) and external (the layout of the context).
 */
#include "layer/layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

fv_shape fv__shape_of(const int64_t extents[3])
{
    fv_shape shape = { 0 };
    for (int32_t i = 0; i < 3; i++) {
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
    if (context->layout == FV_NHWC || shape.rank != 3) return shape;
    const int64_t *at = shape.extent;
    return (fv_shape){ .rank = 3, .extent = { at[1], at[2], at[0] } };
}

fv_shape fv__shape_outside(const fv_context *context, fv_shape shape)
{
    if (context->layout == FV_NHWC || shape.rank != 3) return shape;
    const int64_t *at = shape.extent;
    return (fv_shape){ .rank = 3, .extent = { at[2], at[0], at[1] } };
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

static bool stays(const fv_variable *x)
{
    return !x || x->context->layout == FV_NHWC || x->value.rank != 4;
}

fv_variable *fv__variable_inside(fv_variable *x)
{
    return stays(x) ? x : fv_permute(x, (const int32_t[]){ 0, 2, 3, 1 });
}

fv_variable *fv__variable_outside(fv_variable *x)
{
    return stays(x) ? x : fv_permute(x, (const int32_t[]){ 0, 3, 1, 2 });
}
