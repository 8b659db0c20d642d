/* Normalisations. */
#include "onnx/out/out.h"
#include "op/norm/groupnorm.h"
#include "op/norm/rownorm.h"
#include "op/operand.h"

fv__out_emit fv__out_batchnorm, fv__out_groupnorm, fv__out_layernorm,
    fv__out_rmsnorm, fv__out_l2norm, fv__out_lrn;

enum { X, GAMMA, BETA, MEAN, VARIANCE };

/* (x - mean) / sqrt(variance + epsilon) along axes of a value, or x / sqrt(mean
 * of x^2 + epsilon). */
static fv__out_value *by_moments(fv__out *out, fv__out_value *x, int64_t count,
                                 const int64_t axes[], double epsilon,
                                 bool centred)
{
    fv__out_value *square;
    if (centred)
        x = FV__OUT_NODE(
            out, "Sub", x,
            fv__out_reduce(out, "ReduceMean", x, count, axes, true));
    square = FV__OUT_NODE(out, "Mul", x, x);
    square = fv__out_reduce(out, "ReduceMean", square, count, axes, true);
    square = FV__OUT_NODE(out, "Add", square,
                          fv__out_number(out, "epsilon", epsilon));
    return FV__OUT_NODE(out, "Div", x, FV__OUT_NODE(out, "Sqrt", square));
}

/* The value times operand GAMMA plus operand BETA, where there are such. */
static fv__out_value *affine(fv__out *out, fv__out_value *y,
                             const int32_t order[])
{
    const fv__node *node = out->node;
    const int32_t rank = node->outputs[0]->value.rank;
    if (node->num_inputs > GAMMA)
        y = FV__OUT_NODE(out, "Mul", y,
                         fv__out_read(out, node->inputs[GAMMA], rank, order));
    if (node->num_inputs > BETA)
        y = FV__OUT_NODE(out, "Add", y,
                         fv__out_read(out, node->inputs[BETA], rank, order));
    return y;
}

static int64_t channels_of(const fv__out *out)
{
    const fv_tensor *x = &out->node->inputs[X]->value;
    return x->shape[x->rank - 1];
}

/* Operand k, or a vector of equal numbers. */
static fv__out_value *vector(fv__out *out, int32_t k, const char *what,
                             double number)
{
    return k < out->node->num_inputs
               ? fv__out_plain(out, k)
               : fv__out_fill(out, what, channels_of(out), number);
}

/* ---- of the batch -------------------------------------------------------- */

/* By the mean and variance of the batch. */
static void by_batch(fv__out *out, const fv__batchnorm *a)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, X, &form);
    const int64_t channels = fv__out_at(form, form->rank - 1);
    int64_t axes[FV_MAX_RANK], count = 0;
    for (int64_t i = 0; i < form->rank; i++)
        if (i != channels) axes[count++] = i;
    x = by_moments(out, x, count, axes, a->epsilon, true);
    fv__out_set(out, 0, affine(out, x, form->order), form->order);
}

void fv__out_batchnorm(fv__out *out)
{
    const fv__node *node = out->node;
    const fv__batchnorm *a = node->attributes;
    const fv_variable *x = node->inputs[X];
    const bool bare = a->without & FV__NO_AFFINE;
    if (x->node >= 0
        && fv__out_folded(out, out->records[0].nodes[x->node]) == node) {
        fv__out_pass(out);
        return;
    }
    if (a->without & FV__NO_STATISTICS) {
        by_batch(out, a);
        return;
    }
    const int32_t mean = bare ? 1 : MEAN;
    fv__out_value *gamma =
        bare ? fv__out_fill(out, "weight", channels_of(out), 1)
             : fv__out_plain(out, GAMMA);
    fv__out_value *beta = bare ? fv__out_fill(out, "bias", channels_of(out), 0)
                               : fv__out_plain(out, BETA);
    fv__out_value *y = FV__OUT_NODE(
        out, "BatchNormalization", fv__out_image(out, X), gamma, beta,
        fv__out_plain(out, mean), fv__out_plain(out, mean + 1));
    fv__out_float(out, "epsilon", a->epsilon);
    fv__out_set_image(out, 0, y);
}

/* ---- of groups of channels ----------------------------------------------- */

/* Groups as channels of an image of one row. */
static fv__out_value *by_groups(fv__out *out, fv__out_value *x, int64_t groups,
                                double epsilon)
{
    const int64_t shape[] = { 0, groups, -1 };
    fv__out_value *rows = fv__out_reshape(out, x, 3, shape);
    fv__out_value *y = FV__OUT_NODE(out, "InstanceNormalization", rows,
                                    fv__out_fill(out, "ones", groups, 1),
                                    fv__out_fill(out, "zeros", groups, 0));
    fv__out_float(out, "epsilon", epsilon);
    return FV__OUT_NODE(out, "Reshape", y, FV__OUT_NODE(out, "Shape", x));
}

void fv__out_groupnorm(fv__out *out)
{
    enum { OPSET = 21 };
    const fv__groupnorm *a = out->node->attributes;
    const int32_t rank = out->node->inputs[X]->value.rank;
    int32_t order[FV_MAX_RANK];
    fv__out_value *x = fv__out_image(out, X), *y;
    fv__out_first(rank, order);
    if (rank < 3) {
        const int64_t groups = a->single ? channels_of(out) : a->groups;
        const int64_t split[] = { 0, groups, -1 }, join[] = { 0, -1 };
        const int64_t last[] = { 2 };
        y = by_moments(out, fv__out_reshape(out, x, 3, split), 1, last,
                       a->epsilon, true);
        y = affine(out, fv__out_reshape(out, y, 2, join), order);
    } else if (a->single) {
        y = FV__OUT_NODE(out, "InstanceNormalization", x,
                         vector(out, GAMMA, "weight", 1),
                         vector(out, BETA, "bias", 0));
        fv__out_float(out, "epsilon", a->epsilon);
    } else if (out->opset >= OPSET) {
        y = FV__OUT_NODE(out, "GroupNormalization", x,
                         vector(out, GAMMA, "weight", 1),
                         vector(out, BETA, "bias", 0));
        fv__out_int(out, "num_groups", a->groups);
        fv__out_float(out, "epsilon", a->epsilon);
    } else {
        y = affine(out, by_groups(out, x, a->groups, a->epsilon), order);
    }
    fv__out_set_image(out, 0, y);
}

/* ---- of rows ------------------------------------------------------------- */

/* The axes of the value that are the last axes of the tensor. */
static int64_t row_axes(const fv__out *out, const fv__out_form *form,
                        int64_t axes[FV_MAX_RANK])
{
    const fv__rownorm *a = out->node->attributes;
    for (int32_t i = 0; i < a->axes; i++)
        axes[i] = fv__out_at(form, form->rank - a->axes + i);
    return a->axes;
}

/* One node on the tensor as it is. */
static void by_rows(fv__out *out, const char *type, bool beta)
{
    const fv__rownorm *a = out->node->attributes;
    const fv_tensor *x = &out->node->inputs[X]->value;
    fv__out_value *gamma = NULL;
    if (out->node->num_inputs > GAMMA) {
        gamma = fv__out_plain(out, GAMMA);
    } else {
        fv_tensor ones = fv__out_tensor(out, x->dtype, a->axes,
                                        x->shape + (x->rank - a->axes));
        if (ones.rank < 0) return;
        out->context->kernels->fill(fv__count(&ones), 1, ones.data);
        gamma = fv__out_data(out, "weight", &ones);
    }
    fv__out_value *y = FV__OUT_NODE(
        out, type, fv__out_plain(out, X), gamma,
        beta && out->node->num_inputs > BETA ? fv__out_plain(out, BETA) : NULL);
    fv__out_int(out, "axis", -a->axes);
    fv__out_float(out, "epsilon", a->epsilon);
    fv__out_set_plain(out, 0, y);
}

static void by_parts(fv__out *out, bool centred)
{
    const fv__rownorm *a = out->node->attributes;
    const fv__out_form *form;
    int64_t axes[FV_MAX_RANK];
    fv__out_value *x = fv__out_any(out, X, &form);
    const int64_t count = row_axes(out, form, axes);
    x = by_moments(out, x, count, axes, a->epsilon, centred);
    fv__out_set(out, 0, affine(out, x, form->order), form->order);
}

/* Whether the row lies within one image; in both records. */
static bool rows_fixed(const fv__out *out)
{
    const fv__rownorm *a = out->node->attributes;
    const int32_t rank = out->node->inputs[X]->value.rank;
    bool fixed = true;
    for (int32_t i = rank - a->axes; i < rank; i++)
        fixed &= fv__out_fixed(out, X, i);
    return fixed;
}

void fv__out_layernorm(fv__out *out)
{
    if (out->opset >= 17 && rows_fixed(out))
        by_rows(out, "LayerNormalization", true);
    else
        by_parts(out, true);
}

void fv__out_rmsnorm(fv__out *out)
{
    if (out->opset >= 23 && rows_fixed(out))
        by_rows(out, "RMSNormalization", false);
    else
        by_parts(out, false);
}

void fv__out_l2norm(fv__out *out)
{
    const fv__rownorm *a = out->node->attributes;
    const fv__out_form *form;
    int64_t axes[FV_MAX_RANK];
    fv__out_value *x = fv__out_any(out, X, &form);
    const int64_t count = row_axes(out, form, axes);
    fv__out_value *length = FV__OUT_NODE(
        out, "Max", fv__out_reduce(out, "ReduceL2", x, count, axes, true),
        fv__out_number(out, "epsilon", a->epsilon));
    fv__out_set(out, 0, FV__OUT_NODE(out, "Div", x, length), form->order);
}

/* ---- of neighbouring channels -------------------------------------------- */

/* The mean of squares as a product with a band of weights: a window of an even
 * number of channels is another one in ONNX. */
static fv__out_value *band(fv__out *out, fv__out_value *x,
                           const fv_response_norm *a)
{
    const int64_t c = channels_of(out), before = a->channels / 2;
    const int32_t rank = out->node->inputs[X]->value.rank;
    int64_t shape[FV_MAX_RANK] = { c, c, 1, 1, 1, 1, 1, 1 };
    const fv_tensor weights =
        fv__out_tensor(out, out->context->dtype, rank, shape);
    if (weights.rank < 0) return NULL;
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = fv__max(i - before, 0);
             j < fv__min(c, i - before + a->channels); j++)
            fv__real_set(out->context, weights.data, i * c + j,
                         a->alpha / (double)a->channels);
    return FV__OUT_NODE(out, "Conv", FV__OUT_NODE(out, "Mul", x, x),
                        fv__out_data(out, "band", &weights));
}

void fv__out_lrn(fv__out *out)
{
    const fv_response_norm *a = out->node->attributes;
    fv__out_value *x = fv__out_image(out, X), *y;
    if (a->channels % 2) {
        y = FV__OUT_NODE(out, "LRN", x);
        fv__out_float(out, "alpha", a->alpha);
        fv__out_float(out, "beta", a->beta);
        fv__out_float(out, "bias", a->k);
        fv__out_int(out, "size", a->channels);
    } else {
        y = FV__OUT_NODE(out, "Add", band(out, x, a),
                         fv__out_number(out, "k", a->k));
        y = FV__OUT_NODE(out, "Pow", y, fv__out_number(out, "beta", a->beta));
        y = FV__OUT_NODE(out, "Div", x, y);
    }
    fv__out_set_image(out, 0, y);
}
