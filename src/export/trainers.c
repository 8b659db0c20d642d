/* Which operators can be trained in a C file, and by what: functions of
 * elements, pools, movements, dropout and losses. */
#include "export/train.h"

#include "op/loss/loss.h"
#include "op/pool/window.h"
#include "op/random/random.h"

#include <math.h>

/* ---- functions of elements ----------------------------------------------- */

static void unary_grad(fv__export *e, const fv__node *node)
{
    const fv__unary_operator *a = node->attributes;
    const bool reads_x = node->op->backward_reads & FV_READS_INPUT(0);
    const char *y = fv__export_at(e, node->outputs[0]);
    fv__write_each_grad(e, a->f, fv_tensor_count(node->results[0]),
                        reads_x ? fv__export_at(e, node->inputs[0]) : y, y,
                        fv__grad_at(e, node->outputs[0]),
                        fv__grad_at(e, node->inputs[0]), fv__adds(node, 0),
                        a->p, a->q);
}

static const char *lacks_sum(const fv__node *node)
{
    const fv__binary_operator *a = node->attributes;
    if (a->f != FV__ADD && a->f != FV__SUB) return "no training form";
    for (int k = 0; k < 2; k++)
        if (fv_tensor_count(node->values[k])
            != fv_tensor_count(node->results[0]))
            return "operands that are broadcast in training";
    return NULL;
}

/* dx (+)= a dy */
static void pass(fv__export *e, const fv__node *node, int32_t k, const char *a)
{
    const char *dy = fv__grad_at(e, node->outputs[0]);
    const char *dx = fv__grad_at(e, node->inputs[k]);
    const int64_t count = fv_tensor_count(node->results[0]);
    if (fv__adds(node, k))
        fv__text_add(&e->calls, "        add_scaled(%lld, %s, %s, %s);\n",
                     (long long)count, a, dy, dx);
    else if (*a == '-')
        fv__write_each(e, FV__SCALE_ADD, count, dy, dx, -1, 0);
    else
        fv__export_copy(e, dx, dy, count);
}

static void sum_grad(fv__export *e, const fv__node *node)
{
    const fv__binary_operator *a = node->attributes;
    for (int k = 0; k < 2; k++)
        if (node->grads[k]) pass(e, node, k, k && a->f == FV__SUB ? "-1" : "1");
}

static void reshape_grad(fv__export *e, const fv__node *node)
{
    pass(e, node, 0, "1");
}

/* ---- pools --------------------------------------------------------------- */

extern const fv_operator fv__op_global_average_pool;

static bool is_global(const fv__node *node)
{
    return node->op == &fv__op_global_average_pool;
}

static fv__geometry pool_of(const fv__node *node)
{
    const fv_tensor *y = node->results[0];
    fv__geometry g = is_global(node)
                         ? fv__image_geometry(node->values[0])
                         : fv__pool_geometry(node->values[0], node->attributes);
    for (int32_t axis = 0; axis < FV__AXES; axis++) {
        g.out[axis] = 1;
        if (is_global(node)) g.kernel[axis] = g.stride[axis] = g.in[axis];
    }
    for (int32_t i = 0; i < y->rank - 2; i++)
        g.out[fv__axis_of(y->rank - 2, i)] = y->shape[1 + i];
    return g;
}

/* Whether each input pixel lies in exactly one window. */
static bool tiles(const fv__geometry *g)
{
    for (int axis = 0; axis < FV__AXES; axis++)
        if (g->kernel[axis] != g->stride[axis] || g->dilation[axis] != 1
            || g->begin[axis] != 0
            || g->out[axis] * g->stride[axis] != g->in[axis])
            return false;
    return true;
}

/* Gradients of an input pixel must be one block of a chain, and the places of
 * its pixels exact as floats. */
static const char *lacks_pool(const fv__node *node)
{
    const fv__geometry g = pool_of(node);
    int64_t along[FV__AXES];
    for (int axis = 0; axis < FV__AXES; axis++)
        along[axis] =
            fv__min(fv__divide_up(g.kernel[axis], fv__max(g.stride[axis], 1)),
                    g.out[axis]);
    const fv__chain windows = { along[FV__DEPTH] * along[FV__ROWS],
                                along[FV__COLUMNS], 1 };
    if (fv__chain_is_cut(windows))
        return "pixels in about 2048 windows or more";
    if (fv__product(FV__AXES, g.in) > 1 << 24)
        return "images of over 2^24 pixels";
    return NULL;
}

static const char *lacks_mean(const fv__node *node)
{
    const char *why = is_global(node) ? NULL : fv__lacks_avgpool(node);
    return why ? why : lacks_pool(node);
}

static int64_t saved_places(const fv__node *node)
{
    return fv_tensor_count(node->results[0]);
}

static const fv__clamped_pooling *clamp_of(const fv__node *node)
{
    return node->op->attributes_size == sizeof(fv__clamped_pooling)
               ? node->attributes
               : NULL;
}

static void maxpool(fv__export *e, const fv__node *node)
{
    const fv__geometry g = pool_of(node);
    const fv__clamped_pooling *clamp = clamp_of(node);
    const char *y = fv__export_at(e, node->outputs[0]);
    fv__write_pool_constant(e, &g, 0);
    if (node->active)
        fv__text_add(&e->calls, "        pool_largest(&p, %s, %s, %s);\n",
                     fv__export_at(e, node->inputs[0]), y,
                     fv__saved_at(e, node));
    else
        fv__text_add(&e->calls,
                     "        pool_windows(&p, largest_of_window, %s, %s);\n",
                     fv__export_at(e, node->inputs[0]), y);
    if (clamp)
        fv__write_each(e, FV__CLAMP, fv_tensor_count(node->results[0]), y, y,
                       clamp->low, clamp->high);
}

static void pool_grad(fv__export *e, const fv__node *node, const char *function,
                      const char *places, int64_t divisor)
{
    const fv__geometry g = pool_of(node);
    const bool stores = tiles(&g) && !fv__adds(node, 0);
    fv__write_pool_constant(e, &g, divisor);
    if (!stores || *places) fv__clear_grad(e, node, 0); /* not all are stored */
    fv__text_add(&e->calls, "        %s(&p, %s%s%s, %s, %s);\n", function,
                 places, *places ? ", " : "", fv__grad_at(e, node->outputs[0]),
                 stores ? "true" : "false", fv__grad_at(e, node->inputs[0]));
}

static void maxpool_grad(fv__export *e, const fv__node *node)
{
    const fv__clamped_pooling *clamp = clamp_of(node);
    const char *dy = fv__grad_at(e, node->outputs[0]);
    if (clamp) {
        const char *y = fv__export_at(e, node->outputs[0]);
        fv__write_each_grad(e, FV__CLAMP, fv_tensor_count(node->results[0]), y,
                            y, dy, dy, false, clamp->low, clamp->high);
    }
    pool_grad(e, node, "pool_largest_grad", fv__saved_at(e, node), 0);
}

static void avgpool_grad(fv__export *e, const fv__node *node)
{
    const fv_pooling *a = node->attributes;
    const int64_t divisor = is_global(node)      ? -1
                            : a->divisor         ? a->divisor
                            : a->exclude_padding ? -1
                                                 : 0;
    pool_grad(e, node, "pool_mean_grad", "", divisor);
}

/* ---- dropout ------------------------------------------------------------- */

static void drop(fv__export *e, const fv__node *node, const char *from,
                 const char *to, bool adds)
{
    const double p = ((const fv__dropout *)node->attributes)->probability;
    const uint64_t least = (uint64_t)ceil(p * 0x1p32);
    fv__text_add(
        &e->calls,
        "        drop_out(%lld, %lluu, %uu + ((updates << 20 | %lluu) << 8), "
        "%lluu, %s, %s, %s, %s);\n",
        (long long)fv_tensor_count(node->results[0]),
        (unsigned long long)e->context->seed, (unsigned)FV__STREAM_DROPOUT,
        (unsigned long long)node->ordinal, (unsigned long long)least,
        FV__C_NUMBER(p < 1 ? 1 / (1 - p) : 0), adds ? "true" : "false", from,
        to);
}

static bool drops(const fv__node *node)
{
    return node->training
           && ((const fv__dropout *)node->attributes)->probability > 0;
}

static void dropout(fv__export *e, const fv__node *node)
{
    const char *x = fv__export_at(e, node->inputs[0]);
    const char *y = fv__export_at(e, node->outputs[0]);
    if (drops(node))
        drop(e, node, x, y, false);
    else
        fv__export_copy(e, y, x, fv_tensor_count(node->results[0]));
}

static void dropout_grad(fv__export *e, const fv__node *node)
{
    if (drops(node))
        drop(e, node, fv__grad_at(e, node->outputs[0]),
             fv__grad_at(e, node->inputs[0]), fv__adds(node, 0));
    else
        pass(e, node, 0, "1");
}

/* ---- losses -------------------------------------------------------------- */

enum { ROWS_OF_LOSS = 256 }; /* as in runtime/train_loss.c */

typedef struct loss_sizes {
    int64_t rows, classes;
    int64_t each; /* of rows that are summed together */
    double divisor;
} loss_sizes;

static loss_sizes class_loss_of(const fv__node *node)
{
    const fv__class_loss *a = node->attributes;
    const fv_tensor *x = node->values[FV__LOGITS];
    loss_sizes s = { .rows = fv__product(x->rank - 1, x->shape),
                     .classes = x->shape[x->rank - 1] };
    s.each = fv__min(fv__rows_per_chunk(s.classes), ROWS_OF_LOSS);
    const fv_reduction how =
        fv__reduction_or(a->how.reduction, FV_REDUCTION_MEAN);
    s.divisor = how == FV_REDUCTION_MEAN    ? (double)s.rows
                : how == FV_REDUCTION_BATCH ? (double)x->shape[0]
                                            : 1;
    return s;
}

static const char *lacks_class_loss(const fv__node *node)
{
    const fv__class_loss *a = node->attributes;
    if (a->how.class_weights.count) return "weights of classes";
    if (a->how.ignore_index) return "labels that are left out";
    if (a->how.label_smoothing != 0) return "smoothed labels";
    return NULL;
}

static void class_loss(fv__export *e, const fv__node *node)
{
    const loss_sizes s = class_loss_of(node);
    fv__text_add(&e->calls,
                 "        *(%s) = softmax_cross_entropy(%lld, %lld, %lld, %s, "
                 "%s, labels);\n",
                 fv__export_at(e, node->outputs[0]), (long long)s.rows,
                 (long long)s.classes, (long long)s.each, FV__NUMBER(s.divisor),
                 fv__export_at(e, node->inputs[FV__LOGITS]));
}

static void class_loss_grad(fv__export *e, const fv__node *node)
{
    const loss_sizes s = class_loss_of(node);
    fv__clear_grad(e, node, FV__LOGITS);
    fv__text_add(&e->calls,
                 "        softmax_cross_entropy_grad(%lld, %lld, (double)*(%s) "
                 "/ %s, %s, labels, %s);\n",
                 (long long)s.rows, (long long)s.classes,
                 fv__grad_at(e, node->outputs[0]), FV__NUMBER(s.divisor),
                 fv__export_at(e, node->inputs[FV__LOGITS]),
                 fv__grad_at(e, node->inputs[FV__LOGITS]));
}

/* The attributes of mse are a reduction. */
static double divisor_of_squares(const fv__node *node)
{
    const fv_tensor *x = node->values[FV__LOGITS];
    const fv_reduction how = *(const fv_reduction *)node->attributes;
    return how == FV_REDUCTION_MEAN    ? (double)fv_tensor_count(x)
           : how == FV_REDUCTION_BATCH ? (double)x->shape[0]
                                       : 1;
}

static int64_t scratch_of_squares(const fv__node *node)
{
    return fv__min(fv_tensor_count(node->values[FV__LOGITS]),
                   fv__rows_per_chunk(1));
}

static void squares(fv__export *e, const fv__node *node)
{
    fv__text_add(&e->calls,
                 "        *(%s) = squared_error(%lld, %lld, %s, %s, targets, "
                 "%s);\n",
                 fv__export_at(e, node->outputs[0]),
                 (long long)fv_tensor_count(node->values[FV__LOGITS]),
                 (long long)fv__rows_per_chunk(1),
                 FV__NUMBER(divisor_of_squares(node)),
                 fv__export_at(e, node->inputs[FV__LOGITS]),
                 fv__export_scratch(e, node));
}

static void squares_grad(fv__export *e, const fv__node *node)
{
    fv__clear_grad(e, node, FV__LOGITS);
    fv__text_add(&e->calls,
                 "        squared_error_grad(%lld, 2 * ((double)*(%s) / %s), "
                 "%s, targets, %s);\n",
                 (long long)fv_tensor_count(node->values[FV__LOGITS]),
                 fv__grad_at(e, node->outputs[0]),
                 FV__NUMBER(divisor_of_squares(node)),
                 fv__export_at(e, node->inputs[FV__LOGITS]),
                 fv__grad_at(e, node->inputs[FV__LOGITS]));
}

/* ---- the list ------------------------------------------------------------ */

#define MOVED(name)                                                            \
    {                                                                          \
        .forward = { .op = &fv__op_##name, .lacks = fv__lacks_moved },         \
        .backward = fv__write_moved_grad                                       \
    }

extern const fv_operator fv__op_concat, fv__op_channel_shuffle, fv__op_stack,
    fv__op_permute, fv__op_split, fv__op_pixel_shuffle, fv__op_pixel_unshuffle,
    fv__op_slice, fv__op_linear, fv__op_maxpool, fv__op_maxpool_clamped,
    fv__op_avgpool, fv__op_reshape, fv__op_dropout, fv__op_batchnorm,
    fv__op_softmax_cross_entropy, fv__op_mse;

static const fv__trainer trainers[] = {
    { .forward = { .forward = fv__conv_forward,
                   .write = fv__write_trained_conv,
                   .lacks = fv__lacks_trained_conv,
                   .scratch = fv__scratch_trained_conv },
      .backward = fv__write_conv_grad },
    { .forward = { .op = &fv__op_linear, .write = fv__write_trained_linear },
      .backward = fv__write_linear_grad },
    { .forward = { .op = &fv__op_batchnorm,
                   .write = fv__write_trained_batchnorm,
                   .lacks = fv__lacks_trained_batchnorm,
                   .scratch = fv__scratch_trained_batchnorm },
      .backward = fv__write_batchnorm_grad,
      .scratch = fv__scratch_batchnorm_grad,
      .saved = fv__saved_batchnorm },
    { .forward = { .forward = fv__unary_forward, .lacks = fv__lacks_unary },
      .backward = unary_grad },
    { .forward = { .forward = fv__binary_forward, .lacks = lacks_sum },
      .backward = sum_grad },
    { .forward = { .op = &fv__op_maxpool,
                   .write = maxpool,
                   .lacks = lacks_pool },
      .backward = maxpool_grad,
      .saved = saved_places },
    { .forward = { .op = &fv__op_maxpool_clamped,
                   .write = maxpool,
                   .lacks = lacks_pool },
      .backward = maxpool_grad,
      .saved = saved_places },
    { .forward = { .op = &fv__op_avgpool, .lacks = lacks_mean },
      .backward = avgpool_grad },
    { .forward = { .op = &fv__op_global_average_pool, .lacks = lacks_mean },
      .backward = avgpool_grad },
    { .forward = { .op = &fv__op_reshape }, .backward = reshape_grad },
    MOVED(concat),
    MOVED(channel_shuffle),
    MOVED(stack),
    MOVED(permute),
    MOVED(split),
    MOVED(pixel_shuffle),
    MOVED(pixel_unshuffle),
    MOVED(slice),
    { .forward = { .op = &fv__op_dropout, .write = dropout },
      .backward = dropout_grad },
    { .forward = { .op = &fv__op_softmax_cross_entropy,
                   .write = class_loss,
                   .lacks = lacks_class_loss },
      .backward = class_loss_grad },
    { .forward = { .op = &fv__op_mse,
                   .write = squares,
                   .scratch = scratch_of_squares },
      .backward = squares_grad },
};
enum { TRAINERS = sizeof trainers / sizeof trainers[0] };

const fv__trainer *fv__trainer_of(const fv__node *node)
{
    for (int i = 0; i < TRAINERS; i++) {
        const fv__emitter *f = &trainers[i].forward;
        if (f->op ? f->op == node->op : f->forward == node->op->forward)
            return &trainers[i];
    }
    return NULL;
}
