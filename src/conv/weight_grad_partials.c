/* The sums of a weight gradient over the parts of a batch, and their sum. */
#include "conv/shared.h"

#include <string.h>

/* Elements of the gradient that one item adds up over all parts: tuned by
 * measurement. */
enum { ITEM_ELEMENTS = 1 << 13 };

/* A single part needs no scratch. */
static void lay_out(fv__partials *p)
{
    p->stride = fv__align((p->weights + p->filters) * fv__element(p->kernels));
    if (p->sizes.parts > 1) p->bytes = p->stride * (size_t)p->sizes.parts;
}

fv__partials fv__partials_of(const fv__kernels *kernels, const fv__geometry *g)
{
    fv__partials p = {
        .kernels = kernels,
        .sizes = fv__conv_sizes_of(g),
        .filters = (size_t)g->filters,
    };

    p.weights = (size_t)(p.sizes.span * g->filters);
    lay_out(&p);
    return p;
}

fv__partials fv__partials_of_bias(const fv__kernels *kernels,
                                  const fv__geometry *g, int64_t blocks,
                                  int64_t parts)
{
    fv__partials p = {
        .kernels = kernels,
        .sizes = { .pixels = fv__conv_sizes_of(g).pixels,
                   .blocks = blocks,
                   .parts = parts },
        .filters = (size_t)g->filters,
    };

    p.sizes.block = fv__divide_up(p.sizes.pixels, fv__max(blocks, 1));
    lay_out(&p);
    return p;
}

void fv__partials_begin(fv__partials *p, const fv__conv_call *call)
{
    p->call = call;
    p->sums = call->scratch;
}

void *fv__partial_weights(const fv__partials *p, int64_t part)
{
    return p->bytes ? p->sums + (size_t)part * p->stride : p->call->dweight;
}

fv__accumulation fv__partial_accumulation(const fv__partials *p, int64_t part,
                                          int64_t block)
{
    const bool fresh = p->bytes || p->call->overwrite;

    return fresh && block == fv__partial_first_block(&p->sizes, part)
               ? FV__STORE
               : FV__ACCUMULATE;
}

/* Where the bias gradient of a part is summed: behind its weights. */
static void *bias_of(const fv__partials *p, int64_t part)
{
    if (!p->bytes) return p->call->dbias;
    return fv__slot(fv__partial_weights(p, part), (ptrdiff_t)p->weights,
                    fv__element(p->kernels));
}

void *fv__partial_bias(const fv__partials *p, int64_t part, size_t first,
                       size_t n)
{
    void *sums;

    if (!p->call->dbias) return NULL;
    sums =
        fv__slot(bias_of(p, part), (ptrdiff_t)first, fv__element(p->kernels));
    if (p->bytes || p->call->overwrite) p->kernels->fill(n, 0, sums);
    return sums;
}

void fv__partial_add_bias(const fv__partials *p, int64_t part, int64_t block)
{
    const fv__conv_sizes *s = &p->sizes;
    const size_t size = fv__element(p->kernels);
    const int64_t pixel = fv__min(block * s->block, s->pixels);
    const int64_t count = fv__min(s->block, s->pixels - pixel);

    if (!p->call->dbias) return;
    void *sum = block == fv__partial_first_block(s, part)
                    ? fv__partial_bias(p, part, 0, p->filters)
                    : bias_of(p, part);
    p->kernels->column_sum(
        (size_t)count, p->filters,
        fv__at(p->call->dy, (ptrdiff_t)((size_t)pixel * p->filters), size),
        sum);
}

/* Adds up n elements over all parts, into those of part 0 at `sums`, and stores
 * them in the gradient or adds them to it. */
static void reduce(const fv__partials *p, size_t n, char *sums, void *gradient)
{
    for (int64_t part = 1; part < p->sizes.parts; part++)
        p->kernels->axpy(n, 1, sums + (size_t)part * p->stride, sums);
    if (p->call->overwrite)
        memcpy(gradient, sums, n * fv__element(p->kernels));
    else
        p->kernels->axpy(n, 1, sums, gradient);
}

static void reduce_weights(void *argument, size_t item, size_t worker)
{
    const fv__partials *p = argument;
    size_t at = item * ITEM_ELEMENTS, left = p->weights - at;

    (void)worker;
    reduce(p, left < ITEM_ELEMENTS ? left : ITEM_ELEMENTS,
           fv__slot(p->sums, (ptrdiff_t)at, fv__element(p->kernels)),
           fv__slot(p->call->dweight, (ptrdiff_t)at, fv__element(p->kernels)));
}

void fv__partials_reduce(fv__partials *p)
{
    if (!p->bytes) return;
    fv__parallel(
        p->call->context, (p->weights + ITEM_ELEMENTS - 1) / ITEM_ELEMENTS,
        (double)p->weights * (double)p->sizes.parts, reduce_weights, p);
    if (p->call->dbias) reduce(p, p->filters, bias_of(p, 0), p->call->dbias);
}
