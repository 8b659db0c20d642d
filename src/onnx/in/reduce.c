/* Reductions, and what counts along an axis. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

/* ---- reductions ------------------------------------------------------------
 */

/* A reduction of ONNX and the layer that it is. */
typedef struct reduction {
    const char *kind, *layer;
    const char *first; /* the function of one element that it begins with; NULL:
                          none */
    const char *alone; /* what it is without axes; NULL: nothing */
    bool whole;        /* the layer takes whole numbers */
    int64_t version;   /* from which on the axes are an input */
} reduction;

static const reduction reductions[] = {
    { "ReduceSum", "sum", NULL, NULL, true, 13 },
    { "ReduceMean", "mean", NULL, NULL, false, 18 },
    { "ReduceMax", "max", NULL, NULL, true, 18 },
    { "ReduceMin", "min", NULL, NULL, true, 18 },
    { "ReduceProd", "prod", NULL, NULL, true, 18 },
    { "ReduceL1", "reduce_l1", "abs", "abs", false, 18 },
    { "ReduceL2", "reduce_l2", NULL, "abs", false, 18 },
    { "ReduceLogSum", "log_sum", NULL, "log", false, 18 },
    { "ReduceLogSumExp", "log_sum_exp", NULL, NULL, false, 18 },
    { "ReduceSumSquare", "sum_square", "pow 2", "pow 2", false, 18 },
};

/* Which axes of the graph's value are reduced: those of the attribute or input
 * or, if there are none, all or with `none` not any. */
static bool find_axes(fv__importer *to, fv__onnx_node *node, const fv__value *x,
                      int64_t version, bool named[FV_MAX_RANK], bool *none)
{
    fv__list axes = { .count = 0 };
    const int32_t rank = fv__onnx_rank(to, x);
    if (node->version < version)
        fv__onnx_ints(to, node, "axes", &axes);
    else if (fv__onnx_option(to, node, 1)
             && !fv__onnx_list(to, node, 1, "axes", &axes))
        return false;
    *none = !axes.count && fv__onnx_int(node, "noop_with_empty_axes", 0);
    for (int32_t i = 0; i < FV_MAX_RANK; i++) named[i] = !axes.count;
    for (int64_t i = 0; i < axes.count; i++) {
        if (!fv__onnx_axis(to, node, x, &axes.at[i])) return false;
        if (named[axes.at[i]]) {
            fv__onnx_refuse(to, node, "axis %lld of %d is named twice",
                            (long long)axes.at[i], rank);
            return false;
        }
        named[axes.at[i]] = true;
    }
    return true;
}

/* The order of what is left without the axes that are reduced. */
static fv__order order_without(const fv__value *x, int32_t rank,
                               const bool named[FV_MAX_RANK])
{
    fv__order order = fv__order_plain();
    int32_t n = 0;
    for (int32_t i = 0; i < rank; i++) {
        const int32_t axis = x->order.axis[i];
        int32_t before = 0;
        if (named[axis]) continue;
        for (int32_t k = 0; k < axis; k++) before += named[k];
        order.axis[n++] = axis - before;
    }
    return order;
}

/* The mean of whole numbers: their sum by their count, towards zero. */
static fv__value *divide(fv__importer *to, fv__onnx_node *node,
                         const fv__value *x, fv__value *sum,
                         const bool named[FV_MAX_RANK])
{
    int64_t count = 1;
    for (int32_t i = 0; i < fv__onnx_rank(to, x); i++) {
        const int64_t extent = named[i] ? fv__onnx_extent(to, x, i) : 1;
        if (extent == FV_OPEN) {
            fv__onnx_refuse(to, node,
                            "the mean of an open number of whole numbers is "
                            "not supported");
            return NULL;
        }
        count *= extent;
    }
    return fv__onnx_line(to, node, 1, &sum, "div %lld", (long long)count);
}

/* The layer of a reduction, or several where it does not take whole numbers. */
static fv__value *reduced(fv__importer *to, fv__onnx_node *node,
                          const reduction *r, fv__value *x,
                          const bool named[FV_MAX_RANK], const char *options)
{
    const fv_dtype type = fv__onnx_type_of(to, x);
    const bool mean = strcmp(r->layer, "mean") == 0;
    fv__value *y = x;
    if (fv__dtype_is_real(type) || (r->whole && type != FV_BOOL))
        return fv__onnx_line(to, node, 1, &x, "%s%s", r->layer, options);
    if (type == FV_BOOL || !(r->first || mean)) {
        y = fv__onnx_cast(to, node, x,
                          type == FV_BOOL ? FV_U8 : to->context->dtype);
        y = fv__onnx_line(to, node, 1, &y, "%s%s", r->layer, options);
        return fv__onnx_cast(to, node, y, type);
    }
    if (r->first) y = fv__onnx_line(to, node, 1, &y, "%s", r->first);
    y = fv__onnx_line(to, node, 1, &y, "sum%s", options);
    return mean && y ? divide(to, node, x, y, named) : y;
}

static fv_status reduce(fv__importer *to, fv__onnx_node *node)
{
    const reduction *r = reductions;
    fv__value *x = fv__onnx_input(to, node, 0);
    bool named[FV_MAX_RANK], none;
    fv__list axes = { .count = 0 };
    char options[512] = "";
    while (strcmp(r->kind, node->kind) != 0) r++;
    if (!x || !find_axes(to, node, x, r->version, named, &none))
        return FV_UNSUPPORTED;
    if (none)
        return fv__onnx_set_ordered(
            node, 0,
            r->alone ? fv__onnx_line(to, node, 1, &x, "%s", r->alone) : x,
            x->order);
    const int32_t rank = fv__onnx_rank(to, x);
    for (int32_t i = 0; i < rank; i++)
        if (named[x->order.axis[i]]) axes.at[axes.count++] = i;
    const bool keep = fv__onnx_int(node, "keepdims", 1) != 0;
    if (!keep) snprintf(options, sizeof options, " keepdims=no");
    if (axes.count) fv__onnx_write(options, "axes", axes.count, axes.at);
    fv__value *y = reduced(to, node, r, x, named, options);
    return fv__onnx_set_ordered(
        node, 0, y, keep ? x->order : order_without(x, rank, named));
}

/* ---- the places of extremes, and sums so far -------------------------------
 */

static fv_status arg_extreme(fv__importer *to, fv__onnx_node *node,
                             const char *kind)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    int64_t axis = fv__onnx_int(node, "axis", 0);
    if (!x || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    const bool keep = fv__onnx_int(node, "keepdims", 1) != 0;
    bool named[FV_MAX_RANK] = { false };
    named[axis] = true;
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "%s %d%s%s", kind, fv__onnx_stored(to, x, axis),
        keep ? "" : " keepdims=no",
        fv__onnx_int(node, "select_last_index", 0) ? " last=yes" : "");
    return fv__onnx_set_ordered(
        node, 0, y,
        keep ? x->order : order_without(x, fv__onnx_rank(to, x), named));
}

static fv_status arg_max(fv__importer *to, fv__onnx_node *node)
{
    return arg_extreme(to, node, "arg_max");
}

static fv_status arg_min(fv__importer *to, fv__onnx_node *node)
{
    return arg_extreme(to, node, "arg_min");
}

/* k is an attribute before version 10. */
static fv_status top_k(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    int64_t axis = fv__onnx_int(node, "axis", -1);
    if (!x || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    fv__value *operands[] = { x, NULL };
    int32_t count = 1;
    char text[FV__NUMBER_BYTES];
    double k = (double)fv__onnx_int(node, "k", 1);
    if (node->version >= 10) {
        operands[1] = fv__onnx_input(to, node, 1);
        if (!operands[1]) return FV_UNSUPPORTED;
        if (!fv__onnx_number(operands[1], &k)) count = 2;
    }
    if (!(k >= 0 && k <= 0x1p53))
        return fv__onnx_refuse(to, node, "k is %s", fv__number_text(k, text));
    fv__value *y =
        fv__onnx_line(to, node, count, operands, "top_k %lld axis=%d%s",
                      (long long)k, fv__onnx_stored(to, x, axis),
                      fv__onnx_int(node, "largest", 1) ? "" : " smallest=yes");
    for (int32_t i = 0; y && i < 2; i++)
        fv__onnx_set_ordered(node, i, fv__onnx_sibling(to, y, i), x->order);
    return y ? FV_OK : FV_UNSUPPORTED;
}

static fv_status cumulative_sum(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list axis;
    if (!x || !fv__onnx_input(to, node, 1)
        || !fv__onnx_list(to, node, 1, "axis", &axis))
        return FV_UNSUPPORTED;
    if (axis.count != 1)
        return fv__onnx_refuse(to, node, "%lld axes, expected one",
                               (long long)axis.count);
    if (!fv__onnx_axis(to, node, x, &axis.at[0])) return FV_UNSUPPORTED;
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "cumulative_sum %d%s%s",
        fv__onnx_stored(to, x, axis.at[0]),
        fv__onnx_int(node, "exclusive", 0) ? " exclusive=yes" : "",
        fv__onnx_int(node, "reverse", 0) ? " reverse=yes" : "");
    return fv__onnx_set_ordered(node, 0, y, x->order);
}

const fv__onnx_operator fv__onnx_reductions[] = {
    { "ReduceSum", reduce, NULL },
    { "ReduceMean", reduce, NULL },
    { "ReduceMax", reduce, NULL },
    { "ReduceMin", reduce, NULL },
    { "ReduceProd", reduce, NULL },
    { "ReduceL1", reduce, NULL },
    { "ReduceL2", reduce, NULL },
    { "ReduceLogSum", reduce, NULL },
    { "ReduceLogSumExp", reduce, NULL },
    { "ReduceSumSquare", reduce, NULL },
    { "ArgMax", arg_max, NULL },
    { "ArgMin", arg_min, NULL },
    { "TopK", top_k, NULL },
    { "CumSum", cumulative_sum, NULL },
    { NULL, NULL, NULL },
};
