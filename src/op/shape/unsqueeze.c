/* Axes of extent 1 inserted: the layer. */
#include "op/tensor_layer.h"

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__axes_layer(layer, count, inputs, fv_unsqueeze);
}

const fv__layer_type fv__layer_unsqueeze = {
    .kind = "unsqueeze",
    .about = "axes of extent 1 inserted, which are axes of the result and may "
             "be a second input",
    FV__LAYER_OPTIONS(fv__axes_options),
    .fields = fv__axes_fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
