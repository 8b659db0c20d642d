/* Convolutions. Their weights must be known: they become parameters. */
#include "onnx/in/operators.h"

#include <string.h>

/* The weights of the node, input 1, NULL after refusing them, and its bias,
 * input 2, NULL: it has none. */
static const fv_tensor *read_weights(fv__importer *to, fv__onnx_node *node,
                                     const fv_tensor **bias)
{
    const fv__value *w = fv__onnx_operand(node, 1);
    const fv__value *b = fv__onnx_operand(node, 2);
    *bias = b ? &b->known : NULL;
    if (!w || !node->inputs[0])
        fv__onnx_refuse(to, node, "it has no weights");
    else if (!w->known.data || (b && !b->known.data))
        fv__onnx_refuse(to, node,
                        "its weights depend on the input, which is not "
                        "supported");
    else if (w->known.rank != fv__onnx_rank(to, node->inputs[0]))
        fv__onnx_refuse(to, node, "weights of %d axes for an input of %d",
                        w->known.rank, fv__onnx_rank(to, node->inputs[0]));
    else
        return &w->known;
    return NULL;
}

static fv_status finish(fv__importer *to, fv__onnx_node *node, fv__value *made,
                        const fv_tensor *weight, const fv_tensor *bias)
{
    if (!made || fv__onnx_weight(to, "weight", weight) != FV_OK
        || (bias && fv__onnx_weight(to, "bias", bias) != FV_OK))
        return FV_UNSUPPORTED;
    return fv__onnx_set_ordered(node, 0, made, fv__order_last(weight->rank));
}

static fv_status conv(fv__importer *to, fv__onnx_node *node)
{
    const fv_tensor *bias, *weight = read_weights(to, node, &bias);
    fv__onnx_window window;
    char kind[32];
    if (!weight
        || fv__onnx_read_window(to, node, weight->shape + 2, &window) != FV_OK)
        return FV_UNSUPPORTED;
    fv__value *x = fv__onnx_last(to, node->inputs[0]);
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "%s %lld%s groups=%lld bias=%s",
        fv__onnx_kind("conv", window.axes, false, kind),
        (long long)weight->shape[0], window.options,
        (long long)fv__onnx_int(node, "group", 1), bias ? "yes" : "no");
    return finish(to, node, y, weight, bias);
}

/* Padding that makes the output have the shape that is asked for, or what is
 * added to a smaller one at its end. */
static fv_status pad_to_shape(fv__importer *to, const fv__onnx_node *node,
                              int64_t extra[], fv__onnx_window *w)
{
    fv__list shape;
    const bool given = fv__onnx_ints(to, node, "output_shape", &shape);
    const bool same = w->auto_pad && strcmp(w->auto_pad, "valid") != 0;
    const bool upper = w->auto_pad && strcmp(w->auto_pad, "same") == 0;
    if (!given && !same) return fv_failed(to->context);
    const int64_t first = shape.count - w->axes;
    if (given && first != 0 && first != 2)
        return fv__onnx_refuse(to, node, "output_shape has %lld numbers",
                               (long long)shape.count);
    for (int32_t i = 0; i < w->axes; i++) {
        const int64_t in = fv__onnx_extent(to, node->inputs[0], i + 2);
        if (in == FV_OPEN)
            return fv__onnx_refuse(to, node,
                                   "output_shape needs the size of the input");
        const int64_t most = INT64_C(1) << 40;
        const int64_t asked = given ? shape.at[first + i] : in * w->stride[i];
        const int64_t out = fv__max(-most, fv__min(asked, most));
        const int64_t more = fv__max(-most, fv__min(extra[i], most));
        const int64_t total = w->stride[i] * (in - 1) + more
                              + (w->kernel[i] - 1) * w->dilation[i] + 1 - out;
        const int64_t pad = fv__max(total, 0), half = pad / 2;
        extra[i] = more + fv__max(-total, 0);
        w->begin[i] = upper ? half : pad - half;
        w->end[i] = pad - w->begin[i];
    }
    w->auto_pad = NULL;
    return FV_OK;
}

static fv_status conv_transpose(fv__importer *to, fv__onnx_node *node)
{
    const fv_tensor *bias, *weight = read_weights(to, node, &bias);
    fv__onnx_window w;
    fv__list extra = { 0 };
    if (!weight
        || fv__onnx_read_window(to, node, weight->shape + 2, &w) != FV_OK)
        return FV_UNSUPPORTED;
    fv__onnx_ints(to, node, "output_padding", &extra);
    if (pad_to_shape(to, node, extra.at, &w) != FV_OK) return FV_UNSUPPORTED;
    const int64_t groups = fv__onnx_int(node, "group", 1);
    fv__value *x = fv__onnx_last(to, node->inputs[0]);
    char kind[32], options[512] = "";
    fv__onnx_write(options, "kernel", w.axes, w.kernel);
    fv__onnx_write(options, "stride", w.axes, w.stride);
    fv__onnx_write(options, "dilation", w.axes, w.dilation);
    fv__onnx_write(options, "padding", w.axes, w.begin);
    fv__onnx_write(options, "padding_end", w.axes, w.end);
    fv__onnx_write(options, "output_padding", w.axes, extra.at);
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "%s %lld%s groups=%lld bias=%s",
        fv__onnx_kind("conv_transpose", w.axes, false, kind),
        (long long)fv__product(2, (int64_t[]){ weight->shape[1], groups }),
        options, (long long)groups, bias ? "yes" : "no");
    return finish(to, node, y, weight, bias);
}

const fv__onnx_operator fv__onnx_convolutions[] = {
    { "Conv", conv, NULL },
    { "ConvTranspose", conv_transpose, NULL },
    { NULL, NULL, NULL },
};
