/* The convolutional layer: weight [filters, kh, kw, c / groups], bias. */
#include "layer/layer.h"

#include <fovea/convolution.h>

static const fv__field fields[] = {
    { FV__FIELD(fv_convolutional_options, COUNT, num_filters),
      .positional = true },
    { FV__FIELD(fv_convolutional_options, PAIR, kernel), .positional = true,
      .positive = true },
    { FV__FIELD(fv_convolutional_options, PAIR, stride), .usual = 1,
      .positive = true },
    FV__PADDING_FIELDS(fv_convolutional_options),
    { FV__FIELD(fv_convolutional_options, PAIR, dilation), .usual = 1,
      .positive = true },
    { FV__FIELD(fv_convolutional_options, COUNT, groups), .usual = 1,
      .positive = true },
    { FV__FIELD_AS("bias", fv_convolutional_options, LACK, no_bias) },
    { FV__FIELD(fv_convolutional_options, WORD, init),
      .words = fv__initializer_words },
    { FV__FIELD(fv_convolutional_options, WORD, init_fan),
      .words = fv__fan_words },
    { FV__FIELD(fv_convolutional_options, NUMBER, init_value) },
    { FV__FIELD(fv_convolutional_options, WORD, algorithm),
      .words = fv__algorithm_words },
    { FV__FIELD(fv_convolutional_options, SWITCH, strict) },
    { FV__FIELD(fv_convolutional_options, LIMIT, max_workspace) },
    { .key = NULL },
};

/* What the options mean for one image of that shape. */
static fv__geometry geometry_of(const fv_convolutional_options *options,
                                const fv_shape *input)
{
    fv__geometry g = { .batch = 1,
                       .in = { input->extent[0], input->extent[1] },
                       .channels = input->extent[2],
                       .filters = options->num_filters,
                       .groups = options->groups };
    for (int32_t i = 0; i < 2; i++) {
        g.kernel[i] = options->kernel[i];
        g.stride[i] = options->stride[i];
        g.dilation[i] = options->dilation[i];
    }
    fv__layer_padding(options->padding_mode, options->padding_begin,
                      options->padding_end, &g);
    return g;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const fv_convolutional_options *options = layer->options;
    if (fv__layer_expect_image(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    fv__geometry g = geometry_of(options, &inputs[0]);
    if (fv__geometry_check(layer->context, layer->name, false, &g) != FV_OK)
        return fv_failed(layer->context);
    int64_t taps = g.kernel[0] * g.kernel[1];
    fv__layer_parameter(layer, "weight", 4,
                        (const int64_t[]){ g.filters, g.kernel[0], g.kernel[1],
                                           g.channels / g.groups },
                        (fv__init){ options->init, options->init_fan,
                                    options->init_value,
                                    taps * g.channels / g.groups,
                                    taps * g.filters / g.groups });
    if (!options->no_bias)
        fv__layer_parameter(layer, "bias", 1, &g.filters,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return FV_OK;
}

fv_convolution fv__layer_convolution(const fv_layer *layer)
{
    const fv_convolutional_options *options = layer->options;
    fv__geometry g = geometry_of(options, &layer->in_shape);
    return (fv_convolution){ .stride = { g.stride[0], g.stride[1] },
                             .dilation = { g.dilation[0], g.dilation[1] },
                             .padding_begin = { g.begin[0], g.begin[1] },
                             .padding_end = { g.end[0], g.end[1] },
                             .groups = g.groups,
                             .max_workspace = options->max_workspace,
                             .algorithm = options->algorithm,
                             .strict = options->strict != 0 };
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count;
    const fv_convolution convolution = fv__layer_convolution(layer);
    fv_variable *bias =
        layer->num_parameters > 1 ? layer->parameters[1].variable : NULL;
    return fv_conv2d(inputs[0], layer->parameters[0].variable, bias,
                     &convolution);
}

const fv__layer_type fv__layer_conv2d = {
    .kind = "conv2d",
    .stem = "conv",
    FV__LAYER_OPTIONS(fv_convolutional_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_convolutional_new(const fv_convolutional_options *options)
{
    return fv__layer_new(&fv__layer_conv2d, options);
}

fv_conv *fv_conv_of_layer(fv_layer *layer, int64_t batch, int weights_unchanged)
{
    if (!layer || fv_layer_output_shape(layer).rank < 0) return NULL;
    if (layer->type != &fv__layer_conv2d) {
        fv_fail(layer->context, FV_MISUSE, "%s: %s is no convolution",
                layer->name, layer->type->kind);
        return NULL;
    }
    const fv__geometry g = geometry_of(layer->options, &layer->in_shape);
    const fv_shape in = fv__shape_outside(layer->context, layer->in_shape);
    fv_conv_options o = { .size = sizeof o,
                          .context = layer->context,
                          .name = layer->name,
                          .batch = batch ? batch : -1,
                          .num_filters = g.filters,
                          .groups = g.groups };
    const fv_convolutional_options *given = layer->options;
    o.max_workspace = given->max_workspace;
    o.algorithm = given->algorithm;
    o.strict = given->strict;
    o.weights_unchanged = weights_unchanged != 0;
    for (int32_t i = 0; i < 3; i++) o.in_shape[i] = in.extent[i];
    for (int32_t i = 0; i < 2; i++) {
        o.kernel[i] = g.kernel[i];
        o.stride[i] = g.stride[i];
        o.dilation[i] = g.dilation[i];
        o.padding_begin[i] = g.begin[i];
        o.padding_end[i] = g.end[i];
    }
    return fv_conv_new(&o);
}
