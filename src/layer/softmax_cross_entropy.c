/* Cross-entropy of softmax(x), the mean over the batch. */
#include "layer/layer.h"

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_vector(layer, &inputs[0]);
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_softmax_cross_entropy_of(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_softmax_cross_entropy = {
    .kind = "softmax_cross_entropy",
    .stem = "softmax_cross_entropy",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_CLASSES,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_softmax_cross_entropy_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softmax_cross_entropy, options);
}
