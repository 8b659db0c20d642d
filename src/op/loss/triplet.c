/* Triplet loss of rows: max(0, margin + |a - p| - |a - n|), where the distance
 * is the norm of the difference plus 1e-6, as in PyTorch. */
#include "op/loss/loss.h"

#include <math.h>

enum { ANCHOR, POSITIVE, NEGATIVE };

typedef struct fv__triplet {
    fv_triplet how;
} fv__triplet;

static const fv_triplet *triplet_of(const fv_call *call)
{
    return &((const fv__triplet *)call->attributes)->how;
}

/* The buffer of a worker holds terms, then two rows. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t each = fv__rows_per_chunk(x->shape[1]);
    return (fv__chunks){ .units = x->shape[0],
                         .each = each,
                         .buffer =
                             fv__real_bytes(context, each + 2 * x->shape[1]),
                         .cost = 30 * (double)x->shape[1] };
}

static fv_status infer(fv_inference *inference)
{
    const fv_triplet *how = &((const fv__triplet *)inference->attributes)->how;
    const fv_tensor *x = inference->inputs[ANCHOR];
    if (!fv__operand(inference, ANCHOR, "anchor", 2)
        || !fv__operand(inference, POSITIVE, "positive", 2)
        || !fv__operand(inference, NEGATIVE, "negative", 2)
        || !fv__operands_alike(inference, ANCHOR, "anchor", POSITIVE,
                               "positive")
        || !fv__operands_alike(inference, ANCHOR, "anchor", NEGATIVE,
                               "negative"))
        return fv_failed(inference->context);
    if (!(how->power >= 1 && isfinite(how->power)))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: power %s is not 1 or more and finite",
                       inference->name, FV__NUMBER(how->power));
    const fv__chunks chunks = chunks_of(inference->context, x);
    return fv__loss_infer(inference, &chunks, how->reduction, 1);
}

/* ---- distances ----------------------------------------------------------- */

typedef struct distance {
    size_t n;
    void *difference; /* n numbers of the worker's */
    void *powers;     /* n more */
    double norm;
} distance;

/* x^e of numbers that are not negative */
static void raise_all(const fv_call *call, size_t n, double e, void *x)
{
    const fv__kernels *kernels = call->context->kernels;
    kernels->unary(FV__LOG, n, x, x, 0, 0);
    kernels->unary(FV__SCALE_ADD, n, x, x, e, 0);
    kernels->unary(FV__EXP, n, x, x, 0, 0);
}

static double root(const fv_call *call, double sum, double power)
{
    fv__number x;
    if (power == 1) return sum;
    if (power == 2) return sqrt(sum);
    fv__real_set(call->context, &x, 0, sum);
    raise_all(call, 1, 1 / power, &x);
    return fv__real_get(call->context, &x, 0);
}

static distance measure(const fv_call *call, int a, int b, int64_t row,
                        void *buffer)
{
    const fv__kernels *kernels = call->context->kernels;
    const int64_t n = call->inputs[a]->shape[1];
    const double power = triplet_of(call)->power;
    distance d = { .n = (size_t)n,
                   .difference = buffer,
                   .powers =
                       fv__number_at(call->context, buffer, (ptrdiff_t)n) };
    kernels->binary(FV__SUB, d.n, fv__tensor_byte(call->inputs[a], row * n), 1,
                    fv__tensor_byte(call->inputs[b], row * n), 1, d.difference);
    kernels->unary(FV__SCALE_ADD, d.n, d.difference, d.difference, 1, 1e-6);
    kernels->unary(FV__ABS, d.n, d.difference, d.powers, 0, 0);
    double sum;
    if (power == 2)
        sum = kernels->dot(d.n, d.powers, d.powers);
    else {
        if (power != 1) raise_all(call, d.n, power, d.powers);
        sum = kernels->sum(d.n, d.powers);
    }
    d.norm = root(call, sum, power);
    return d;
}

/* The gradient of the norm: sign (|difference| / norm)^(power - 1). */
static void slopes(const fv_call *call, const distance *d)
{
    const fv__kernels *kernels = call->context->kernels;
    const double power = triplet_of(call)->power;
    kernels->unary(FV__ABS, d->n, d->difference, d->powers, 0, 0);
    kernels->unary(FV__SCALE_ADD, d->n, d->powers, d->powers,
                   d->norm > 0 ? 1 / d->norm : 0, 0);
    if (power == 1)
        kernels->fill(d->n, 1, d->powers);
    else if (power != 2)
        raise_all(call, d->n, power - 1, d->powers);
    for (int64_t j = 0; j < (int64_t)d->n; j++) {
        const double x = fv__real_get(call->context, d->difference, j);
        const double size = fv__real_get(call->context, d->powers, j);
        fv__real_set(call->context, d->powers, j,
                     x > 0   ? size
                     : x < 0 ? -size
                             : 0);
    }
}

/* ---- the work ------------------------------------------------------------ */

static double divisor_of(const fv_call *call)
{
    return fv__loss_divisor(call, triplet_of(call)->reduction,
                            (double)call->inputs[ANCHOR]->shape[0]);
}

/* The loss of a row; *from is the operand from which the negative is measured.
 */
static double term(const fv_call *call, int64_t row, void *buffer, int *from)
{
    const double near = measure(call, ANCHOR, POSITIVE, row, buffer).norm;
    double far = measure(call, ANCHOR, NEGATIVE, row, buffer).norm;
    *from = ANCHOR;
    if (triplet_of(call)->swap) {
        const double other =
            measure(call, POSITIVE, NEGATIVE, row, buffer).norm;
        if (other < far) {
            far = other;
            *from = POSITIVE;
        }
    }
    const double loss = triplet_of(call)->margin + near - far;
    return loss < 0 ? 0 : loss;
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const bool whole = triplet_of(call)->reduction == FV_REDUCTION_NONE;
    void *terms = whole ? fv__tensor_byte(call->outputs[0], first) : buffer;
    void *rows = fv__number_at(call->context, buffer, (ptrdiff_t)count);
    int from;
    for (int64_t i = 0; i < count; i++)
        fv__real_set(call->context, terms, i,
                     term(call, first + i, rows, &from));
    if (!whole) *sum = call->context->kernels->sum((size_t)count, terms);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->inputs[ANCHOR]);
    fv__loss_forward(call, &chunks, triplet_of(call)->reduction,
                     divisor_of(call), chunk_forward);
}

/* Adds scale times the gradient of a distance to its operands. */
static void add(const fv_call *call, int a, int b, int64_t row, double scale,
                void *buffer)
{
    const distance d = measure(call, a, b, row, buffer);
    slopes(call, &d);
    const int operands[] = { a, b };
    for (int k = 0; k < 2; k++) {
        const fv_tensor *grad = call->input_grads[operands[k]];
        if (grad)
            call->context->kernels->axpy(
                d.n, k ? -scale : scale, d.powers,
                fv__tensor_byte(grad, row * (int64_t)d.n));
    }
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv_reduction reduction = triplet_of(call)->reduction;
    const double all = fv__loss_scale(call, reduction, divisor_of(call));
    (void)sum;
    for (int64_t i = first; i < first + count; i++) {
        int from;
        double scale = all;
        if (reduction == FV_REDUCTION_NONE)
            scale *=
                fv__real_get(call->context, call->output_grads[0]->data, i);
        if (!(term(call, i, buffer, &from) > 0)) continue;
        add(call, ANCHOR, POSITIVE, i, scale, buffer);
        add(call, from, NEGATIVE, i, -scale, buffer);
    }
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->inputs[ANCHOR]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_triplet = {
    .size = sizeof(fv_operator),
    .name = "triplet",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes_size = sizeof(fv__triplet),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_triplet_of(fv_variable *anchor, fv_variable *positive,
                           fv_variable *negative, const fv_triplet *how)
{
    fv_variable *inputs[] = { anchor, positive, negative };
    fv__triplet a = { .how = how ? *how : (fv_triplet){ 0 } };
    if (a.how.margin == 0) a.how.margin = 1;
    if (a.how.power == 0) a.how.power = 2;
    a.how.reduction = fv__reduction_or(a.how.reduction, FV_REDUCTION_MEAN);
    return fv_apply(&fv__op_triplet, &a, 3, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_triplet_options, NUMBER, margin), .positive = true,
      .usual = 1 },
    { FV__FIELD(fv_triplet_options, NUMBER, power), .positive = true,
      .usual = 2 },
    { FV__FIELD(fv_triplet_options, SWITCH, swap) },
    { FV__REDUCTION_FIELD(fv_triplet_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_triplet_options *o = layer->options;
    const fv_triplet how = { .margin = o->margin,
                             .power = o->power,
                             .swap = o->swap,
                             .reduction = o->reduction };
    (void)count;
    return fv_triplet_of(inputs[ANCHOR], inputs[POSITIVE], inputs[NEGATIVE],
                         &how);
}

const fv__layer_type fv__layer_triplet = {
    .kind = "triplet",
    .about = "the mean over rows of max(0, margin + |a - p| - |a - n|) of an "
             "anchor, a positive and a negative; labels are not read",
    FV__LAYER_OPTIONS(fv_triplet_options),
    .fields = fields,
    .min_inputs = 3,
    .max_inputs = 3,
    .target = FV__TARGET_LABELS,
    .forward = apply,
};

fv_layer *fv_triplet_new(const fv_triplet_options *options)
{
    return fv__layer_new(&fv__layer_triplet, options);
}
