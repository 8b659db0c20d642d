/* Convolutions, and what is computed as one. */
#include "onnx/out/out.h"
#include "op/conv/conv_transpose.h"
#include "op/conv/unfolding.h"
#include "op/operand.h"

#include <math.h>

fv__out_emit fv__out_convolution, fv__out_conv_transpose, fv__out_unfold,
    fv__out_fold;

/* ---- windows ------------------------------------------------------------- */

/* The numbers of a geometry in the order of the axes. */
static void ordered(int32_t axes, const int64_t from[FV__AXES],
                    int64_t to[FV__AXES])
{
    for (int32_t i = 0; i < axes; i++) to[i] = from[fv__axis_of(axes, i)];
}

void fv__out_window(fv__out *out, const fv__geometry *g, int32_t axes,
                    bool dilated)
{
    int64_t numbers[FV__AXES] = { 0 };
    ordered(axes, g->kernel, numbers);
    fv__out_ints(out, "kernel_shape", axes, numbers);
    ordered(axes, g->stride, numbers);
    fv__out_ints(out, "strides", axes, numbers);
    ordered(axes, g->dilation, numbers);
    if (dilated) fv__out_ints(out, "dilations", axes, numbers);
}

/* The numbers of padding hold for one size of the input alone where they follow
 * from it. */
void fv__out_padding(fv__out *out, const fv__geometry *g, int32_t axes,
                     fv_auto_pad mode)
{
    int64_t pads[2 * FV__AXES];
    const bool lower = mode == FV_AUTO_PAD_SAME_LOWER;
    if ((mode == FV_AUTO_PAD_SAME || lower) && !fv__out_sized(out)) {
        fv__out_word(out, "auto_pad", lower ? "SAME_LOWER" : "SAME_UPPER");
        return;
    }
    ordered(axes, g->begin, pads);
    ordered(axes, g->end, pads + axes);
    fv__out_ints(out, "pads", 2 * axes, pads);
}

/* Elements of the other end before and after one axis. */
static fv__out_value *wrapped(fv__out *out, fv__out_value *x, int64_t axis,
                              int64_t begin, int64_t end)
{
    fv__out_value *parts[3] = { NULL, x, NULL };
    const int64_t zero = 0, last = INT64_MAX, from = -begin;
    if (begin)
        parts[0] = FV__OUT_NODE(out, "Slice", x,
                                fv__out_wholes(out, "begin", 1, &from),
                                fv__out_wholes(out, "end", 1, &last),
                                fv__out_wholes(out, "axis", 1, &axis));
    if (end)
        parts[2] = FV__OUT_NODE(out, "Slice", x,
                                fv__out_wholes(out, "begin", 1, &zero),
                                fv__out_wholes(out, "end", 1, &end),
                                fv__out_wholes(out, "axis", 1, &axis));
    const int32_t count = 1 + (begin != 0) + (end != 0);
    if (count == 1) return x;
    x = fv__out_node_of(out, "Concat", count, parts + (begin == 0));
    fv__out_int(out, "axis", axis);
    return x;
}

fv__out_value *fv__out_padded(fv__out *out, fv__out_value *x, int32_t rank,
                              const int64_t begin[], const int64_t end[],
                              fv_padding_mode mode, double value)
{
    static const char *const modes[] = { "constant", "reflect", "edge", "wrap",
                                         "constant" };
    enum { WRAPS = 19 };
    int64_t pads[2 * FV_MAX_RANK];
    bool taken = false;
    for (int32_t i = 0; i < rank; i++) {
        pads[i] = begin[i];
        pads[rank + i] = end[i];
        taken |= begin[i] < 0 || end[i] < 0;
    }
    if (mode == FV_PAD_CIRCULAR && out->opset < WRAPS) {
        if (taken)
            fv__out_refuse(out,
                           "circular padding that takes elements away "
                           "needs operator set %d",
                           WRAPS);
        for (int32_t i = 0; i < rank; i++)
            x = wrapped(out, x, i, begin[i], end[i]);
        return x;
    }
    fv__out_value *y = FV__OUT_NODE(
        out, "Pad", x, fv__out_wholes(out, "pads", 2 * rank, pads),
        value != 0 ? fv__out_scalar(out, "padding",
                                    out->node->inputs[0]->value.dtype, value)
                   : NULL);
    fv__out_word(out, "mode", modes[mode]);
    return y;
}

/* ---- batch normalisation folded into weights ----------------------------- */

extern const fv_operator fv__op_batchnorm;

const fv__node *fv__out_folded(fv__out *out, const fv__node *convolution)
{
    const fv__graph *record = &out->records[0];
    const fv_variable *y = convolution->outputs[0];
    const fv__out_entry *entry = fv__out_entry_of(out, y);
    if (!out->options.fold || !entry || entry->uses != 1) return NULL;
    for (int32_t i = y->node + 1; i < record->count; i++) {
        const fv__node *node = record->nodes[i];
        if (!out->needed[i] || node->inputs[0] != y) continue;
        const fv__batchnorm *a = node->attributes;
        return node->op == &fv__op_batchnorm
                       && !(a->without & (FV__NO_STATISTICS | FV__NO_AFFINE))
                   ? node
                   : NULL;
    }
    return NULL;
}

/* weight' = s weight and bias' = s (bias - mean) + beta for each filter, where
 * s = gamma / sqrt(variance + epsilon). */
static fv_status fold(fv__out *out, const fv__node *norm, fv_tensor *weight,
                      fv_tensor *bias)
{
    enum { X, GAMMA, BETA, MEAN, VARIANCE };
    const fv__node *node = out->node;
    const fv__batchnorm *a = norm->attributes;
    const fv_tensor *from = &node->inputs[1]->value;
    const int64_t filters = from->shape[0];
    const int64_t span = fv_tensor_count(from) / fv__max(filters, 1);
    *weight = fv__out_tensor(out, from->dtype, from->rank, from->shape);
    *bias = fv__out_tensor(out, from->dtype, 1, &filters);
    if (weight->rank < 0 || bias->rank < 0) return fv_failed(out->context);
    for (int64_t f = 0; f < filters; f++) {
        double of[5] = { 0 }, old = 0;
        for (int k = GAMMA; k <= VARIANCE; k++) {
            const fv_tensor *values = &norm->inputs[k]->value;
            fv__load_doubles(values->dtype, fv__tensor_byte(values, f), 1, 1,
                             &of[k]);
        }
        if (node->num_inputs > 2)
            fv__load_doubles(from->dtype,
                             fv__tensor_byte(&node->inputs[2]->value, f), 1, 1,
                             &old);
        const double scale = of[GAMMA] / sqrt(of[VARIANCE] + a->epsilon);
        const double moved = scale * (old - of[MEAN]) + of[BETA];
        for (int64_t i = 0; i < span; i++) {
            double w;
            fv__load_doubles(from->dtype, fv__tensor_byte(from, f * span + i),
                             1, 1, &w);
            fv__real_set(out->context, weight->data, f * span + i, scale * w);
        }
        fv__real_set(out->context, bias->data, f, moved);
    }
    return FV_OK;
}

/* ---- convolutions -------------------------------------------------------- */

/* The image, padded here if not by zeros; then the geometry has no padding. */
static fv__out_value *padded_image(fv__out *out, const fv_convolution *a,
                                   fv__geometry *g, int32_t axes)
{
    fv__out_value *x = fv__out_image(out, 0);
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    const double value =
        a->padding_mode == FV_PAD_CONSTANT ? a->padding_value : 0;
    bool any = false;
    if (a->padding_mode == FV_PAD_ZEROS) return x;
    ordered(axes, g->begin, begin + 2);
    ordered(axes, g->end, end + 2);
    for (int32_t i = 2; i < axes + 2; i++) any |= begin[i] || end[i];
    if (!any) return x;
    const bool follows = a->auto_pad == FV_AUTO_PAD_SAME
                         || a->auto_pad == FV_AUTO_PAD_SAME_LOWER;
    if (follows && !fv__out_sized(out))
        fv__out_refuse(out, "padding other than by zeros depends on the size "
                            "of the input; give it");
    for (int32_t i = 0; i < FV__AXES; i++) g->begin[i] = g->end[i] = 0;
    return fv__out_padded(out, x, axes + 2, begin, end, a->padding_mode, value);
}

/* Folded weights are those of the layer under their own names. */
static void folded_operands(fv__out *out, const fv__node *norm,
                            fv__out_value **weight, fv__out_value **bias)
{
    fv_tensor w, b;
    int32_t order[FV_MAX_RANK];
    if (fold(out, norm, &w, &b) != FV_OK) return;
    fv__out_first(w.rank, order);
    w = fv_tensor_permute(out->context, &w, order);
    *weight = fv__out_data(out, "weight", &w);
    *bias = fv__out_data(out, "bias", &b);
}

void fv__out_convolution(fv__out *out)
{
    const fv__node *node = out->node;
    const fv_convolution *a =
        &((const fv__conv2d *)node->attributes)->convolution;
    const int32_t axes = node->inputs[0]->value.rank - 2;
    const fv__node *norm = fv__out_folded(out, node);
    fv__geometry g = fv__convolution_geometry(&node->inputs[0]->value,
                                              &node->inputs[1]->value, a);
    fv__out_value *x = padded_image(out, a, &g, axes);
    fv__out_value *weight = NULL, *bias = NULL;
    if (norm) {
        folded_operands(out, norm, &weight, &bias);
    } else {
        weight = fv__out_image(out, 1);
        if (node->num_inputs > 2) bias = fv__out_plain(out, 2);
    }
    fv__out_value *y = FV__OUT_NODE(out, "Conv", x, weight, bias);
    fv__out_window(out, &g, axes, true);
    fv__out_int(out, "group", g.groups);
    fv__out_padding(out, &g, axes,
                    a->padding_mode == FV_PAD_ZEROS ? a->auto_pad
                                                    : FV_AUTO_PAD_EXPLICIT);
    fv__out_set_image(out, 0, y);
}

void fv__out_conv_transpose(fv__out *out)
{
    const fv__node *node = out->node;
    const fv__conv_transpose *a = node->attributes;
    const fv_tensor *x = &node->inputs[0]->value, *y = &node->outputs[0]->value;
    const int32_t axes = x->rank - 2;
    int64_t more[FV__AXES];
    fv__geometry g;
    if (fv__conv_transpose_geometry(out->context, out->stem, x,
                                    &node->inputs[1]->value, a, &g)
        != FV_OK)
        return;
    fv__out_value *value = FV__OUT_NODE(
        out, "ConvTranspose", fv__out_image(out, 0), fv__out_image(out, 1),
        node->num_inputs > 2 ? fv__out_plain(out, 2) : NULL);
    fv__out_window(out, &g, axes, true);
    fv__out_int(out, "group", g.groups);
    fv__out_padding(out, &g, axes, FV_AUTO_PAD_EXPLICIT);
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        more[i] = y->shape[1 + i]
                  - ((x->shape[1 + i] - 1) * g.stride[axis]
                     + g.dilation[axis] * (g.kernel[axis] - 1) + 1
                     - g.begin[axis] - g.end[axis]);
    }
    fv__out_ints(out, "output_padding", axes, more);
    fv__out_set_image(out, 0, value);
}

/* ---- windows as columns -------------------------------------------------- */

/* A filter for each tap of each channel, 1 at that tap. */
static fv__out_value *tap_filters(fv__out *out, int64_t channels, int32_t axes,
                                  const int64_t kernel[])
{
    const int64_t taps = fv__product(axes, kernel);
    int64_t shape[FV_MAX_RANK] = { channels * taps, 1 };
    for (int32_t i = 0; i < axes; i++) shape[2 + i] = kernel[i];
    const fv_tensor filters =
        fv__out_tensor(out, out->context->dtype, axes + 2, shape);
    if (filters.rank < 0) return NULL;
    for (int64_t i = 0; i < channels * taps; i++)
        fv__real_set(out->context, filters.data, i * taps + i % taps, 1);
    return fv__out_data(out, "taps", &filters);
}

static void write_windows(fv__out *out, const fv_unfolding *w, int32_t axes)
{
    int64_t pads[2 * FV__AXES];
    for (int32_t i = 0; i < axes; i++) {
        pads[i] = w->padding_begin[i];
        pads[axes + i] = w->padding_end[i];
    }
    fv__out_ints(out, "strides", axes, w->stride);
    fv__out_ints(out, "dilations", axes, w->dilation);
    fv__out_ints(out, "pads", 2 * axes, pads);
}

void fv__out_unfold(fv__out *out)
{
    const fv__unfolding *a = out->node->attributes;
    const fv_unfolding *w = &a->window;
    const fv_tensor *x = &out->node->inputs[0]->value;
    const int32_t axes = x->rank - 2;
    const int64_t channels = x->shape[axes + 1];
    fv__out_value *y =
        FV__OUT_NODE(out, "Conv", fv__out_image(out, 0),
                     tap_filters(out, channels, axes, w->kernel));
    fv__out_ints(out, "kernel_shape", axes, w->kernel);
    write_windows(out, w, axes);
    fv__out_int(out, "group", channels);
    const int64_t shape[] = { 0, channels * fv__product(axes, w->kernel), -1 };
    fv__out_set_image(out, 0, fv__out_reshape(out, y, 3, shape));
}

/* The columns as the channels of images, of which a transposed convolution adds
 * each to its place. */
static fv__out_value *added(fv__out *out, const fv__unfolding *a)
{
    const fv_unfolding *w = &a->window;
    const fv_tensor *x = &out->node->inputs[0]->value;
    const int64_t taps = fv__product(a->axes, w->kernel);
    int64_t shape[FV_MAX_RANK] = { 0, x->shape[2] }, more[FV__AXES];
    for (int32_t i = 0; i < a->axes; i++) {
        const int64_t span = w->dilation[i] * (w->kernel[i] - 1) + 1;
        const int64_t padded =
            a->size[i] + w->padding_begin[i] + w->padding_end[i];
        shape[2 + i] = (padded - span) / w->stride[i] + 1;
        more[i] = (padded - span) % w->stride[i];
    }
    fv__out_value *columns =
        fv__out_reshape(out, fv__out_image(out, 0), a->axes + 2, shape);
    fv__out_value *y =
        FV__OUT_NODE(out, "ConvTranspose", columns,
                     tap_filters(out, x->shape[2] / taps, a->axes, w->kernel));
    fv__out_ints(out, "output_padding", a->axes, more);
    fv__out_int(out, "group", x->shape[2] / taps);
    return y;
}

void fv__out_fold(fv__out *out)
{
    enum { OPSET = 18 };
    const fv__unfolding *a = out->node->attributes;
    const fv_unfolding *w = &a->window;
    fv__out_value *y =
        out->opset >= OPSET
            ? FV__OUT_NODE(out, "Col2Im", fv__out_image(out, 0),
                           fv__out_wholes(out, "size", a->axes, a->size),
                           fv__out_wholes(out, "kernel", a->axes, w->kernel))
            : added(out, a);
    write_windows(out, w, a->axes);
    fv__out_set_image(out, 0, y);
}
