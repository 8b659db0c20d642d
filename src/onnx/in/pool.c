/* Pools. Indices of largest values count over the whole tensor in ONNX, with
 * channels second, and over the pixels of a channel of an image here. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

static fv_status pool(fv__importer *to, fv__onnx_node *node, const char *stem,
                      const char *more)
{
    fv__onnx_window window;
    char kind[32];
    if (!fv__onnx_input(to, node, 0)
        || fv__onnx_read_window(to, node, NULL, &window) != FV_OK)
        return FV_UNSUPPORTED;
    /* the window may have taken the padding of its input */
    fv__value *x = fv__onnx_last(to, fv__onnx_input(to, node, 0));
    fv__value *y = fv__onnx_map(
        to, node, x, "%s%s ceil_mode=%s%s",
        fv__onnx_kind(stem, window.axes, true, kind), window.options,
        fv__onnx_int(node, "ceil_mode", 0) ? "yes" : "no", more);
    return fv__onnx_set(node, 0, y);
}

/* ---- positions -------------------------------------------------------------
 */

/* Writes padding that is given by a word as numbers. */
static fv_status pad_by_numbers(fv__importer *to, fv__onnx_node *node,
                                fv__onnx_window *w)
{
    if (!w->auto_pad) return FV_OK;
    for (int32_t i = 0; i < w->axes && strcmp(w->auto_pad, "valid") != 0; i++) {
        const int64_t in = fv__onnx_extent(to, node->inputs[0], i + 2);
        if (in == FV_OPEN)
            return fv__onnx_refuse(
                to, node, "auto_pad with indices needs the size of the input");
        const int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        const int64_t moved =
            (fv__divide_up(in, w->stride[i]) - 1) * w->stride[i];
        const int64_t pad = fv__max(moved + span - in, 0), half = pad / 2;
        w->begin[i] = strcmp(w->auto_pad, "same") == 0 ? half : pad - half;
        w->end[i] = pad - w->begin[i];
    }
    w->auto_pad = NULL;
    fv__onnx_write_window(w);
    return FV_OK;
}

/* The extent of an axis of the graph as a vector of one number. */
static fv__value *extent_of(fv__importer *to, const fv__onnx_node *node,
                            fv__value *x, int64_t axis)
{
    return fv__onnx_sizes_of(to, node, x, axis, axis + 1);
}

/* Positions that are counted along rows, counted along columns. */
static fv__value *by_columns(fv__importer *to, fv__onnx_node *node,
                             fv__value *x, fv__value *places)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__value *sum = NULL, *step = fv__onnx_integers(to, 1, &(int64_t){ 1 });
    fv__value *parts[FV__AXES];
    for (int32_t axis = rank - 1; axis >= 2; axis--) {
        fv__value *extent = extent_of(to, node, x, axis);
        parts[axis - 2] = fv__onnx_two(to, node, "mod", places, extent);
        places = fv__onnx_two(to, node, "div", places, extent);
    }
    for (int32_t axis = 2; axis < rank; axis++) {
        fv__value *part = fv__onnx_two(to, node, "mul", parts[axis - 2], step);
        sum = sum ? fv__onnx_two(to, node, "add", sum, part) : part;
        step =
            fv__onnx_two(to, node, "mul", step, extent_of(to, node, x, axis));
    }
    return sum;
}

/* Positions in the whole tensor x from those in its planes. */
static fv__value *positions(fv__importer *to, fv__onnx_node *node, fv__value *x,
                            fv__value *places)
{
    fv__value *plane = fv__onnx_integers(to, 1, &(int64_t){ 1 });
    for (int32_t axis = 2; axis < fv__onnx_rank(to, x); axis++)
        plane =
            fv__onnx_two(to, node, "mul", plane, extent_of(to, node, x, axis));
    if (fv__onnx_int(node, "storage_order", 0))
        places = by_columns(to, node, x, places);
    fv__value *image = fv__onnx_two(
        to, node, "mul",
        fv__onnx_along(to, node, x, 0, fv__onnx_counted(to, node, x, 0)),
        extent_of(to, node, x, 1));
    fv__value *first = fv__onnx_two(
        to, node, "add", image,
        fv__onnx_along(to, node, x, 1, fv__onnx_counted(to, node, x, 1)));
    return fv__onnx_two(to, node, "add", places,
                        fv__onnx_two(to, node, "mul", first, plane));
}

static fv_status pool_indices(fv__importer *to, fv__onnx_node *node)
{
    fv__onnx_window window;
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x || fv__onnx_read_window(to, node, NULL, &window) != FV_OK
        || pad_by_numbers(to, node, &window) != FV_OK)
        return FV_UNSUPPORTED;
    x = fv__onnx_last(to, x);
    fv__value *y = fv__onnx_map(
        to, node, x, "maxpool_indices%s ceil_mode=%s", window.options,
        fv__onnx_int(node, "ceil_mode", 0) ? "yes" : "no");
    fv__value *places = y ? fv__onnx_sibling(to, y, 1) : NULL;
    if (!places) return FV_UNSUPPORTED;
    places->order = y->order;
    fv__onnx_set(node, 1, positions(to, node, x, places));
    return fv__onnx_set(node, 0, y);
}

static fv_status max_pool(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    const fv_dtype dtype = fv__onnx_type_of(to, x);
    if (fv__onnx_wanted(node, 1)) return pool_indices(to, node);
    if (fv__dtype_is_real(dtype)) return pool(to, node, "maxpool", "");
    fv__value real = { 0 }, *reals[] = { &real };
    fv__value *inputs[] = { fv__onnx_cast(to, node, x, to->context->dtype) };
    fv__onnx_node cast = *node;
    cast.inputs = inputs;
    cast.outputs = reals;
    if (!inputs[0] || pool(to, &cast, "maxpool", "") != FV_OK)
        return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0, fv__onnx_cast(to, node, &real, dtype));
}

/* The pixels of the output: those that the windows fill, or the shape that is
 * asked for. */
static fv__value *plane_of(fv__importer *to, fv__onnx_node *node,
                           const fv__onnx_window *w, const fv__list *shape)
{
    fv__value *plane = fv__onnx_integers(to, 1, &(int64_t){ 1 });
    for (int32_t i = 0; i < w->axes; i++) {
        fv__value *extent = extent_of(to, node, node->inputs[0], i + 2);
        extent = fv__onnx_with(to, node, "mul", extent, (double)w->stride[i]);
        extent = fv__onnx_with(
            to, node, "add", extent,
            (double)(w->kernel[i] - w->stride[i] - w->begin[i] - w->end[i]));
        if (shape->count) extent = fv__onnx_integers(to, 1, &shape->at[i + 2]);
        plane = fv__onnx_two(to, node, "mul", plane, extent);
    }
    return plane;
}

static fv_status max_unpool(fv__importer *to, fv__onnx_node *node)
{
    fv__onnx_window w;
    char options[512] = "";
    fv__list shape = { 0 };
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *places = fv__onnx_input(to, node, 1);
    if (!x || !places || fv__onnx_read_window(to, node, NULL, &w) != FV_OK)
        return FV_UNSUPPORTED;
    if (fv__onnx_operand(node, 2)
        && !fv__onnx_list(to, node, 2, "output_shape", &shape))
        return FV_UNSUPPORTED;
    if (shape.count && shape.count != w.axes + 2)
        return fv__onnx_refuse(to, node, "output_shape has %lld numbers",
                               (long long)shape.count);
    if (shape.count) fv__onnx_write(options, "size", w.axes, shape.at + 2);
    x = fv__onnx_last(to, x);
    places =
        fv__onnx_two(to, node, "mod", places, plane_of(to, node, &w, &shape));
    places = fv__onnx_last(to, places);
    fv__value *both[] = { x, places };
    fv__value *y =
        fv__onnx_line(to, node, 2, both, "max_unpool%s%s", w.options, options);
    return fv__onnx_set_ordered(node, 0, y, fv__order_last(w.axes + 2));
}

/* ---- means and norms -------------------------------------------------------
 */

static fv_status average_pool(fv__importer *to, fv__onnx_node *node)
{
    return pool(to, node, "avgpool",
                fv__onnx_int(node, "count_include_pad", 0)
                    ? " count_padding=yes"
                    : " count_padding=no");
}

/* The layer has powers of x itself. */
static fv_status lp_pool(fv__importer *to, fv__onnx_node *node)
{
    char more[32];
    const int64_t p = fv__onnx_int(node, "p", 2);
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    if (p < 1 || p > 1000)
        return fv__onnx_refuse(to, node, "p is %lld, not 1 to 1000",
                               (long long)p);
    if (p % 2) x = fv__onnx_map(to, node, x, "abs");
    if (!x) return FV_UNSUPPORTED;
    node->inputs[0] = x;
    snprintf(more, sizeof more, " p=%lld", (long long)p);
    return pool(to, node, "lppool", more);
}

static fv_status global(fv__importer *to, fv__onnx_node *node, const char *kind)
{
    fv__value *x = fv__onnx_last(to, fv__onnx_input(to, node, 0));
    return fv__onnx_set(node, 0,
                        x ? fv__onnx_map(to, node, x, "%s", kind) : NULL);
}

static fv_status global_average_pool(fv__importer *to, fv__onnx_node *node)
{
    return global(to, node, "global_average_pool");
}

static fv_status global_max_pool(fv__importer *to, fv__onnx_node *node)
{
    return global(to, node, "global_max_pool");
}

static fv_status global_lp_pool(fv__importer *to, fv__onnx_node *node)
{
    int64_t axes[FV_MAX_RANK];
    int32_t count = 0;
    const int64_t p = fv__onnx_int(node, "p", 2);
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    for (int32_t i = 2; i < fv__onnx_rank(to, x); i++) axes[count++] = i;
    if (p == 1 || p == 2)
        return fv__onnx_set(node, 0,
                            fv__onnx_reduced(to, node,
                                             p == 1 ? "reduce_l1" : "reduce_l2",
                                             x, count, axes));
    x = fv__onnx_with(to, node, "pow", fv__onnx_map(to, node, x, "abs"),
                      (double)p);
    x = fv__onnx_reduced(to, node, "sum", x, count, axes);
    return fv__onnx_set(node, 0,
                        fv__onnx_with(to, node, "pow", x, 1 / (double)p));
}

const fv__onnx_operator fv__onnx_pools[] = {
    { "MaxPool", max_pool, NULL },
    { "MaxUnpool", max_unpool, NULL },
    { "AveragePool", average_pool, NULL },
    { "LpPool", lp_pool, NULL },
    { "GlobalAveragePool", global_average_pool, NULL },
    { "GlobalMaxPool", global_max_pool, NULL },
    { "GlobalLpPool", global_lp_pool, NULL },
    { NULL, NULL, NULL },
};
