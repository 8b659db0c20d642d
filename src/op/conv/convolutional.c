/* Layers of convolutions whose number of axes the input decides, and the
 * planned convolution of a layer. */
#include "op/conv/conv_transpose.h"

#include <fovea/convolution.h>

#include <string.h>

static const fv__layer_type *type_of(int32_t rank)
{
    if (rank == 2) return &fv__layer_conv1d;
    return rank == 4 ? &fv__layer_conv3d : &fv__layer_conv2d;
}

/* A layer made without in_shape gets its type when its input is known. */
static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    layer->type = type_of(inputs[0].rank);
    return layer->type->declare(layer, count, inputs);
}

static const fv__field fields[] = {
    FV__CONVOLUTION_FIELDS(fv_convolutional_options, FV__AXES),
    FV__PADDING_FIELDS_OF(fv_convolutional_options, FV__AXES,
                          fv__auto_pad_words_1d),
    FV__CONVOLUTION_MORE_FIELDS(fv_convolutional_options, FV__AXES),
    FV__CONVOLUTION_OWN_FIELDS,
    { .key = NULL },
};

static const fv__layer_type undecided = {
    .kind = "conv2d",
    .stem = "conv",
    FV__LAYER_OPTIONS(fv_convolutional_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
};

int32_t fv__in_shape_rank(const void *options, size_t offset)
{
    int64_t in_shape[FV_MAX_EXTENTS];
    size_t size = 0;
    if (options) memcpy(&size, options, sizeof size);
    if (size < offset + sizeof in_shape) return 0;
    memcpy(in_shape, (const unsigned char *)options + offset, sizeof in_shape);
    return fv__shape_of(in_shape).rank;
}

fv_layer *fv_convolutional_new(const fv_convolutional_options *options)
{
    const int32_t rank = fv__in_shape_rank(
        options, offsetof(fv_convolutional_options, in_shape));
    return fv__layer_new(rank ? type_of(rank) : &undecided, options);
}

/* ---- the same for transposed ones ---------------------------------------- */

bool fv__layer_is_conv_transpose(const fv__layer_type *type)
{
    return type == &fv__layer_conv_transpose1d
           || type == &fv__layer_conv_transpose2d
           || type == &fv__layer_conv_transpose3d;
}

static const fv__layer_type *transposed_type_of(int32_t rank)
{
    if (rank == 2) return &fv__layer_conv_transpose1d;
    return rank == 4 ? &fv__layer_conv_transpose3d
                     : &fv__layer_conv_transpose2d;
}

static fv_status declare_transposed(fv_layer *layer, int32_t count,
                                    const fv_shape inputs[])
{
    layer->type = transposed_type_of(inputs[0].rank);
    return layer->type->declare(layer, count, inputs);
}

static const fv__field transposed_fields[] = {
    FV__CONV_TRANSPOSE_FIELDS(FV__AXES),
    { .key = NULL },
};

static const fv__layer_type undecided_transposed = {
    .kind = "conv_transpose2d",
    .stem = "conv_transpose",
    FV__LAYER_OPTIONS(fv_conv_transpose_options),
    .fields = transposed_fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare_transposed,
};

fv_layer *fv_conv_transpose_new(const fv_conv_transpose_options *options)
{
    const int32_t rank = fv__in_shape_rank(
        options, offsetof(fv_conv_transpose_options, in_shape));
    return fv__layer_new(
        rank ? transposed_type_of(rank) : &undecided_transposed, options);
}

/* ---- a planned convolution ----------------------------------------------- */

fv_conv *fv_conv_of_layer(fv_layer *layer, int64_t batch, int weights_unchanged)
{
    if (!layer || fv_layer_output_shape(layer).rank < 0) return NULL;
    if (!layer->type->convolution) {
        fv_fail(layer->context, FV_MISUSE, "%s: %s is no convolution",
                layer->name, layer->type->kind);
        return NULL;
    }
    if (fv__shape_open(&layer->in_shape)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: the size of its input is open, a planned convolution has "
                "one size",
                layer->name);
        return NULL;
    }
    const fv_convolutional_options *given = layer->options;
    fv__geometry g = fv__convolution_of_image(layer, &layer->in_shape);
    for (int i = 0; i < FV__AXES && given->padding_mode != FV_PAD_ZEROS; i++) {
        g.in[i] += g.begin[i] + g.end[i];
        g.begin[i] = g.end[i] = 0;
    }
    const fv_shape in = fv__shape_outside(
        layer->context,
        (fv_shape){ .rank = 3, .extent = { g.in[0], g.in[1], g.channels } });
    fv_conv_options o = { .size = sizeof o,
                          .context = layer->context,
                          .name = layer->name,
                          .batch = batch ? batch : -1,
                          .num_filters = g.filters,
                          .groups = g.groups,
                          .max_workspace = given->max_workspace,
                          .algorithm = given->algorithm,
                          .strict = given->strict,
                          .weights_unchanged = weights_unchanged != 0 };
    for (int32_t i = 0; i < 3; i++) o.in_shape[i] = in.extent[i];
    for (int32_t i = 0; i < 2; i++) {
        o.kernel[i] = g.kernel[i];
        o.stride[i] = g.stride[i];
        o.dilation[i] = g.dilation[i];
        o.padding_begin[i] = g.begin[i];
        o.padding_end[i] = g.end[i];
    }
    if (layer->in_shape.rank == 4) {
        o.in_depth = g.in[FV__DEPTH];
        o.kernel_depth = g.kernel[FV__DEPTH];
        o.stride_depth = g.stride[FV__DEPTH];
        o.dilation_depth = g.dilation[FV__DEPTH];
        o.padding_depth[0] = g.begin[FV__DEPTH];
        o.padding_depth[1] = g.end[FV__DEPTH];
    }
    return fv_conv_new(&o);
}
