/* Separable convolution: a depthwise one, then one of 1x1. */
#include "op/conv/conv2d.h"

#include <inttypes.h>

static const fv__field fields[] = {
    { FV__FIELD(fv_separable_conv2d_options, COUNT, num_filters),
      .positional = true, .outputs = true },
    { FV__FIELD(fv_separable_conv2d_options, AXES, kernel), .positional = true,
      .positive = true },
    { FV__FIELD(fv_separable_conv2d_options, AXES, stride), .usual = 1,
      .positive = true },
    FV__PADDING_FIELDS(fv_separable_conv2d_options, 2),
    { FV__FIELD(fv_separable_conv2d_options, AXES, dilation), .usual = 1,
      .positive = true },
    { FV__FIELD(fv_separable_conv2d_options, COUNT, multiplier), .usual = 1,
      .positive = true },
    { FV__FIELD_AS("bias", fv_separable_conv2d_options, LACK, no_bias) },
    FV__INIT_FIELDS(fv_separable_conv2d_options),
    { .key = NULL },
};

/* One of the two weights, [filters, kh, kw, channels of a group]. */
static void weight(fv_layer *layer, const char *name, const int64_t shape[4],
                   int64_t groups)
{
    const fv_separable_conv2d_options *o = layer->options;
    const int64_t taps = shape[1] * shape[2];
    fv__parameter *parameter = fv__layer_parameter(
        layer, name, 4, shape,
        FV__INIT(o, taps * shape[3], taps * shape[0] / groups, groups));
    if (parameter) parameter->filters = true;
}

/* The depthwise convolution of channels of which there are so many. */
static fv_convolution depthwise_of(const fv_layer *layer, int64_t channels)
{
    const fv_separable_conv2d_options *o = layer->options;
    fv_convolution a = { .groups = channels, .auto_pad = o->auto_pad };
    for (int32_t i = 0; i < FV__AXES; i++) {
        a.stride[i] = o->stride[i];
        a.dilation[i] = o->dilation[i];
        a.padding_begin[i] = o->padding_begin[i];
        a.padding_end[i] = o->padding_end[i];
    }
    return a;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    fv_context *context = layer->context;
    const fv_separable_conv2d_options *o = layer->options;
    const int64_t *in = inputs[0].extent;
    if (fv__layer_expect_image(layer, &inputs[0]) != FV_OK)
        return fv_failed(context);
    if (o->num_filters < 1 || o->multiplier < 1)
        return fv_fail(context, FV_MISUSE, "%s: %s %" PRId64 " is below 1",
                       layer->name,
                       o->num_filters < 1 ? "filters" : "multiplier",
                       o->num_filters < 1 ? o->num_filters : o->multiplier);
    const fv_convolution a = depthwise_of(layer, in[2]);
    const int64_t middle = fv__product(2, (int64_t[]){ in[2], o->multiplier });
    const fv_tensor x = { .rank = 4, .shape = { 1, in[0], in[1], in[2] } };
    const fv_tensor w = { .rank = 4,
                          .shape = { middle, o->kernel[0], o->kernel[1] } };
    fv__geometry g = fv__convolution_geometry(&x, &w, &a);
    if (fv__geometry_check(context, layer->name, false, &g) != FV_OK)
        return fv_failed(context);
    weight(layer, "depthwise",
           (int64_t[]){ middle, g.kernel[0], g.kernel[1], 1 }, in[2]);
    weight(layer, "pointwise", (int64_t[]){ o->num_filters, 1, 1, middle }, 1);
    if (!o->no_bias)
        fv__layer_parameter(layer, "bias", 1, &o->num_filters,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return fv_failed(context);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv__parameter *p = layer->parameters;
    const fv_convolution a = depthwise_of(layer, inputs[0]->value.shape[3]);
    fv_variable *middle = fv_conv2d(inputs[0], p[0].variable, NULL, &a);
    return fv_conv2d(middle, p[1].variable,
                     layer->num_parameters > 2 ? p[2].variable : NULL, NULL);
}

const fv__layer_type fv__layer_separable_conv2d = {
    .kind = "separable_conv2d",
    .about = "conv(conv(x, depthwise), pointwise) + bias; depthwise "
             "[c*multiplier, kh, kw, 1], pointwise [filters, 1, 1, "
             "c*multiplier]",
    FV__LAYER_OPTIONS(fv_separable_conv2d_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_separable_conv2d_new(const fv_separable_conv2d_options *options)
{
    return fv__layer_new(&fv__layer_separable_conv2d, options);
}
