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
    double step; /* layerwise: the step along the direction */
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
    void *state[FV__MOST_SLOTS] = { NULL };
    for (int32_t i = 0; i < optimizer->slots; i++)
        state[optimizer->slot[i]] = optimizer->state
                                    + (size_t)i * optimizer->slot_bytes + j->at
                                    + c->at;
    optimizer->context->kernels->update(c->n, &j->update, c->g, c->w, state);
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

/* ---- all variables ------------------------------------------------------- */

static void update_variable(job *j)
{
    const fv_optimizer *optimizer = j->optimizer;
    const size_t n = (size_t)fv_tensor_count(&j->variable->value);
    const size_t chunks = (n + CHUNK - 1) / CHUNK;
    const double cost = (double)n * 4;
    optimizer->type->prepare(&optimizer->options, &j->hyper, &j->update);
    if (!optimizer->type->layerwise) {
        fv__parallel(optimizer->context, chunks, cost, update_chunk, j);
        return;
    }
    fv__parallel(optimizer->context, chunks, cost, direction_chunk, j);
    j->step = j->hyper.rate * trust_ratio(optimizer, chunks);
    fv__parallel(optimizer->context, chunks, cost, step_chunk, j);
}

fv_status fv_optimizer_update(fv_optimizer *optimizer)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context) || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    fv__hyper hyper = { .rate = fv_learning_rate(optimizer) };
    if (isnan(hyper.rate))
        return fv_fail(context, FV_MISUSE,
                       "optimizer: the schedule has no number of steps, and "
                       "there is no run of fv_fit() to take it from");
    context->changes++;
    memcpy(&hyper.weight_decay,
           optimizer->options.bytes + optimizer->type->weight_decay,
           sizeof hyper.weight_decay);
    size_t at = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        fv_variable *variable = optimizer->variables[i];
        job j = { .optimizer = optimizer,
                  .variable = variable,
                  .at = at,
                  .hyper = hyper };
        at += fv__align(fv__tensor_bytes(&variable->value));
        if (!variable->requires_grad || !variable->grad.data) continue;
        if (optimizer->counts) j.hyper.updates = ++optimizer->counts[i];
        update_variable(&j);
    }
    optimizer->updates++;
    return FV_OK;
}
