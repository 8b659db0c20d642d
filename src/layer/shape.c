/* Shapes of layers: internal (NHWC) and external (the layout of the context).
 */
#include "layer/layer.h"

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
