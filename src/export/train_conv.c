/* Writes convolutions and linear layers whose weights are trained, and their
 * gradients. */
#include "export/convolution.h"
#include "export/train.h"

#include "conv/shared.h"

#include <math.h>

bool fv__is_packed(const fv__node *node)
{
    extern const fv_operator fv__op_linear;
    return node->op->forward == fv__conv_forward || node->op == &fv__op_linear;
}

const char *fv__lacks_weights(const fv__node *node)
{
    const bool weighs =
        fv__is_packed(node) || node->op->forward == fv__conv_transpose_forward;
    return weighs && node->inputs[1]->graph && !node->inputs[1]->constant
               ? "weights that are computed"
               : NULL;
}

/* ---- the geometry -------------------------------------------------------- */

static fv__geometry geometry_of(const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    fv__geometry g = fv__convolution_geometry(node->values[0], node->values[1],
                                              &a->convolution);
    fv__geometry_check(node->outputs[0]->context, "export", false, &g);
    return g;
}

/* A product of rows with a matrix, as a convolution of one line of pixels. */
static fv__geometry linear_geometry(const fv__node *node)
{
    const fv_tensor *weight = node->values[1];
    fv__geometry g = { .batch = 1,
                       .channels = weight->shape[1],
                       .filters = weight->shape[0],
                       .groups = 1 };
    for (int axis = 0; axis < FV__AXES; axis++)
        g.in[axis] = g.out[axis] = g.kernel[axis] = g.stride[axis] =
            g.dilation[axis] = 1;
    g.in[FV__COLUMNS] = g.out[FV__COLUMNS] = node->values[0]->shape[0];
    return g;
}

const char *fv__lacks_trained_conv(const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    return a->convolution.padding_mode != FV_PAD_ZEROS
               ? "padding other than zeros in training"
               : NULL;
}

static void write_axes(fv__export *e, const int64_t values[FV__AXES])
{
    fv__text_add(&e->calls, ", { %lld, %lld, %lld }",
                 (long long)values[FV__DEPTH], (long long)values[FV__ROWS],
                 (long long)values[FV__COLUMNS]);
}

static void write_geometry(fv__export *e, const fv__geometry *g, int64_t block,
                           int64_t blocks, int64_t parts)
{
    fv__text_add(
        &e->calls,
        "        static const trained_conv c = { %lld, %lld, %lld, %lld",
        (long long)g->batch, (long long)g->groups,
        (long long)(g->channels / g->groups),
        (long long)(g->filters / g->groups));
    const int64_t *const sets[] = { g->in,     g->out,      g->kernel,
                                    g->stride, g->dilation, g->begin };
    for (int i = 0; i < 6; i++) write_axes(e, sets[i]);
    fv__text_add(&e->calls, ", %lld, %lld, %lld };\n", (long long)block,
                 (long long)blocks, (long long)parts);
}

static void write_conv_geometry(fv__export *e, const fv__geometry *g)
{
    if (!fv__ok(e->context)) return; /* the extents may lack */
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    write_geometry(e, g, s.block, s.blocks, s.parts);
}

static void write_linear_geometry(fv__export *e, const fv__geometry *g)
{
    write_geometry(e, g, g->in[FV__COLUMNS], 1, 1);
}

/* ---- forward ------------------------------------------------------------- */

/* Scale and bias of each filter, where a normalisation is folded. */
int64_t fv__scratch_trained_conv(const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    return a->normalised ? 2 * node->values[1]->shape[0] : 0;
}

static const char *or_null(fv__export *e, const fv__node *node, int32_t k)
{
    return k >= 0 ? fv__export_at(e, node->inputs[k]) : "NULL";
}

static void write_fold(fv__export *e, const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    const fv__conv_places p = fv__conv_places_of(a);
    fv__text_add(&e->calls, "        fold_batchnorm(%lld, %s",
                 (long long)node->values[1]->shape[0], FV__NUMBER(a->epsilon));
    for (int k = 0; k < 4; k++)
        fv__text_add(&e->calls, ", %s",
                     fv__export_at(e, node->inputs[p.gamma + k]));
    fv__text_add(&e->calls, ", %s, folded, folded + %lld);\n",
                 or_null(e, node, p.bias),
                 (long long)node->values[1]->shape[0]);
}

void fv__write_trained_conv(fv__export *e, const fv__node *node)
{
    const fv__geometry g = geometry_of(node);
    const fv__conv2d *a = node->attributes;
    const fv__conv_places p = fv__conv_places_of(a);
    write_conv_geometry(e, &g);
    if (a->normalised)
        fv__text_add(&e->calls, "        float *const folded = %s;\n",
                     fv__export_scratch(e, node));
    fv__text_add(&e->calls, "        const trained_epilogue after = { ");
    if (a->normalised)
        fv__text_add(&e->calls, "folded, folded + %lld, ",
                     (long long)g.filters);
    else
        fv__text_add(&e->calls, "NULL, %s, ", or_null(e, node, p.bias));
    fv__text_add(&e->calls, "%s, %s, %s };\n", or_null(e, node, p.residual),
                 FV__C_NUMBER(a->clamp ? a->low : -(double)INFINITY),
                 FV__C_NUMBER(a->clamp ? a->high : (double)INFINITY));
    if (a->normalised) write_fold(e, node);
    fv__text_add(&e->calls, "        conv_forward(&c, &after, %s, %s, %s);\n",
                 fv__export_at(e, node->inputs[1]),
                 fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]));
}

void fv__write_trained_linear(fv__export *e, const fv__node *node)
{
    const fv__geometry g = linear_geometry(node);
    write_linear_geometry(e, &g);
    fv__text_add(&e->calls,
                 "        const trained_epilogue after = { NULL, %s, NULL, "
                 "-(float)INFINITY, (float)INFINITY };\n        "
                 "conv_forward(&c, &after, %s, %s, %s);\n",
                 or_null(e, node, node->num_inputs > 2 ? 2 : -1),
                 fv__export_at(e, node->inputs[1]),
                 fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]));
}

/* ---- backward ------------------------------------------------------------ */

/* The gradients of input and weights; clears a fresh one that is added to. */
static void write_grads(fv__export *e, const fv__node *node)
{
    const char *dy = fv__grad_at(e, node->outputs[0]);
    if (node->grads[0])
        fv__text_add(&e->calls,
                     "        conv_input_grad(&c, %s, %s, %s, %s);\n",
                     fv__export_at(e, node->inputs[1]), dy,
                     fv__adds(node, 0) ? "true" : "false",
                     fv__grad_at(e, node->inputs[0]));
    if (node->grads[1])
        fv__text_add(&e->calls, "        conv_weight_grad(&c, %s, %s, %s);\n",
                     fv__export_at(e, node->inputs[0]), dy,
                     fv__grad_at(e, node->inputs[1]));
}

static void write_column_sums(fv__export *e, const fv__node *node, int32_t bias,
                              int64_t n)
{
    fv__text_add(&e->calls, "        column_bias_grad(%lld, %lld, %s, %s);\n",
                 (long long)(fv_tensor_count(node->results[0]) / n),
                 (long long)n, fv__grad_at(e, node->outputs[0]),
                 fv__grad_at(e, node->inputs[bias]));
}

void fv__write_conv_grad(fv__export *e, const fv__node *node)
{
    const fv__geometry g = geometry_of(node);
    const fv__conv2d *a = node->attributes;
    const int32_t bias = fv__conv_places_of(a).bias;
    const char *dy = fv__grad_at(e, node->outputs[0]);
    write_conv_geometry(e, &g);
    if (a->clamp) {
        const char *y = fv__export_at(e, node->outputs[0]);
        fv__write_each_grad(e, FV__CLAMP, fv_tensor_count(node->results[0]), y,
                            y, dy, dy, false, a->low, a->high);
    }
    write_grads(e, node);
    if (bias < 0 || !node->grads[bias]) return;
    if (!node->grads[1]) {
        write_column_sums(e, node, bias, g.filters);
        return;
    }
    fv__text_add(&e->calls, "        conv_bias_grad(&c, %s, %s);\n",
                 fv__grad_at(e, node->outputs[0]),
                 fv__grad_at(e, node->inputs[bias]));
}

void fv__write_linear_grad(fv__export *e, const fv__node *node)
{
    const fv__geometry g = linear_geometry(node);
    if (node->grads[0] || node->grads[1]) write_linear_geometry(e, &g);
    write_grads(e, node);
    if (node->num_inputs > 2 && node->grads[2])
        write_column_sums(e, node, 2, g.filters);
}
