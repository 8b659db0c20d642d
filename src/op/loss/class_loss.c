/* Losses of rows along the last axis, each with a class: class weights, labels
 * that are left out, smoothing and reductions. */
#include "op/loss/loss.h"

#include <inttypes.h>
#include <math.h>

/* What the shape rule resolves. */
typedef struct resolved {
    const fv__class_rule *rule;
    fv_reduction reduction;
    bool ignores;
    int64_t ignored;
    const double *weights; /* of classes; NULL: 1 */
} resolved;

static int64_t width_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

static int64_t rows_of(const fv_tensor *x)
{
    return fv__product(x->rank - 1, x->shape);
}

static bool is_dense(const fv_call *call)
{
    return fv__dtype_is_real(call->inputs[FV__TARGET]->dtype);
}

/* The units of work are rows. The buffer of a worker holds the labels of a
 * chunk, then its terms, then two rows. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t classes = width_of(x);
    const int64_t each = fv__min(fv__rows_per_chunk(classes), 256);
    return (fv__chunks){ .units = rows_of(x),
                         .each = each,
                         .buffer =
                             (size_t)each * sizeof(int64_t)
                             + fv__real_bytes(context, each + 2 * classes),
                         .cost = 32 * (double)classes };
}

/* ---- the shape rule ---------------------------------------------------- */

static fv_status check_target(const fv_inference *inference, bool dense)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    const fv_tensor *target = inference->inputs[FV__TARGET];
    fv_context *context = inference->context;
    if (fv__dtype_is_real(target->dtype)) {
        if (!dense)
            return fv_fail(context, FV_MISUSE,
                           "%s: the target is %s, expected class indices",
                           inference->name, fv_dtype_name(target->dtype));
        if (fv__operand(inference, FV__TARGET, "target", -1))
            fv__operands_alike(inference, FV__LOGITS, "input", FV__TARGET,
                               "target");
        return fv_failed(context);
    }
    bool fits = target->rank == x->rank - 1;
    for (int32_t i = 0; fits && i < target->rank; i++)
        fits = target->shape[i] == x->shape[i];
    if (fits) return FV_OK;
    return fv_fail(context, FV_MISUSE,
                   "%s: class indices %s do not fit the input %s",
                   inference->name, FV__SHAPE(target), FV__SHAPE(x));
}

static fv_status check_options(const fv_inference *inference)
{
    const fv_class_loss *how =
        &((const fv__class_loss *)inference->attributes)->how;
    const int64_t classes = width_of(inference->inputs[FV__LOGITS]);
    fv_context *context = inference->context;
    if (!(how->label_smoothing >= 0 && how->label_smoothing <= 1))
        return fv_fail(context, FV_MISUSE, "%s: label_smoothing %s is not %s",
                       inference->name, FV__NUMBER(how->label_smoothing),
                       fv__range_text(FV__0_TO_1));
    const fv_numbers *weights = &how->class_weights;
    if (weights->count && weights->count != classes)
        return fv_fail(context, FV_MISUSE,
                       "%s: %" PRId64 " class weights for %" PRId64 " classes",
                       inference->name, weights->count, classes);
    for (int64_t i = 0; i < weights->count; i++)
        if (!(weights->at[i] >= 0 && isfinite(weights->at[i])))
            return fv_fail(context, FV_MISUSE, "%s: class weight %s is not %s",
                           inference->name, FV__NUMBER(weights->at[i]),
                           fv__range_text(FV__AT_LEAST_0));
    return FV_OK;
}

/* Copies the weights into memory of the node. */
static const resolved *resolve(const fv_inference *inference,
                               const fv__class_rule *rule)
{
    const fv_class_loss *how =
        &((const fv__class_loss *)inference->attributes)->how;
    const fv_numbers *weights = &how->class_weights;
    resolved *r = fv_inference_allocate(
        inference, sizeof *r + (size_t)weights->count * sizeof(double));
    if (!r) return NULL;
    double *at = (double *)(void *)(r + 1);
    for (int64_t i = 0; i < weights->count; i++) at[i] = weights->at[i];
    r->rule = rule;
    r->reduction = fv__reduction_or(how->reduction, FV_REDUCTION_MEAN);
    r->weights = weights->count ? at : NULL;
    r->ignores = how->ignore_index != 0;
    r->ignored = how->ignore_index == FV_LABEL_0 ? 0 : how->ignore_index;
    return r;
}

fv_status fv__class_loss_infer(fv_inference *inference,
                               const fv__class_rule *rule)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    fv_context *context = inference->context;
    if (!fv__operand(inference, FV__LOGITS, "input", x->rank))
        return fv_failed(context);
    if (x->rank < 2)
        return fv_fail(context, FV_MISUSE,
                       "%s: input %s has rank %d, expected at least 2",
                       inference->name, FV__SHAPE(x), x->rank);
    if (check_target(inference, rule->dense) != FV_OK
        || check_options(inference) != FV_OK)
        return fv_failed(context);
    const resolved *r = resolve(inference, rule);
    if (!r) return fv_failed(context);
    inference->resolved = r;
    inference->saved = sizeof(double);
    const fv__chunks chunks = chunks_of(context, x);
    return fv__loss_infer(inference, &chunks, r->reduction, x->rank - 1);
}

/* ---- rows ---------------------------------------------------------------- */

/* The labels of a chunk; NULL: the target is dense. */
static int64_t *labels_of(const fv_call *call, int64_t first, int64_t count,
                          void *buffer)
{
    const fv_tensor *target = call->inputs[FV__TARGET];
    if (is_dense(call)) return NULL;
    fv__load_integers(target->dtype, fv__tensor_byte(target, first), 1, count,
                      buffer);
    return buffer;
}

/* The weight of a row's class in the mean: 0 if the row is left out, and
 * NaN if the label is no class. */
static double label_weight(const fv_call *call, int64_t label)
{
    const resolved *r = call->resolved;
    if (r->ignores && label == r->ignored) return 0;
    if (label < 0 || label >= width_of(call->inputs[FV__LOGITS]))
        return (double)NAN;
    return r->weights ? r->weights[label] : 1;
}

/* Weights of all classes of a row whose target is dense or smoothed:
 * w ((1 - s) t + s / n). */
static void write_weights(const fv_call *call, int64_t n, int64_t label,
                          const void *dense, void *to)
{
    const resolved *r = call->resolved;
    const double smooth = fv__class_loss_of(call)->how.label_smoothing;
    for (int64_t j = 0; j < n; j++) {
        const double t = dense ? fv__real_get(call->context, dense, j)
                               : (double)(j == label);
        const double w = r->weights ? r->weights[j] : 1;
        fv__real_set(call->context, to, j,
                     w * ((1 - smooth) * t + smooth / (double)n));
    }
}

/* Row number `row` of the input; `weight` is the factor of its term, 0: it has
 * none. */
static fv__class_row row_of(const fv_call *call, int64_t row,
                            const int64_t *label, void *buffer, double *weight)
{
    const fv_context *context = call->context;
    const fv_tensor *x = call->inputs[FV__LOGITS];
    const resolved *r = call->resolved;
    const int64_t n = width_of(x);
    void *weights = fv__number_at(context, buffer, (ptrdiff_t)n);
    fv__class_row at = { .n = n,
                         .x = fv__tensor_byte(x, row * n),
                         .label = label ? *label : 0,
                         .buffer = buffer };
    *weight = label ? label_weight(call, *label) : 1;
    const bool smooth = fv__class_loss_of(call)->how.label_smoothing > 0;
    const void *dense =
        label ? NULL : fv__tensor_byte(call->inputs[FV__TARGET], row * n);
    if (!label && !smooth && !r->weights)
        at.weights = dense;
    else if (!label || (smooth && !isnan(*weight))) {
        write_weights(call, n, at.label, dense, weights);
        at.weights = weights;
        const bool ignored = r->ignores && label && *label == r->ignored;
        *weight = ignored ? 0 : 1;
    }
    return at;
}

/* ---- the work ------------------------------------------------------------ */

/* Weights of the classes of a chunk, or its rows. */
static void chunk_weight(const fv_call *call, int64_t first, int64_t count,
                         void *buffer, double *sum)
{
    const resolved *r = call->resolved;
    const int64_t *labels = labels_of(call, first, count, buffer);
    for (int64_t i = 0; i < count; i++) {
        const bool ignored = r->ignores && labels[i] == r->ignored;
        *sum += r->rule->rows ? !ignored : label_weight(call, labels[i]);
    }
}

/* What the sum of the terms is divided by. */
static double divisor_of(const fv_call *call, const fv__chunks *chunks)
{
    const resolved *r = call->resolved;
    double weight = (double)chunks->units;
    if (r->reduction == FV_REDUCTION_MEAN && !is_dense(call)
        && (r->ignores || r->weights)) {
        fv__chunks cheap = *chunks;
        cheap.cost = 1;
        weight = fv__chunks_run(call, &cheap, call->scratch, chunk_weight);
    }
    return fv__loss_divisor(call, r->reduction, weight);
}

typedef struct parts {
    int64_t *labels;
    void *terms, *rows;
} parts;

static parts parts_of(const fv_call *call, int64_t first, int64_t count,
                      void *buffer)
{
    void *terms = (int64_t *)buffer + count;
    return (parts){ .labels = labels_of(call, first, count, buffer),
                    .terms = terms,
                    .rows =
                        fv__number_at(call->context, terms, (ptrdiff_t)count) };
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const resolved *r = call->resolved;
    const parts p = parts_of(call, first, count, buffer);
    const bool whole = r->reduction == FV_REDUCTION_NONE;
    void *terms = whole ? fv__tensor_byte(call->outputs[0], first) : p.terms;
    for (int64_t i = 0; i < count; i++) {
        double term;
        const fv__class_row row = row_of(
            call, first + i, p.labels ? &p.labels[i] : NULL, p.rows, &term);
        if (term > 0) term *= r->rule->term(call, &row);
        fv__real_set(call->context, terms, i, term);
    }
    if (!whole) *sum = call->context->kernels->sum((size_t)count, terms);
}

void fv__class_loss_forward(const fv_call *call)
{
    const resolved *r = call->resolved;
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    const double divisor = divisor_of(call, &chunks);
    if (call->saved) *(double *)call->saved = divisor;
    fv__loss_forward(call, &chunks, r->reduction, divisor, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const resolved *r = call->resolved;
    const parts p = parts_of(call, first, count, buffer);
    const fv_tensor *dx = call->input_grads[FV__LOGITS];
    const double scale =
        fv__loss_scale(call, r->reduction, *(const double *)call->saved);
    (void)sum;
    for (int64_t i = 0; i < count; i++) {
        double weight;
        const fv__class_row row = row_of(
            call, first + i, p.labels ? &p.labels[i] : NULL, p.rows, &weight);
        if (!(weight > 0)) continue;
        if (r->reduction == FV_REDUCTION_NONE)
            weight *= fv__real_get(call->context, call->output_grads[0]->data,
                                   first + i);
        r->rule->grad(call, &row, scale * weight,
                      fv__tensor_byte(dx, (first + i) * row.n));
    }
}

void fv__class_loss_backward(const fv_call *call)
{
    if (!call->input_grads[FV__LOGITS]) return;
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

/* ---- known labels -------------------------------------------------------- */

/* Class indices whose values are known must be in range. In a plan they are not
 * known yet; one that is out of range makes the loss NaN there. */
static bool labels_fit(const fv_operator *op, const fv_variable *x,
                       const fv_variable *labels, int64_t ignore)
{
    const fv_tensor *target = fv_variable_value(labels);
    const fv_tensor *value = fv_variable_value(x);
    if (!target->data || fv__dtype_is_real(target->dtype) || value->rank < 2
        || target->rank != value->rank - 1)
        return true;
    const int64_t ignored = ignore == FV_LABEL_0 ? 0 : ignore;
    for (int64_t i = 0; i < fv_tensor_count(target); i++) {
        int64_t label;
        fv__load_integers(target->dtype, fv__tensor_byte(target, i), 1, 1,
                          &label);
        if ((label >= 0 && label < width_of(value))
            || (ignore && label == ignored))
            continue;
        fv_fail(fv_variable_context(x), FV_MISUSE,
                "%s: label %" PRId64 " of row %" PRId64
                " is outside 0..%" PRId64,
                op->name, label, i, width_of(value) - 1);
        return false;
    }
    return true;
}

fv_variable *fv__class_loss_apply(const fv_operator *op, fv_variable *x,
                                  fv_variable *target,
                                  const fv__class_loss *attributes)
{
    fv_variable *inputs[] = { x, target };
    if (x && target) {
        if (fv_variable_requires_grad(target))
            fv_fail(fv_variable_context(x), FV_MISUSE,
                    "%s: the target requires a gradient, but has none",
                    op->name);
        else
            labels_fit(op, x, target, attributes->how.ignore_index);
    }
    return fv_apply(op, attributes, 2, inputs);
}
