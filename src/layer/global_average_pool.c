/* Mean of each channel's plane: {h, w, c} to {1, 1, c}. */
#include "layer/layer.h"

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_image(layer, &inputs[0]);
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_global_average_pool_of(inputs[0]);
}

const fv__layer_type fv__layer_global_average_pool = {
    .kind = "global_average_pool",
    .stem = "global_average_pool",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_global_average_pool_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_global_average_pool, options);
}
