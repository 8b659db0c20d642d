/* Writes pools. */
#include "export/emitters.h"

#include "op/pool/window.h"

static void write_axes(fv__export *e, const int64_t values[FV__AXES])
{
    fv__text_add(&e->calls, ", { %lld, %lld, %lld }",
                 (long long)values[FV__DEPTH], (long long)values[FV__ROWS],
                 (long long)values[FV__COLUMNS]);
}

/* Windows that divide an image evenly have the stride 0. */
static fv__geometry bins_of(const fv__node *node)
{
    const fv_tensor *y = node->results[0];
    fv__geometry g = fv__image_geometry(node->values[0]);
    const int32_t axes = y->rank - 2;
    for (int32_t axis = 0; axis < FV__AXES; axis++) {
        g.out[axis] = 1;
        g.stride[axis] = 0;
    }
    for (int32_t i = 0; i < axes; i++)
        g.out[fv__axis_of(axes, i)] = y->shape[1 + i];
    for (int32_t axis = 0; axis < FV__AXES; axis++)
        g.kernel[axis] = fv__divide_up(g.in[axis], g.out[axis]) + 1;
    return g;
}

static fv__geometry geometry_of(const fv__node *node)
{
    const fv_tensor *y = node->results[0];
    fv__geometry g = fv__pool_geometry(node->values[0], node->attributes);
    const int32_t axes = y->rank - 2;
    for (int32_t axis = 0; axis < FV__AXES; axis++) g.out[axis] = 1;
    for (int32_t i = 0; i < axes; i++)
        g.out[fv__axis_of(axes, i)] = y->shape[1 + i];
    return g;
}

void fv__write_pool_constant(fv__export *e, const fv__geometry *g,
                             int64_t divisor)
{
    fv__text_add(&e->calls, "        static const pool p = { %lld, %lld",
                 (long long)g->batch, (long long)g->channels);
    write_axes(e, g->in);
    write_axes(e, g->out);
    write_axes(e, g->kernel);
    write_axes(e, g->stride);
    write_axes(e, g->dilation);
    write_axes(e, g->begin);
    write_axes(e, g->end);
    fv__text_add(&e->calls, ", %lld };\n", (long long)divisor);
}

static void write_pool(fv__export *e, const fv__node *node,
                       const fv__geometry *g, int64_t divisor,
                       const char *function)
{
    fv__write_pool_constant(e, g, divisor);
    fv__text_add(&e->calls, "        pool_windows(&p, %s, %s, %s);\n", function,
                 fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]));
}

void fv__write_maxpool(fv__export *e, const fv__node *node)
{
    const fv__geometry g = geometry_of(node);
    write_pool(e, node, &g, 0, "largest_of_window");
}

/* The sum of a window must be one block of a chain. */
static const char *lacks_blocks(const fv__geometry *g)
{
    const fv__chain chain = { g->kernel[FV__DEPTH] * g->kernel[FV__ROWS],
                              g->kernel[FV__COLUMNS], 1 };
    return fv__chain_is_cut(chain) ? "windows of about 2048 pixels or more"
                                   : NULL;
}

const char *fv__lacks_avgpool(const fv__node *node)
{
    const fv__geometry g = geometry_of(node);
    return lacks_blocks(&g);
}

const char *fv__lacks_adaptive_avgpool(const fv__node *node)
{
    const fv__geometry g = bins_of(node);
    return lacks_blocks(&g);
}

void fv__write_adaptive_avgpool(fv__export *e, const fv__node *node)
{
    const fv__geometry g = bins_of(node);
    write_pool(e, node, &g, -1, "mean_of_window");
}

void fv__write_adaptive_maxpool(fv__export *e, const fv__node *node)
{
    const fv__geometry g = bins_of(node);
    write_pool(e, node, &g, 0, "largest_of_window");
}

void fv__write_avgpool(fv__export *e, const fv__node *node)
{
    const fv_pooling *a = node->attributes;
    const fv__geometry g = geometry_of(node);
    write_pool(e, node, &g,
               a->divisor           ? a->divisor
               : a->exclude_padding ? -1
                                    : 0,
               "mean_of_window");
}

void fv__write_global_average_pool(fv__export *e, const fv__node *node)
{
    const fv_tensor *x = node->values[0], *y = node->results[0];
    const int64_t pixels = fv__product(x->rank - 2, x->shape + 1);
    const char *to = fv__export_at(e, node->outputs[0]);
    fv__text_add(&e->calls, "        image_sums(%lld, %lld, %lld, %s, %s);\n",
                 (long long)x->shape[0], (long long)pixels,
                 (long long)x->shape[x->rank - 1],
                 fv__export_at(e, node->inputs[0]), to);
    fv__write_each(e, FV__SCALE_ADD, fv_tensor_count(y), to, to,
                   1 / (double)pixels, 0);
}
