/* Exponential averages of weights. */
#include "train/optimizer.h"
#include "kernel/kernel.h"

#include <string.h>

fv_status fv_set_average(fv_optimizer *optimizer, double decay)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!(decay >= 0 && decay < 1))
        return fv_fail(context, FV_MISUSE,
                       "optimizer: average %s is not at least 0 and below 1",
                       FV__NUMBER(decay));
    if (optimizer->swapped)
        return fv_fail(context, FV_MISUSE,
                       "optimizer: the averages stand where the weights do");
    optimizer->average = decay;
    fv__release(context, optimizer->averages);
    optimizer->averages = NULL;
    return FV_OK;
}

fv_status fv__average_ready(fv_optimizer *optimizer)
{
    if (optimizer->average == 0 || optimizer->averages)
        return fv_failed(optimizer->context);
    optimizer->averages =
        fv__allocate_zero(optimizer->context, FV__RUN, optimizer->slot_bytes);
    unsigned char *at = optimizer->averages;
    for (int64_t i = 0; at && i < optimizer->count; i++) {
        const fv_tensor *value = &optimizer->variables[i]->value;
        if (value->data) memcpy(at, value->data, fv__tensor_bytes(value));
        at += fv__align(fv__tensor_bytes(value));
    }
    return fv_failed(optimizer->context);
}

/* A variable, in chunks. */
typedef struct job {
    const fv_optimizer *optimizer;
    const fv_tensor *value;
    unsigned char *averages;
} job;

static void average_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const job *j = argument;
    const fv__kernels *kernels = j->optimizer->context->kernels;
    const size_t first = item * FV__UPDATE_CHUNK;
    const size_t left = (size_t)fv_tensor_count(j->value) - first;
    const size_t n = left > FV__UPDATE_CHUNK ? FV__UPDATE_CHUNK : left;
    const size_t at = first * fv_dtype_bytes(kernels->dtype);
    const double decay = j->optimizer->average;
    unsigned char *a = j->averages + at;
    kernels->unary(FV__SCALE_ADD, n, a, a, decay, 0);
    kernels->axpy(n, 1 - decay, (const unsigned char *)j->value->data + at, a);
}

void fv__average_update(const fv_optimizer *optimizer,
                        const fv_variable *variable, size_t at)
{
    if (!optimizer->averages) return;
    job j = { optimizer, &variable->value, optimizer->averages + at };
    const int64_t n = fv_tensor_count(j.value);
    fv__parallel(optimizer->context, (size_t)fv__divide_up(n, FV__UPDATE_CHUNK),
                 (double)n * 2, average_chunk, &j);
}

/* Exchanges `bytes` bytes. */
static void swap(unsigned char *a, unsigned char *b, size_t bytes)
{
    unsigned char piece[1024];
    for (size_t i = 0, n; i < bytes; i += n) {
        n = bytes - i < sizeof piece ? bytes - i : sizeof piece;
        memcpy(piece, a + i, n);
        memcpy(a + i, b + i, n);
        memcpy(b + i, piece, n);
    }
}

fv_status fv_swap_average(fv_optimizer *optimizer)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (optimizer->average == 0)
        return fv_fail(context, FV_MISUSE,
                       "optimizer: there are no averages of the weights");
    unsigned char *at =
        fv__average_ready(optimizer) == FV_OK ? optimizer->averages : NULL;
    if (!at) return fv_failed(context);
    for (int64_t i = 0; i < optimizer->count; i++) {
        fv_tensor *value = &optimizer->variables[i]->value;
        const size_t bytes = fv__tensor_bytes(value);
        if (value->data) swap(value->data, at, bytes);
        at += fv__align(bytes);
    }
    optimizer->swapped = !optimizer->swapped;
    context->changes++;
    return FV_OK;
}
