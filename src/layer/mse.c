/* Mean squared error. */
#include "layer/layer.h"

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_mse_of(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_mse = {
    .kind = "mse",
    .stem = "mse",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_VALUES,
    .forward = forward,
};

fv_layer *fv_mse_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_mse, options);
}
