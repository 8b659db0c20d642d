/* Sliding windows: the meaning of the options of padding and pooling. */
#include "layer/layer.h"

/* TensorFlow's and ONNX's rule: as many zeros as give ceil(in / stride). */
static int64_t same_total(const fv__geometry *g, int32_t axis)
{
    int64_t out = fv__divide_up(g->in[axis], g->stride[axis]);
    int64_t span = g->dilation[axis] * (g->kernel[axis] - 1) + 1;
    return fv__max(0, (out - 1) * g->stride[axis] + span - g->in[axis]);
}

void fv__layer_padding(fv_padding mode, const int64_t begin[2],
                       const int64_t end[2], fv__geometry *g)
{
    for (int32_t axis = 0; axis < 2; axis++) {
        g->begin[axis] = begin[axis];
        g->end[axis] = end[axis];
        if (mode == FV_PADDING_EXPLICIT) continue;
        /* invalid values are refused by the geometry check */
        bool sane = g->stride[axis] > 0 && g->kernel[axis] > 0
                    && g->kernel[axis] < INT32_MAX && g->dilation[axis] > 0
                    && g->dilation[axis] < INT32_MAX;
        int64_t total =
            mode == FV_PADDING_VALID || !sane ? 0 : same_total(g, axis);
        int64_t less = total / 2;
        bool lower = mode == FV_PADDING_SAME_LOWER;
        g->begin[axis] = lower ? total - less : less;
        g->end[axis] = total - g->begin[axis];
    }
}

static fv__geometry pool_geometry(const fv_pool_options *options,
                                  const fv_shape *input)
{
    fv__geometry g = { .batch = 1,
                       .in = { input->extent[0], input->extent[1] },
                       .channels = input->extent[2],
                       .filters = input->extent[2],
                       .dilation = { 1, 1 },
                       .groups = 1 };
    for (int32_t i = 0; i < 2; i++) {
        g.kernel[i] = options->kernel[i];
        g.stride[i] = options->stride[i];
    }
    fv__layer_padding(options->padding_mode, options->padding_begin,
                      options->padding_end, &g);
    return g;
}

fv_status fv__layer_declare_pool(fv_layer *layer, int32_t count,
                                 const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_image(layer, &inputs[0]);
}

fv_pooling fv__layer_pooling(const fv_layer *layer, const fv_shape *input)
{
    const fv_pool_options *options = layer->options;
    fv__geometry g = pool_geometry(options, input);
    return (fv_pooling){ .kernel = { g.kernel[0], g.kernel[1] },
                         .stride = { g.stride[0], g.stride[1] },
                         .padding_begin = { g.begin[0], g.begin[1] },
                         .padding_end = { g.end[0], g.end[1] },
                         .count_padding = options->count_padding != 0 };
}
