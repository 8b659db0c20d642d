/* Layers of convolutions of one, two and three axes. */
#include "op/conv/conv2d.h"

#include <inttypes.h>
#include <string.h>

fv_convolution fv__layer_convolution(const fv_layer *layer, int64_t channels)
{
    const fv_convolutional_options *o = layer->options;
    fv_convolution a = { .groups = o->depthwise ? channels : o->groups,
                         .max_workspace = o->max_workspace,
                         .algorithm = o->algorithm,
                         .strict = o->strict != 0,
                         .auto_pad = o->auto_pad,
                         .padding_mode = o->padding_mode,
                         .padding_value = o->padding_value };
    for (int32_t i = 0; i < FV__AXES; i++) {
        a.stride[i] = o->stride[i];
        a.dilation[i] = o->dilation[i];
        a.padding_begin[i] = o->padding_begin[i];
        a.padding_end[i] = o->padding_end[i];
    }
    return a;
}

fv__geometry fv__convolution_of_image(const fv_layer *layer,
                                      const fv_shape *image)
{
    const fv_convolutional_options *o = layer->options;
    const fv_convolution a =
        fv__layer_convolution(layer, image->extent[image->rank - 1]);
    fv_tensor x = { .rank = image->rank + 1, .shape = { 1 } };
    fv_tensor weight = { .rank = x.rank, .shape = { o->num_filters } };
    memcpy(x.shape + 1, image->extent,
           (size_t)image->rank * sizeof *image->extent);
    memcpy(weight.shape + 1, o->kernel, sizeof o->kernel);
    return fv__convolution_geometry(&x, &weight, &a);
}

fv_status fv__convolution_declare(fv_layer *layer, int32_t axes,
                                  const fv_shape *input)
{
    const fv_convolutional_options *options = layer->options;
    if (fv__layer_expect_axes(layer, input, axes) != FV_OK)
        return fv_failed(layer->context);
    if (options->depthwise && options->groups != 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: groups %" PRId64
                       " are given, but depthwise is a group for each channel",
                       layer->name, options->groups);
    fv__geometry g = fv__convolution_of_image(layer, input);
    if (fv__geometry_check(layer->context, layer->name, false, &g) != FV_OK)
        return fv_failed(layer->context);
    const int64_t taps = g.kernel[FV__DEPTH] * g.kernel[0] * g.kernel[1];
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(axes, g.filters, g.kernel, g.channels / g.groups,
                          shape);
    const fv__weight weight = { FV__WEIGHT(options) };
    return fv__weight_declare(layer, &weight, axes + 2, shape,
                              FV__INIT(options, taps * g.channels / g.groups,
                                       taps * g.filters / g.groups, g.groups),
                              options->no_bias ? 0 : g.filters);
}

fv_variable *fv__convolution_weight(const fv_layer *layer)
{
    const fv_convolutional_options *options = layer->options;
    const fv__weight weight = { FV__WEIGHT(options) };
    return fv__layer_weight(layer, &weight);
}

fv_variable *fv__convolution_apply(const fv_layer *layer,
                                   fv__conv_function *function, fv_variable *x)
{
    const fv_convolution convolution =
        fv__layer_convolution(layer, x->value.shape[x->value.rank - 1]);
    return function(x, fv__convolution_weight(layer), fv__layer_bias(layer),
                    &convolution);
}
