/* x above 0, alpha (exp(x) - 1) below. */
#include "layer/layer.h"

static const fv__field fields[] = {
    { FV__FIELD(fv_elu_options, NUMBER, alpha), .usual = 1,
      .positional = true },
    { .key = NULL },
};

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    const fv_elu_options *options = layer->options;
    (void)count;
    return fv_elu_of(inputs[0], options->alpha);
}

const fv__layer_type fv__layer_elu = {
    .kind = "elu",
    .stem = "elu",
    FV__LAYER_OPTIONS(fv_elu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = forward,
};

fv_layer *fv_elu_new(const fv_elu_options *options)
{
    return fv__layer_new(&fv__layer_elu, options);
}
