/* x above 0, slope x below. */
#include "layer/layer.h"

static const fv__field fields[] = {
    { FV__FIELD(fv_leaky_relu_options, NUMBER, slope), .usual = 0.01,
      .positional = true },
    { .key = NULL },
};

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    const fv_leaky_relu_options *options = layer->options;
    (void)count;
    return fv_leaky_relu_of(inputs[0], options->slope);
}

const fv__layer_type fv__layer_leaky_relu = {
    .kind = "leaky_relu",
    .stem = "leaky_relu",
    FV__LAYER_OPTIONS(fv_leaky_relu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = forward,
};

fv_layer *fv_leaky_relu_new(const fv_leaky_relu_options *options)
{
    return fv__layer_new(&fv__layer_leaky_relu, options);
}
