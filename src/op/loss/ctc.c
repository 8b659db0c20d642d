/* Connectionist temporal classification: minus the logarithm of the probability
 * of all paths that read as the labels, by the forward-backward algorithm. The
 * work of a sequence is done in double precision.
 *
 * The states of a sequence of k labels are blank, label 1, blank, .., label k,
 * blank. A path stays in a state, goes on to the next, or skips a blank between
 * labels that differ. */
#include "op/loss/loss.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LABELS = 1 };

typedef struct fv__ctc {
    fv_ctc how;
    bool input_lengths, target_lengths; /* operands that are there */
} fv__ctc;

static const fv__ctc *ctc_of(const fv_call *call) { return call->attributes; }

/* Numbers of a row of states: two before the first and one behind the last. */
static int64_t row_of(const fv_tensor *labels)
{
    return 2 * labels->shape[1] + 1 + 3;
}

/* The units of work are sequences. */
static fv__chunks chunks_of(const fv_tensor *x, const fv_tensor *labels)
{
    const int64_t row = row_of(labels), steps = x->shape[1];
    const size_t numbers = fv__bytes_sum(
        fv__bytes_times((size_t)(steps + 8), (size_t)row), (size_t)x->shape[2]);
    const size_t states = (size_t)row * sizeof(int64_t);
    return (fv__chunks){ .units = x->shape[0],
                         .each = 1,
                         .buffer = fv__bytes_sum(
                             states, fv__bytes_times(numbers, sizeof(double))),
                         .cost = 60 * (double)(steps * row) };
}

/* ---- the shape rule ------------------------------------------------------ */

static bool is_whole(const fv_inference *inference, int32_t k, const char *what,
                     int32_t rank)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    const fv_tensor *of = inference->inputs[k];
    if (!fv__dtype_is_real(of->dtype) && of->rank == rank
        && of->shape[0] == x->shape[0])
        return true;
    fv_fail(inference->context, FV_MISUSE,
            "%s: %s %s of %s, expected whole numbers for %" PRId64 " sequences",
            inference->name, what, FV__SHAPE(of), fv_dtype_name(of->dtype),
            x->shape[0]);
    return false;
}

static fv_status infer(fv_inference *inference)
{
    const fv__ctc *a = inference->attributes;
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    fv_context *context = inference->context;
    if (!fv__operand(inference, FV__LOGITS, "input", 3)
        || !is_whole(inference, LABELS, "labels", 2)
        || (a->input_lengths && !is_whole(inference, 2, "input lengths", 1))
        || (a->target_lengths
            && !is_whole(inference, inference->num_inputs - 1, "target lengths",
                         1)))
        return fv_failed(context);
    if (a->how.blank < 0 || a->how.blank >= x->shape[2])
        return fv_fail(context, FV_MISUSE,
                       "%s: blank %" PRId64 " is outside 0..%" PRId64,
                       inference->name, a->how.blank, x->shape[2] - 1);
    const fv__kernels **f64 = fv_inference_allocate(inference, sizeof *f64);
    if (f64) *f64 = fv__kernels_find(context, context->kernels->isa, FV_F64);
    if (!fv__ok(context)) return fv_failed(context);
    inference->resolved = f64;
    const fv__chunks chunks = chunks_of(x, inference->inputs[LABELS]);
    return fv__loss_infer(inference, &chunks, a->how.reduction, 1);
}

/* ---- one sequence -------------------------------------------------------- */

typedef struct sequence {
    const fv_call *call;
    const fv__kernels *f64;
    int64_t number, steps, labels, classes;
    size_t states, row;
    int64_t *symbol; /* class of each state */
    double *skip;    /* 0 where a path may skip the blank before, else -inf */
    double *emit;    /* logarithms of the states' probabilities in a step */
    double *rows;    /* states before the first step, then after each */
    double *spare;   /* more rows */
    double *sums;    /* of classes, zero */
    bool legal;
} sequence;

static int64_t whole_at(const fv_tensor *tensor, int64_t i)
{
    int64_t value;
    fv__load_integers(tensor->dtype, fv__tensor_byte(tensor, i), 1, 1, &value);
    return value;
}

/* Lengths as given or, without them, all steps, and labels before the first
 * that is negative. */
static void measure(sequence *s)
{
    const fv_call *call = s->call;
    const fv__ctc *a = ctc_of(call);
    const fv_tensor *labels = call->inputs[LABELS];
    const int64_t steps = s->steps, most = labels->shape[1];
    if (a->input_lengths) s->steps = whole_at(call->inputs[2], s->number);
    if (a->target_lengths)
        s->labels = whole_at(call->inputs[call->num_inputs - 1], s->number);
    else
        while (s->labels < most
               && whole_at(labels, s->number * most + s->labels) >= 0)
            s->labels++;
    s->legal = s->steps >= 0 && s->steps <= steps && s->labels >= 0
               && s->labels <= most;
}

static void set_states(sequence *s)
{
    const fv_tensor *labels = s->call->inputs[LABELS];
    const int64_t first = s->number * labels->shape[1];
    s->states = 2 * (size_t)s->labels + 1;
    for (size_t i = 0; i < s->states; i++) {
        s->symbol[i] = i % 2 ? whole_at(labels, first + (int64_t)(i / 2))
                             : ctc_of(s->call)->how.blank;
        s->legal &= s->symbol[i] >= 0 && s->symbol[i] < s->classes;
        const bool skips = i % 2 && i > 2 && s->symbol[i] != s->symbol[i - 2];
        s->skip[i] = skips ? 0 : -(double)INFINITY;
    }
}

static sequence begin(const fv_call *call, int64_t number, void *buffer)
{
    const fv_tensor *x = call->inputs[FV__LOGITS];
    sequence s = { .call = call,
                   .f64 = *(const fv__kernels *const *)call->resolved,
                   .number = number,
                   .steps = x->shape[1],
                   .classes = x->shape[2],
                   .row = (size_t)row_of(call->inputs[LABELS]),
                   .symbol = buffer };
    s.skip = (double *)(void *)(s.symbol + s.row);
    s.emit = s.skip + s.row;
    s.spare = s.emit + s.row;
    s.rows = s.spare + 5 * s.row;
    s.sums = s.rows + s.row * (size_t)(x->shape[1] + 1);
    measure(&s);
    if (s.legal) set_states(&s);
    return s;
}

/* A row without paths but one, in state 0, before the first step. */
static void start(const sequence *s, double *row)
{
    for (size_t i = 0; i < s->row; i++) row[i] = -(double)INFINITY;
    row[2] = 0;
}

static void load_emit(const sequence *s, int64_t step)
{
    const fv_tensor *x = s->call->inputs[FV__LOGITS];
    const void *from =
        fv__tensor_byte(x, (s->number * x->shape[1] + step) * s->classes);
    for (size_t i = 0; i < s->states; i++)
        s->emit[i] = fv__real_get(s->call->context, from, s->symbol[i]);
}

/* Logarithms of the probabilities of all paths to each state after each step;
 * returns that of all paths that end in one of the last two states. */
static double run_forward(const sequence *s)
{
    const double zero = 0;
    double total;
    start(s, s->rows);
    for (int64_t t = 0; t < s->steps; t++) {
        double *to = s->rows + (size_t)(t + 1) * s->row;
        load_emit(s, t);
        start(s, to);
        s->f64->ctc_step(s->states, to - s->row, s->skip, s->emit, to + 2);
    }
    /* a state behind the last, where all paths end */
    s->f64->ctc_step(1, s->rows + (size_t)s->steps * s->row + s->states, &zero,
                     &zero, &total);
    return total;
}

static void reverse(size_t n, double *x)
{
    for (size_t i = 0; i < n / 2; i++) {
        const double left = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = left;
    }
}

/* dx -= scale times the probability of each class in a step, given the
 * labels. `backward` is the row of the paths from this step on. */
static void add_step(const sequence *s, int64_t step, const double *backward,
                     double total, double scale)
{
    const double *forward = s->rows + (size_t)(step + 1) * s->row + 2;
    const fv_tensor *dx = s->call->input_grads[FV__LOGITS];
    void *to =
        fv__tensor_byte(dx, (s->number * dx->shape[1] + step) * s->classes);
    double *part = s->spare + 4 * s->row;
    for (size_t i = 0; i < s->states; i++) {
        const double emit = s->emit[i];
        part[i] = emit > -(double)INFINITY
                      ? forward[i] + backward[s->states - 1 - i] - emit - total
                      : emit;
    }
    s->f64->unary(FV__EXP, s->states, part, part, 0, 0);
    for (size_t i = 0; i < s->states; i++) s->sums[s->symbol[i]] += part[i];
    for (size_t i = 0; i < s->states; i++) {
        const int64_t j = s->symbol[i];
        if (s->sums[j] == 0) continue;
        fv__real_set(s->call->context, to, j,
                     fv__real_get(s->call->context, to, j)
                         - scale * s->sums[j]);
        s->sums[j] = 0;
    }
}

/* The backward variables are the forward ones of the states and steps in
 * reverse order. */
static void run_backward(const sequence *s, double total, double scale)
{
    double *from = s->spare, *to = from + s->row, *skip = to + s->row;
    double *emit = skip + s->row;
    start(s, from);
    memset(s->sums, 0, (size_t)s->classes * sizeof *s->sums);
    for (size_t i = 0; i < s->states; i++)
        skip[i] = i < 2 ? -(double)INFINITY : s->skip[s->states + 1 - i];
    for (int64_t t = s->steps; t-- > 0;) {
        load_emit(s, t);
        memcpy(emit, s->emit, s->states * sizeof *emit);
        reverse(s->states, emit);
        start(s, to);
        s->f64->ctc_step(s->states, from, skip, emit, to + 2);
        add_step(s, t, to + 2, total, scale);
        double *last = from;
        from = to;
        to = last;
    }
}

/* ---- the work ------------------------------------------------------------ */

/* What the loss of a sequence is divided by. */
static double divisor_of(const sequence *s)
{
    const fv_reduction reduction = ctc_of(s->call)->how.reduction;
    const double n = (double)s->call->inputs[FV__LOGITS]->shape[0];
    if (reduction == FV_REDUCTION_MEAN)
        return n * (double)fv__max(s->labels, 1);
    return reduction == FV_REDUCTION_BATCH ? n : 1;
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const sequence s = begin(call, first, buffer);
    double loss = s.legal ? -run_forward(&s) : (double)NAN;
    (void)count;
    if (isinf(loss) && ctc_of(call)->how.zero_infinity) loss = 0;
    if (ctc_of(call)->how.reduction == FV_REDUCTION_NONE)
        fv__real_set(call->context, call->outputs[0]->data, first, loss);
    *sum = loss / divisor_of(&s);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->inputs[FV__LOGITS], call->inputs[LABELS]);
    fv__loss_forward(call, &chunks, ctc_of(call)->how.reduction, 1,
                     chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const sequence s = begin(call, first, buffer);
    const bool each = ctc_of(call)->how.reduction == FV_REDUCTION_NONE;
    (void)count, (void)sum;
    if (!s.legal) return;
    const double total = run_forward(&s);
    if (isinf(total) && ctc_of(call)->how.zero_infinity) return;
    run_backward(&s, total,
                 fv__real_get(call->context, call->output_grads[0]->data,
                              each ? first : 0)
                     / divisor_of(&s));
}

static void backward(const fv_call *call)
{
    if (!call->input_grads[FV__LOGITS]) return;
    const fv__chunks chunks =
        chunks_of(call->inputs[FV__LOGITS], call->inputs[LABELS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_ctc = {
    .size = sizeof(fv_operator),
    .name = "ctc",
    .min_inputs = 2,
    .max_inputs = 4,
    .attributes_size = sizeof(fv__ctc),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_ctc_of(fv_variable *x, fv_variable *labels,
                       fv_variable *input_lengths, fv_variable *target_lengths,
                       const fv_ctc *how)
{
    fv__ctc a = { .how = how ? *how : (fv_ctc){ 0 },
                  .input_lengths = input_lengths != NULL,
                  .target_lengths = target_lengths != NULL };
    fv_variable *inputs[4] = { x, labels };
    int32_t count = 2;
    a.how.reduction = fv__reduction_or(a.how.reduction, FV_REDUCTION_MEAN);
    if (input_lengths) inputs[count++] = input_lengths;
    if (target_lengths) inputs[count++] = target_lengths;
    return fv_apply(&fv__op_ctc, &a, count, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_ctc_options, COUNT, max_labels), .positional = true },
    { FV__FIELD(fv_ctc_options, COUNT, blank) },
    { FV__FIELD(fv_ctc_options, SWITCH, logits) },
    { FV__FIELD(fv_ctc_options, SWITCH, zero_infinity) },
    { FV__REDUCTION_FIELD(fv_ctc_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_ctc_options *o = layer->options;
    (void)count, (void)inputs;
    if (o->max_labels >= 1 && o->max_labels <= INT32_MAX) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: max_labels %" PRId64 " is not in 1..%" PRId32,
                   layer->name, o->max_labels, INT32_MAX);
}

static int64_t target_length(const fv_layer *layer)
{
    return ((const fv_ctc_options *)layer->options)->max_labels;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_ctc_options *o = layer->options;
    const fv_ctc how = { .blank = o->blank,
                         .zero_infinity = o->zero_infinity,
                         .reduction = o->reduction };
    (void)count;
    fv_variable *x = o->logits ? fv_log_softmax_of(inputs[0]) : inputs[0];
    return fv_ctc_of(x, inputs[1], NULL, NULL, &how);
}

const fv__layer_type fv__layer_ctc = {
    .kind = "ctc",
    .about = "minus the logarithm of the probability of a sequence of labels, "
             "whose places are not known; a label below 0 ends it",
    FV__LAYER_OPTIONS(fv_ctc_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_SEQUENCE,
    .target_length = target_length,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_ctc_new(const fv_ctc_options *options)
{
    return fv__layer_new(&fv__layer_ctc, options);
}
