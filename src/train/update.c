/* The update of an optimizer: its kernel on every variable. */
#include "train/optimizer.h"
#include "kernel/kernel.h"

#include <string.h>

enum { CHUNK = 16384 };

/* One variable, in chunks. */
typedef struct job {
    const fv_optimizer *optimizer;
    fv_variable *variable;
    size_t at; /* of its state in each flat array, in bytes */
    fv__update update;
} job;

static void update_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const fv_optimizer *optimizer = j->optimizer;
    const fv__kernels *kernels = optimizer->context->kernels;
    size_t n = (size_t)fv_tensor_count(&j->variable->value);
    const size_t first = item * CHUNK;
    n = n - first > CHUNK ? CHUNK : n - first;
    const size_t at = first * fv_dtype_bytes(kernels->dtype);
    unsigned char *g = (unsigned char *)j->variable->grad.data + at;
    unsigned char *w = (unsigned char *)j->variable->value.data + at;
    void *state[FV__MOST_SLOTS] = { NULL };
    for (int32_t i = 0; i < optimizer->slots; i++)
        state[i] =
            optimizer->state + (size_t)i * optimizer->slot_bytes + j->at + at;
    kernels->update(n, &j->update, g, w, state);
    memset(g, 0, n * fv_dtype_bytes(kernels->dtype));
}

static void prepare(job *j, int64_t updates)
{
    const fv__optimizer_type *type = j->optimizer->type;
    const unsigned char *options = j->optimizer->options.bytes;
    fv__hyper hyper = { .rate = j->optimizer->options.first.learning_rate,
                        .updates = updates };
    memcpy(&hyper.weight_decay, options + type->weight_decay,
           sizeof hyper.weight_decay);
    type->prepare(options, &hyper, &j->update);
}

fv_status fv_optimizer_update(fv_optimizer *optimizer)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context) || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    context->changes++;
    size_t at = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        fv_variable *variable = optimizer->variables[i];
        const size_t n = (size_t)fv_tensor_count(&variable->value);
        job j = { .optimizer = optimizer, .variable = variable, .at = at };
        at += fv__align(fv__tensor_bytes(&variable->value));
        if (!variable->requires_grad || !variable->grad.data) continue;
        prepare(&j, optimizer->counts ? ++optimizer->counts[i] : 0);
        fv__parallel(context, (n + CHUNK - 1) / CHUNK, (double)n * 4,
                     update_chunk, &j);
    }
    return FV_OK;
}
