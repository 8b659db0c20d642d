/* exp(x) / sum exp(x) over the channels. */
#include "layer/layer.h"

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_softmax_of(inputs[0]);
}

const fv__layer_type fv__layer_softmax = {
    .kind = "softmax",
    .stem = "softmax",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = forward,
};

fv_layer *fv_softmax_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softmax, options);
}
