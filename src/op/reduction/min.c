/* The smallest element; the first one gets the
 * gradient. */
#include "op/tensor_layer.h"

static void forward(const fv_call *call) { fv__extreme_forward(call, false); }

const fv_operator fv__op_min = {
    FV__REDUCTION("min"), .infer = fv__extreme_infer,
    .forward = forward,   .backward = fv__extreme_backward,
    .onnx = "ReduceMin",
};

fv_variable *fv_min(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_min, a);
}

fv_variable *fv_min_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_min, a, axis);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    fv_variable *y = inputs[0];
    if (count == 1)
        return fv__reduction_layer(layer, count, inputs, &fv__op_min,
                                   FV_REDUCE_MIN);
    for (int32_t k = 1; k < count; k++) y = fv_minimum(y, inputs[k]);
    return y;
}

const fv__layer_type fv__layer_min = {
    .kind = "min",
    .about = "the smallest of several inputs, broadcast, or of one along "
             "axes: all but the batch unless they are given",
    FV__LAYER_OPTIONS(fv__reduction_options),
    .fields = fv__reduction_fields,
    .min_inputs = 1,
    .max_inputs = FV__MAX_INPUTS,
    .forward = apply,
};
