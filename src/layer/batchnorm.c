/* Batch normalisation of each channel, with running statistics. */
#include "layer/layer.h"

static const fv__field fields[] = {
    { FV__FIELD(fv_batchnorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true },
    { FV__FIELD(fv_batchnorm_options, NUMBER, momentum), .usual = 0.1,
      .positive = true },
    { .key = NULL },
};

static void add_parameter(fv_layer *layer, const char *name, int64_t channels,
                          double value, bool trainable)
{
    fv__parameter *parameter = fv__layer_parameter(
        layer, name, 1, &channels,
        (fv__init){ .initializer = FV_INIT_CONSTANT, .value = value });
    if (parameter) parameter->trainable = trainable;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_batchnorm_options *options = layer->options;
    (void)count;
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    double epsilon = options->epsilon, momentum = options->momentum;
    if (!(epsilon > 0 && epsilon <= 1))
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: epsilon %s is not above 0 and at most 1",
                       layer->name, FV__NUMBER(epsilon));
    if (!(momentum > 0 && momentum <= 1))
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: momentum %s is not above 0 and at most 1",
                       layer->name, FV__NUMBER(momentum));
    int64_t channels = inputs[0].extent[inputs[0].rank - 1];
    add_parameter(layer, "weight", channels, 1, true);
    add_parameter(layer, "bias", channels, 0, true);
    add_parameter(layer, "running_mean", channels, 0, false);
    add_parameter(layer, "running_var", channels, 1, false);
    return fv_failed(layer->context);
}

double fv__layer_epsilon(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return options->epsilon;
}

double fv__layer_momentum(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return options->momentum;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count;
    const fv__parameter *p = layer->parameters;
    return fv_batchnorm_of(inputs[0], p[0].variable, p[1].variable,
                           p[2].variable, p[3].variable,
                           fv__layer_epsilon(layer), fv__layer_momentum(layer));
}

const fv__layer_type fv__layer_batchnorm = {
    .kind = "batchnorm",
    .stem = "batchnorm",
    FV__LAYER_OPTIONS(fv_batchnorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_batchnorm_new(const fv_batchnorm_options *options)
{
    return fv__layer_new(&fv__layer_batchnorm, options);
}
