/* Axes read backwards: a slice of step -1. */
#include "op/tensor_layer.h"

fv_variable *fv_flip(fv_variable *a, int32_t count, const int32_t axes[])
{
    int64_t starts[FV_MAX_RANK], stops[FV_MAX_RANK], steps[FV_MAX_RANK];
    for (int32_t i = 0; i < FV_MAX_RANK; i++) {
        starts[i] = -1;
        stops[i] = INT64_MIN;
        steps[i] = -1;
    }
    return fv_slice_axes(a, count, starts, stops, axes, steps);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__axes_layer(layer, count, inputs, fv_flip);
}

const fv__layer_type fv__layer_flip = {
    .kind = "flip",
    .about = "axes read backwards",
    FV__LAYER_OPTIONS(fv__axes_options),
    .fields = fv__axes_fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
