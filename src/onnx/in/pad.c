/* Padding. Zeros around images wait for the window that reads them, which may
 * do the padding itself. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

/* ---- zeros that a window pads itself ---------------------------------------
 */

/* Whether that padding of all axes of the graph is one of windows: of images
 * with channels last, around their spatial axes. */
static bool is_window(const fv__importer *to, const fv__value *x,
                      const int64_t begin[], const int64_t end[])
{
    const int32_t rank = fv__onnx_rank(to, x);
    const fv__order last = fv__order_last(rank);
    if (rank < 3 || rank > FV__AXES + 2 || x->known.data
        || !fv__dtype_is_real(fv__onnx_type_of(to, x))
        || !fv__order_equal(rank, &x->order, &last))
        return false;
    for (int32_t i = 0; i < rank; i++)
        if (begin[i] < 0 || end[i] < 0 || (i < 2 && (begin[i] || end[i])))
            return false;
    return true;
}

static fv_status wait_for_window(fv__importer *to, fv__onnx_node *node,
                                 fv__value *x, const int64_t begin[],
                                 const int64_t end[], const char *options)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__deferred d = { .base = node->name,
                       .dtype = fv__onnx_type_of(to, x),
                       .rank = rank,
                       .padding = true };
    for (int32_t i = 0; i < rank; i++) {
        const int64_t extent = fv__onnx_extent(to, x, i);
        d.extent[i] = extent == FV_OPEN
                          ? FV_OPEN
                          : fv__saturated_sum(
                              extent, fv__saturated_sum(begin[i], end[i]));
    }
    memcpy(d.begin, begin + 2, (size_t)(rank - 2) * sizeof *begin);
    memcpy(d.end, end + 2, (size_t)(rank - 2) * sizeof *end);
    fv__value *y = fv__onnx_defer(to, d, 1, &x, options);
    return fv__onnx_set_ordered(node, 0, y, fv__order_last(rank));
}

void fv__onnx_merge_padding(fv__onnx_node *node, fv__onnx_window *w)
{
    const fv__value *x = node->inputs[0];
    const fv__deferred *d = x->result < 0 ? x->deferred : NULL;
    if (!d || !d->padding) return;
    if (w->auto_pad && strcmp(w->auto_pad, "valid") != 0) return;
    for (int32_t i = 0; i < w->axes; i++) {
        const int64_t reach = (w->kernel[i] - 1) * w->dilation[i];
        if (fv__saturated_sum(w->begin[i], d->begin[i]) > reach
            || fv__saturated_sum(w->end[i], d->end[i]) > reach)
            return;
    }
    for (int32_t i = 0; i < w->axes; i++) {
        w->begin[i] += d->begin[i];
        w->end[i] += d->end[i];
    }
    w->auto_pad = NULL;
    node->inputs[0] = d->inputs[0];
}

/* ---- the operator ---------------------------------------------------------
 */

static const char *mode_of(fv__importer *to, fv__onnx_node *node)
{
    static const char *const words[][2] = { { "constant", "constant" },
                                            { "reflect", "reflect" },
                                            { "edge", "replicate" },
                                            { "wrap", "circular" },
                                            { NULL, NULL } };
    return fv__onnx_word(to, node, "mode", "constant", words);
}

/* The number that is added, an attribute before version 11. */
static bool read_number(fv__importer *to, fv__onnx_node *node, double *number)
{
    const fv__value *given = fv__onnx_operand(node, 2);
    *number = fv__onnx_float(node, "value", 0);
    if (!given || fv__onnx_number(given, number)) return true;
    fv__onnx_refuse(to, node, "its value is no known number");
    return false;
}

/* The padding of all axes of the graph, from a list of those of some, which may
 * be longer than the lists of lines. */
static bool read_numbers(fv__importer *to, fv__onnx_node *node,
                         const fv__list *axes, int64_t begin[], int64_t end[])
{
    int64_t all[2 * FV_MAX_RANK] = { 0 };
    const fv__value *given = fv__onnx_operand(node, 1);
    const fv__onnx_attribute *a =
        fv__onnx_find(node, node->version < 2 ? "paddings" : "pads");
    const int64_t count = given ? fv_tensor_count(&given->known)
                          : a   ? (int64_t)a->n_ints
                                : 0;
    if (count != 2 * axes->count
        || (given && fv__dtype_is_real(given->known.dtype))) {
        fv__onnx_refuse(to, node, "pads has %lld numbers, expected %lld",
                        (long long)count, 2 * (long long)axes->count);
        return false;
    }
    if (given)
        fv__load_integers(given->known.dtype, given->known.data, 1, count, all);
    else if (count)
        memcpy(all, a->ints, (size_t)count * sizeof *all);
    for (int64_t i = 0; i < axes->count; i++) {
        begin[axes->at[i]] = all[i];
        end[axes->at[i]] = all[i + axes->count];
    }
    return true;
}

/* Padding that follows from sizes, of all axes. */
static fv_status pad_by_inputs(fv__importer *to, fv__onnx_node *node,
                               fv__value *x, const char *mode,
                               const char *number)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__value *pads = fv__onnx_plain(to, node->inputs[1]);
    if (node->num_inputs > 3 && node->inputs[3])
        return fv__onnx_refuse(to, node,
                               "pads of some axes depend on the input, which "
                               "is not supported");
    fv__value *all[] = { fv__onnx_plain(to, x),
                         fv__onnx_part(to, node, pads, 0, 0, rank),
                         fv__onnx_part(to, node, pads, 0, rank, 2 * rank) };
    return fv__onnx_set(node, 0,
                        fv__onnx_line(to, node, 3, all,
                                      "pad 0 mode=%s value=%s", mode, number));
}

static fv_status pad(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    const char *mode = mode_of(to, node);
    double number;
    char text[FV__NUMBER_BYTES], options[512] = "", line[640];
    fv__list axes;
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    if (!x || !mode || !read_number(to, node, &number)) return FV_UNSUPPORTED;
    fv__number_text(number, text);
    const int32_t rank = fv__onnx_rank(to, x);
    if (node->num_inputs > 1 && node->inputs[1] && !node->inputs[1]->known.data)
        return pad_by_inputs(to, node, x, mode, text);
    for (axes.count = 0; axes.count < rank; axes.count++)
        axes.at[axes.count] = axes.count;
    if ((fv__onnx_given(node, 3, "axes")
         && !fv__onnx_axes(to, node, 3, "axes", rank, &axes))
        || !read_numbers(to, node, &axes, begin, end))
        return FV_UNSUPPORTED;
    int64_t before[FV_MAX_RANK], after[FV_MAX_RANK];
    bool any = false;
    for (int32_t i = 0; i < rank; i++) {
        before[i] = begin[x->order.axis[i]];
        after[i] = end[x->order.axis[i]];
        any |= before[i] || after[i];
    }
    if (!any) return fv__onnx_set(node, 0, x);
    fv__onnx_write(options, "before", rank, before);
    fv__onnx_write(options, "after", rank, after);
    snprintf(line, sizeof line, "pad%s axis=0 mode=%s value=%s", options, mode,
             text);
    if (number == 0 && strcmp(mode, "constant") == 0
        && is_window(to, x, begin, end))
        return wait_for_window(to, node, x, begin, end, line);
    return fv__onnx_set(node, 0, fv__onnx_map(to, node, x, "%s", line));
}

const fv__onnx_operator fv__onnx_pads[] = {
    { "Pad", pad, NULL },
    { NULL, NULL, NULL },
};
