/* The update of an optimizer: its kernel on every variable. */
#include "train/optimizer.h"
#include "kernel/kernel.h"

#include <math.h>
#include <string.h>

enum { CHUNK = FV__UPDATE_CHUNK };

/* One variable, in chunks. */
typedef struct job {
    const fv_optimizer *optimizer;
    fv_variable *variable;
    size_t at; /* of its state in each flat array, in bytes */
    fv__hyper hyper;
    fv__update update;
    double scale; /* of the gradient */
    double step;  /* layerwise: the step along the direction */
} job;

/* A chunk of a variable. */
typedef struct chunk {
    size_t n, at; /* elements, and bytes before them */
    unsigned char *g, *w;
} chunk;

static chunk chunk_of(const job *j, size_t item)
{
    const size_t n = (size_t)fv_tensor_count(&j->variable->value);
    const size_t first = item * CHUNK;
    const size_t at =
        first * fv_dtype_bytes(j->optimizer->context->kernels->dtype);
    return (chunk){
        .n = n - first > CHUNK ? CHUNK : n - first,
        .at = at,
        .g = (unsigned char *)j->variable->grad.data + at,
        .w = (unsigned char *)j->variable->value.data + at,
    };
}

static void run_kernel(const job *j, const chunk *c)
{
    const fv_optimizer *optimizer = j->optimizer;
    const fv__kernels *kernels = optimizer->context->kernels;
    void *state[FV__MOST_SLOTS] = { NULL };
    for (int32_t i = 0; i < optimizer->slots; i++)
        state[optimizer->slot[i]] = optimizer->state
                                    + (size_t)i * optimizer->slot_bytes + j->at
                                    + c->at;
    if (j->scale != 1)
        kernels->unary(FV__SCALE_ADD, c->n, c->g, c->g, j->scale, 0);
    kernels->update(c->n, &j->update, c->g, c->w, state);
}

static void clear(const job *j, const chunk *c)
{
    memset(c->g, 0,
           c->n * fv_dtype_bytes(j->optimizer->context->kernels->dtype));
}

static void update_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const chunk c = chunk_of(j, item);
    run_kernel(j, &c);
    clear(j, &c);
}

/* ---- layerwise ----------------------------------------------------------- */

/* Writes the direction over the gradient, and the sums of the squares of
 * weights and direction. */
static void direction_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const fv__kernels *kernels = j->optimizer->context->kernels;
    const chunk c = chunk_of(j, item);
    run_kernel(j, &c);
    j->optimizer->partials[2 * item] = kernels->dot(c.n, c.w, c.w);
    j->optimizer->partials[2 * item + 1] = kernels->dot(c.n, c.g, c.g);
}

static void step_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const chunk c = chunk_of(j, item);
    j->optimizer->context->kernels->axpy(c.n, -j->step, c.g, c.w);
    clear(j, &c);
}

/* The ratio of the norms of weights and direction; 1 if one of them is 0. */
static double trust_ratio(const fv_optimizer *optimizer, size_t chunks)
{
    double sums[2] = { 0, 0 };
    for (size_t i = 0; i < 2 * chunks; i++)
        sums[i % 2] += optimizer->partials[i];
    return sums[0] > 0 && sums[1] > 0 ? sqrt(sums[0]) / sqrt(sums[1]) : 1;
}

/* ---- clipping ------------------------------------------------------------ */

/* Limits the gradient, and sums its squares where that is asked for. */
static void clip_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const fv_optimizer *optimizer = j->optimizer;
    const fv__kernels *kernels = optimizer->context->kernels;
    const chunk c = chunk_of(j, item);
    const double limit = optimizer->clip_value;
    if (limit > 0) kernels->unary(FV__CLAMP, c.n, c.g, c.g, -limit, limit);
    if (optimizer->clip_norm > 0)
        optimizer->partials[item] = kernels->dot(c.n, c.g, c.g);
}

static bool is_trained(const fv_variable *variable)
{
    return variable->requires_grad && variable->grad.data;
}

static size_t chunks_of(const fv_variable *variable)
{
    const size_t n = (size_t)fv_tensor_count(&variable->value);
    return (n + CHUNK - 1) / CHUNK;
}

static double cost_of(const fv_variable *variable)
{
    return (double)fv_tensor_count(&variable->value) * 4;
}

/* Clips by value, and sets the factor of all gradients that clips by norm. */
static fv_status clip(const fv_optimizer *optimizer, double *scale)
{
    double squares = 0;
    *scale = 1;
    if (optimizer->clip_value == 0 && optimizer->clip_norm == 0) return FV_OK;
    for (int64_t i = 0; i < optimizer->count; i++) {
        job j = { .optimizer = optimizer, .variable = optimizer->variables[i] };
        if (!is_trained(j.variable)) continue;
        const size_t chunks = chunks_of(j.variable);
        fv__parallel(optimizer->context, chunks, cost_of(j.variable),
                     clip_chunk, &j);
        for (size_t k = 0; k < chunks && optimizer->clip_norm > 0; k++)
            squares += optimizer->partials[k];
    }
    if (!isfinite(squares))
        return fv_fail(optimizer->context, FV_NOT_FINITE,
                       "optimizer: the norm of the gradients is not finite");
    if (optimizer->clip_norm > 0)
        *scale = fmin(optimizer->clip_norm / (sqrt(squares) + 1e-6), 1);
    return FV_OK;
}

/* ---- all variables ------------------------------------------------------- */

static void update_variable(job *j)
{
    const fv_optimizer *optimizer = j->optimizer;
    const size_t chunks = chunks_of(j->variable);
    const double cost = cost_of(j->variable);
    optimizer->type->prepare(&optimizer->options, &j->hyper, &j->update);
    if (!optimizer->type->layerwise) {
        fv__parallel(optimizer->context, chunks, cost, update_chunk, j);
        return;
    }
    fv__parallel(optimizer->context, chunks, cost, direction_chunk, j);
    j->step = j->hyper.rate * trust_ratio(optimizer, chunks);
    fv__parallel(optimizer->context, chunks, cost, step_chunk, j);
}

/* What the step of variable i depends on; counts the update. */
static fv__hyper hyper_of(fv_optimizer *optimizer, int64_t i, double rate)
{
    fv__hyper hyper = { .rate = rate };
    memcpy(&hyper.weight_decay,
           optimizer->options.bytes + optimizer->type->weight_decay,
           sizeof hyper.weight_decay);
    if (optimizer->groups) {
        const fv__group *group = &optimizer->groups[i];
        hyper.rate *= group->factor;
        if (!isnan(group->decay)) hyper.weight_decay = group->decay;
    }
    if (optimizer->counts) hyper.updates = ++optimizer->counts[i];
    return hyper;
}

fv_status fv_optimizer_update(fv_optimizer *optimizer)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context) || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    const double rate = fv_learning_rate(optimizer);
    double scale;
    if (isnan(rate))
        return fv_fail(context, FV_MISUSE,
                       "optimizer: the schedule has no number of steps, and "
                       "there is no run of fv_fit() to take it from");
    if (optimizer->swapped)
        return fv_fail(context, FV_MISUSE,
                       "optimizer: the averages stand where the weights do");
    if (clip(optimizer, &scale) != FV_OK) return fv_failed(context);
    context->changes++;
    size_t at = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        fv_variable *variable = optimizer->variables[i];
        job j = { .optimizer = optimizer,
                  .variable = variable,
                  .at = at,
                  .scale = scale };
        at += fv__align(fv__tensor_bytes(&variable->value));
        if (!is_trained(variable)) continue;
        j.hyper = hyper_of(optimizer, i, rate);
        update_variable(&j);
        fv__average_update(optimizer, variable, j.at);
    }
    optimizer->updates++;
    return FV_OK;
}
