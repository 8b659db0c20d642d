/* The sums over the batch of a weight gradient whose vectors run over filters:
 * chains are computed by the caller, and added up here in order. */
#include "conv/filter_grad.h"

fv__filter_grad fv__filter_grad_of(const fv__kernels *kernels,
                                   const fv__geometry *g, int64_t filters,
                                   size_t row, size_t scratch)
{
    fv__filter_grad f = { .geometry = g,
                          .partials = fv__partials_of(kernels, g),
                          .filters = filters,
                          .blocks = fv__divide_up(g->filters, filters),
                          .row = row,
                          .scratch = scratch };
    size_t bytes;

    f.sums = (size_t)f.partials.sizes.span * row;
    /* sums of a chain, of a part, and of the bias over a chain */
    if (!fv__multiply(2 * f.sums + row, fv__element(kernels), &bytes)
        || bytes > SIZE_MAX - 64
        || !fv__add(scratch, fv__align(bytes), &f.worker))
        f.worker = SIZE_MAX;
    return f;
}

size_t fv__filter_grad_scratch(fv__conv_target target, const fv__filter_grad *f)
{
    size_t bytes;

    if (!fv__multiply(f->worker, (size_t)target.threads, &bytes)
        || !fv__add(bytes, f->partials.bytes, &bytes))
        return SIZE_MAX;
    return bytes;
}

/* Transposes the sums of a part, laid out as the weights are, [filter][tap], to
 * `sums`, [tap][filter]; with `store`, from there. */
static void transpose_sums(const fv__filter_grad *f,
                           const fv__filter_grad_item *item, int64_t part,
                           void *sums, bool store)
{
    const fv__kernels *kernels = f->partials.kernels;
    const size_t span = (size_t)f->partials.sizes.span;
    const size_t filters = (size_t)item->filters;
    void *weights = fv__slot(fv__partial_weights(&f->partials, part),
                             (ptrdiff_t)((size_t)item->filter * span),
                             fv__element(kernels));

    if (store)
        kernels->transpose(span, filters, sums, f->row, weights, span, span);
    else
        kernels->transpose(filters, span, weights, span, sums, f->row, f->row);
}

/* One chain: `columns` output columns from `column` on, of the rows of one
 * block, which may begin in one image and end in another. */
static void add_chain(const fv__filter_grad *f,
                      const fv__filter_grad_item *item, int64_t block,
                      int64_t column, int64_t columns, void *sums)
{
    const fv__geometry *g = f->geometry;
    const int64_t lines = f->partials.sizes.lines, begin = block * lines;
    const int64_t end = fv__min(begin + lines, g->batch * g->out[0]);

    for (int64_t rows, line = begin; line < end; line += rows) {
        const fv__pixel first = { line / g->out[0], line % g->out[0], column };

        rows = fv__min(end - line, g->out[0] - first.row);
        f->add(item, first, rows, columns, line == begin, sums);
    }
}

static void run_item(void *argument, size_t number, size_t worker)
{
    const fv__filter_grad *f = argument;
    const fv__partials *p = &f->partials;
    const fv__kernels *kernels = p->kernels;
    const size_t size = fv__element(kernels);
    const int64_t part = (int64_t)number / f->blocks;
    const int64_t first = fv__partial_first_block(&p->sizes, part);
    const int64_t end = fv__partial_first_block(&p->sizes, part + 1);
    char *scratch = (char *)p->call->scratch + p->bytes + worker * f->worker;
    void *chain = scratch + f->scratch,
         *sums = fv__slot(chain, (ptrdiff_t)f->sums, size);
    fv__filter_grad_item item = { .argument = f->argument,
                                  .filter =
                                      (int64_t)number % f->blocks * f->filters,
                                  .scratch = scratch };
    bool fresh = fv__partial_accumulation(p, part, first) == FV__STORE;

    item.filters = fv__min(f->filters, f->geometry->filters - item.filter);
    void *dbias =
        fv__partial_bias(p, part, (size_t)item.filter, (size_t)item.filters);
    if (dbias) item.bias = fv__slot(sums, (ptrdiff_t)f->sums, size);
    if (!fresh) transpose_sums(f, &item, part, sums, false);
    for (int64_t i = first; i < end; i++)
        for (int64_t c = 0, n; c < f->geometry->out[1]; c += n) {
            n = fv__chain_columns(f->geometry, c);
            if (dbias) kernels->fill(f->row, 0, item.bias);
            add_chain(f, &item, i, c, n, fresh ? sums : chain);
            if (!fresh) kernels->axpy(f->sums, 1, chain, sums);
            if (dbias) kernels->axpy((size_t)item.filters, 1, item.bias, dbias);
            fresh = false;
        }
    transpose_sums(f, &item, part, sums, true);
}

void fv__filter_grad_run(fv__filter_grad *f, const fv__conv_call *call,
                         fv__filter_grad_add *add, const void *argument)
{
    f->add = add;
    f->argument = argument;
    fv__partials_begin(&f->partials, call);
    fv__parallel(call->context, (size_t)(f->partials.sizes.parts * f->blocks),
                 (double)fv__geometry_macs(f->geometry), run_item, f);
    fv__partials_reduce(&f->partials);
}
