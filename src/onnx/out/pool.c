/* Pooling. */
#include "onnx/out/out.h"
#include "op/attributes.h"
#include "op/pool/window.h"

#include <math.h>
#include <string.h>

fv__out_emit fv__out_maxpool, fv__out_max_unpool, fv__out_avgpool,
    fv__out_lppool, fv__out_global_pool, fv__out_bins;

static int32_t axes_of(const fv__out *out)
{
    return out->node->inputs[0]->value.rank - 2;
}

/* The geometry of pooling. Of an image of known size, what windows reach beyond
 * the padding becomes padding, so that nothing is rounded up. */
static fv__geometry geometry_of(const fv__out *out, const fv_pooling *a,
                                bool extend)
{
    const fv_tensor *x = &out->node->inputs[0]->value;
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t axes = axes_of(out);
    fv__geometry g = fv__pool_geometry(x, a);
    if (!g.ceil_mode || !extend || !fv__out_sized(out)) return g;
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        const int64_t reach = (y->shape[1 + i] - 1) * g.stride[axis]
                              + g.dilation[axis] * (g.kernel[axis] - 1) + 1;
        g.end[axis] = fv__max(g.end[axis], reach - g.begin[axis] - g.in[axis]);
    }
    g.ceil_mode = false;
    return g;
}

static bool is_dilated(const fv__geometry *g)
{
    bool any = false;
    for (int32_t i = 0; i < FV__AXES; i++) any |= g->dilation[i] > 1;
    return any;
}

/* Whether the padding of an axis is as long as the kernel, which is not
 * allowed.
 */
static bool is_wide(const fv__geometry *g)
{
    bool any = false;
    for (int32_t i = 0; i < FV__AXES; i++) any |= g->end[i] >= g->kernel[i];
    return any;
}

/* The image, padded by numbers that change no result if the windows reach far
 * beyond it; then the geometry has no padding. */
static fv__out_value *reached(fv__out *out, fv__out_value *x, fv__geometry *g,
                              double number)
{
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    const int32_t axes = axes_of(out);
    if (!is_wide(g)) return x;
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        begin[2 + i] = g->begin[axis];
        end[2 + i] = g->end[axis];
        g->begin[axis] = g->end[axis] = 0;
    }
    return fv__out_padded(out, x, axes + 2, begin, end, FV_PAD_CONSTANT,
                          number);
}

static fv__out_value *pool(fv__out *out, const char *type, fv__out_value *x,
                           const fv__geometry *g, fv_auto_pad mode)
{
    const int32_t axes = axes_of(out);
    fv__out_value *y = FV__OUT_NODE(out, type, x);
    fv__out_window(out, g, axes, is_dilated(g));
    fv__out_padding(out, g, axes, mode);
    if (g->ceil_mode) fv__out_int(out, "ceil_mode", 1);
    return y;
}

/* ONNX counts the positions of maxima over the whole batch. */
static void set_indices(fv__out *out, fv__out_value *indices)
{
    const fv_tensor *x = &out->node->inputs[0]->value;
    const int64_t plane = fv__product(axes_of(out), x->shape + 1);
    if (!fv__out_sized(out)) {
        fv__out_refuse(out, "positions of maxima in images of open size");
        return;
    }
    fv__out_set_image(
        out, 1,
        FV__OUT_NODE(out, "Mod", indices, fv__out_whole(out, "plane", plane)));
}

void fv__out_maxpool(fv__out *out)
{
    const fv_pooling *a = out->node->attributes;
    fv__geometry g = geometry_of(out, a, true);
    const bool indices = out->node->num_outputs > 1;
    if (indices && is_wide(&g)) g = geometry_of(out, a, false);
    fv__out_value *x =
        reached(out, fv__out_image(out, 0), &g, -(double)INFINITY);
    fv__out_set_image(out, 0, pool(out, "MaxPool", x, &g, a->auto_pad));
    if (indices) set_indices(out, fv__out_more(out));
}

/* The elements are scattered along the planes of an image of zeros. */
void fv__out_max_unpool(fv__out *out)
{
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t axes = axes_of(out);
    const int64_t plane = fv__product(axes, y->shape + 1);
    const int64_t rows[] = { 0, 0, -1 }, none[] = { 0 }, along[] = { 2 };
    const int64_t end[] = { 0, 0, plane }, begin[] = { 0, 0, 0 };
    int64_t shape[FV_MAX_RANK] = { 0, 0 };
    if (!fv__out_sized(out)) {
        fv__out_refuse(out, "unpooling of images of open size");
        return;
    }
    for (int32_t i = 0; i < axes; i++) shape[2 + i] = y->shape[1 + i];
    fv__out_value *x = fv__out_reshape(out, fv__out_image(out, 0), 3, rows);
    fv__out_value *where = fv__out_reshape(out, fv__out_image(out, 1), 3, rows);
    fv__out_value *zeros =
        FV__OUT_NODE(out, "Slice", x, fv__out_wholes(out, "begin", 1, none),
                     fv__out_wholes(out, "end", 1, none),
                     fv__out_wholes(out, "axis", 1, along));
    zeros = fv__out_padded(out, zeros, 3, begin, end, FV_PAD_ZEROS, 0);
    fv__out_value *made = FV__OUT_NODE(out, "ScatterElements", zeros, where, x);
    fv__out_int(out, "axis", 2);
    fv__out_set_image(out, 0, fv__out_reshape(out, made, axes + 2, shape));
}

/* Means over all elements of windows, padding and what lies beyond it included,
 * times a number. */
static fv__out_value *sums(fv__out *out, fv__out_value *x, const fv_pooling *a,
                           double each)
{
    fv__geometry g = geometry_of(out, a, true);
    x = reached(out, x, &g, 0);
    fv__out_value *y = pool(out, "AveragePool", x, &g, a->auto_pad);
    fv__out_int(out, "count_include_pad", 1);
    return each == 1 ? y
                     : FV__OUT_NODE(out, "Mul", y,
                                    fv__out_number(out, "elements", each));
}

/* Whether the operator set has what averages of these windows need. */
static bool averages(fv__out *out, const fv_pooling *a)
{
    enum { DILATES = 19 };
    const fv__geometry g = geometry_of(out, a, true);
    if (is_dilated(&g) && out->opset < DILATES) {
        fv__out_refuse(out, "means of dilated windows need operator set %d",
                       DILATES);
        return false;
    }
    return true;
}

static double elements_of(const fv__out *out, const fv_pooling *a)
{
    return (double)fv__product(axes_of(out), a->kernel);
}

void fv__out_avgpool(fv__out *out)
{
    const fv_pooling *a = out->node->attributes;
    fv__out_value *x = fv__out_image(out, 0), *y;
    if (!averages(out, a)) return;
    if (a->divisor) {
        if (a->ceil_mode && !fv__out_sized(out))
            fv__out_refuse(out, "a divisor of windows beyond the padding of "
                                "images of open size");
        y = sums(out, x, a, elements_of(out, a) / (double)a->divisor);
    } else {
        fv__geometry g = geometry_of(out, a, a->exclude_padding);
        if (is_wide(&g)) g = geometry_of(out, a, false);
        y = pool(out, "AveragePool", x, &g, a->auto_pad);
        fv__out_int(out, "count_include_pad", !a->exclude_padding);
    }
    fv__out_set_image(out, 0, y);
}

/* (sum of x^p)^(1/p) as sums of means: the LpPool of ONNX takes |x|, and whole
 * p alone. */
void fv__out_lppool(fv__out *out)
{
    const fv__lppool *a = out->node->attributes;
    fv__out_value *y = fv__out_image(out, 0);
    if (!averages(out, &a->pooling)) return;
    if (a->pooling.ceil_mode && !fv__out_sized(out))
        fv__out_refuse(out,
                       "windows beyond the padding of images of open size");
    if (a->p != 1)
        y = FV__OUT_NODE(out, "Pow", y, fv__out_number(out, "p", a->p));
    y = sums(out, y, &a->pooling, elements_of(out, &a->pooling));
    if (a->p != 1)
        y = FV__OUT_NODE(out, "Pow", y, fv__out_number(out, "root", 1 / a->p));
    fv__out_set_image(out, 0, y);
}

void fv__out_global_pool(fv__out *out)
{
    fv__out_set_image(
        out, 0, FV__OUT_NODE(out, out->node->op->onnx, fv__out_image(out, 0)));
}

/* ---- windows that divide an image evenly --------------------------------- */

extern const fv_operator fv__op_adaptive_maxpool;

/* The window t of `count` along an axis of `extent`. */
static void bin_of(int64_t extent, int64_t count, int64_t t, int64_t *begin,
                   int64_t *end)
{
    *begin = t * extent / count;
    *end = fv__divide_up((t + 1) * extent, count);
}

/* Whether the windows along all axes have one length and one distance. */
static bool even_bins(const fv__out *out, fv_pooling *a)
{
    const fv_tensor *x = &out->node->inputs[0]->value;
    const fv_tensor *y = &out->node->outputs[0]->value;
    bool even = true;
    for (int32_t i = 0; i < axes_of(out); i++) {
        const int64_t in = x->shape[1 + i], count = y->shape[1 + i];
        int64_t begin, end, second = 0, next;
        bin_of(in, count, 0, &begin, &a->kernel[i]);
        a->stride[i] = a->kernel[i];
        if (count > 1) bin_of(in, count, 1, &a->stride[i], &next);
        for (int64_t t = 1; t < count; t++) {
            bin_of(in, count, t, &second, &end);
            even &= second == t * a->stride[i] && end - second == a->kernel[i];
        }
        a->dilation[i] = 1;
    }
    return even;
}

/* Reduces the windows along one axis of the value, and joins the results. */
static fv__out_value *reduce_bins(fv__out *out, fv__out_value *x,
                                  const char *type, int32_t axis, int64_t in,
                                  int64_t count)
{
    const int64_t at = axis + 1; /* channels come first */
    fv__out_value **parts = fv__out_memory(out, (size_t)count * sizeof *parts);
    if (!parts) return NULL;
    for (int64_t t = 0; t < count; t++) {
        int64_t begin, end;
        bin_of(in, count, t, &begin, &end);
        parts[t] = FV__OUT_NODE(out, "Slice", x,
                                fv__out_wholes(out, "begin", 1, &begin),
                                fv__out_wholes(out, "end", 1, &end),
                                fv__out_wholes(out, "axis", 1, &at));
        parts[t] = fv__out_reduce(out, type, parts[t], 1, &at, true);
    }
    x = fv__out_node_of(out, "Concat", (int32_t)count, parts);
    fv__out_int(out, "axis", at);
    return x;
}

void fv__out_bins(fv__out *out)
{
    const bool largest = out->node->op == &fv__op_adaptive_maxpool;
    const fv_tensor *x = &out->node->inputs[0]->value;
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t axes = axes_of(out);
    fv_pooling even = { .kernel = { 0 } };
    fv__out_value *value = fv__out_image(out, 0);
    bool all = true;
    for (int32_t i = 0; i < axes; i++) all &= y->shape[1 + i] == 1;
    if (all) {
        value = FV__OUT_NODE(
            out, largest ? "GlobalMaxPool" : "GlobalAveragePool", value);
    } else if (!fv__out_sized(out)) {
        fv__out_refuse(out, "windows that divide an image of open size");
        return;
    } else if (even_bins(out, &even)) {
        const fv__geometry g = fv__pool_geometry(x, &even);
        value = pool(out, largest ? "MaxPool" : "AveragePool", value, &g,
                     FV_AUTO_PAD_EXPLICIT);
    } else {
        for (int32_t i = 0; i < axes; i++)
            if (x->shape[1 + i] != y->shape[1 + i])
                value = reduce_bins(out, value,
                                    largest ? "ReduceMax" : "ReduceMean", i + 1,
                                    x->shape[1 + i], y->shape[1 + i]);
    }
    fv__out_set_image(out, 0, value);
}
