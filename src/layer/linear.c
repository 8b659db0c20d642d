/* The linear layer: y = x W^T + b, weight [outputs, inputs]. */
#include "layer/layer.h"

static const fv__field fields[] = {
    { FV__FIELD(fv_linear_options, COUNT, num_outputs), .positional = true },
    { FV__FIELD_AS("bias", fv_linear_options, LACK, no_bias) },
    { FV__FIELD(fv_linear_options, WORD, init),
      .words = fv__initializer_words },
    { FV__FIELD(fv_linear_options, WORD, init_fan), .words = fv__fan_words },
    { FV__FIELD(fv_linear_options, NUMBER, init_value) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const fv_linear_options *options = layer->options;
    int64_t in = inputs[0].extent[0];
    int64_t out = options->num_outputs;
    if (fv__layer_expect_vector(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    if (out < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %lld outputs, expected at least 1", layer->name,
                       (long long)out);
    fv__layer_parameter(layer, "weight", 2, (const int64_t[]){ out, in },
                        (fv__init){ options->init, options->init_fan,
                                    options->init_value, in, out });
    if (!options->no_bias)
        fv__layer_parameter(layer, "bias", 1, &out,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return FV_OK;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count;
    fv_variable *bias =
        layer->num_parameters > 1 ? layer->parameters[1].variable : NULL;
    return fv_linear_of(inputs[0], layer->parameters[0].variable, bias);
}

const fv__layer_type fv__layer_linear = {
    .kind = "linear",
    .stem = "linear",
    FV__LAYER_OPTIONS(fv_linear_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_linear_new(const fv_linear_options *options)
{
    return fv__layer_new(&fv__layer_linear, options);
}
