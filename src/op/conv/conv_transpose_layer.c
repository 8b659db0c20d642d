/* Layers of transposed convolutions. */
#include "op/conv/conv_transpose.h"

#include <inttypes.h>
#include <string.h>

fv__conv_transpose fv__layer_conv_transpose(const fv_layer *layer)
{
    const fv_conv_transpose_options *o = layer->options;
    fv__conv_transpose a = {
        .convolution = { .groups = o->groups,
                         .max_workspace = o->max_workspace,
                         .algorithm = o->algorithm,
                         .strict = o->strict != 0,
                         .auto_pad = o->auto_pad },
        .bias = !o->no_bias,
    };
    for (int32_t i = 0; i < FV__AXES; i++) {
        a.convolution.stride[i] = o->stride[i];
        a.convolution.dilation[i] = o->dilation[i];
        a.convolution.padding_begin[i] = o->padding_begin[i];
        a.convolution.padding_end[i] = o->padding_end[i];
        a.output_padding[i] = o->output_padding[i];
    }
    return a;
}

static fv__weight weight_of(const fv_layer *layer)
{
    const fv_conv_transpose_options *o = layer->options;
    return (fv__weight){ FV__WEIGHT(o), .transposed = true,
                         .groups = o->groups };
}

static fv_status check_groups(const fv_layer *layer, int64_t channels)
{
    const fv_conv_transpose_options *o = layer->options;
    const struct {
        const char *what;
        int64_t count;
    } both[] = { { "filters", o->num_filters }, { "channels", channels } };
    if (o->num_filters < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: filters %" PRId64 " is below 1", layer->name,
                       o->num_filters);
    if (o->groups < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: groups %" PRId64 " is below 1", layer->name,
                       o->groups);
    for (int i = 0; i < 2; i++)
        if (both[i].count % o->groups)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: groups %" PRId64 " does not divide %s %" PRId64,
                           layer->name, o->groups, both[i].what, both[i].count);
    return FV_OK;
}

fv_status fv__conv_transpose_declare(fv_layer *layer, int32_t axes,
                                     const fv_shape *input)
{
    const fv_conv_transpose_options *o = layer->options;
    const fv__conv_transpose a = fv__layer_conv_transpose(layer);
    const int64_t channels = input->extent[axes];
    fv_tensor x = { .rank = axes + 2, .shape = { 1 } };
    fv_tensor w = { .rank = axes + 2, .shape = { channels } };
    fv__geometry g;
    if (fv__layer_expect_axes(layer, input, axes) != FV_OK
        || check_groups(layer, channels) != FV_OK)
        return fv_failed(layer->context);
    const int64_t filters = o->num_filters / o->groups;
    memcpy(x.shape + 1, input->extent, (size_t)(axes + 1) * sizeof *x.shape);
    memcpy(w.shape + 1, o->kernel, (size_t)axes * sizeof *w.shape);
    w.shape[axes + 1] = filters;
    if (fv__conv_transpose_geometry(layer->context, layer->name, &x, &w, &a, &g)
        != FV_OK)
        return fv_failed(layer->context);
    const int64_t taps = g.kernel[FV__DEPTH] * g.kernel[0] * g.kernel[1];
    const fv__weight weight = weight_of(layer);
    return fv__weight_declare(
        layer, &weight, axes + 2, w.shape,
        FV__INIT(o, taps * channels / o->groups, taps * filters, o->groups),
        o->no_bias ? 0 : o->num_filters);
}

fv_variable *fv__conv_transpose_weight(const fv_layer *layer)
{
    const fv__weight weight = weight_of(layer);
    return fv__layer_weight(layer, &weight);
}

fv_variable *fv__conv_transpose_apply(fv_layer *layer, int32_t count,
                                      fv_variable *const inputs[])
{
    (void)count;
    const fv__conv_transpose a = fv__layer_conv_transpose(layer);
    return fv_conv_transpose_of(inputs[0], fv__conv_transpose_weight(layer),
                                fv__layer_bias(layer), &a.convolution,
                                a.output_padding);
}
