/* Column sums, in levels of short chains. */
#include "op/columns.h"

#include <string.h>

enum { CHAIN = 32, CHUNK_ELEMENTS = 16384 };

/* One level: each chain of CHAIN rows is summed to one row. */
typedef struct level {
    const fv__kernels *kernels;
    const fv__columns *columns;
    int64_t chains, each; /* number of chains, in all and per chunk */
    size_t row;           /* bytes of a row of c numbers */
    unsigned char *sums;
} level;

static int64_t chains_of(int64_t m) { return fv__divide_up(m, CHAIN); }

static void sum_chunk(void *argument, size_t item, size_t worker)
{
    const level *l = argument;
    const fv__columns *columns = l->columns;
    const int64_t first = (int64_t)item * l->each;
    const int64_t last = fv__min(first + l->each, l->chains);
    (void)worker;
    for (int64_t i = first; i < last; i++) {
        void *sum = l->sums + (size_t)i * l->row;
        memset(sum, 0, l->row);
        l->kernels->column_sum(
            (size_t)fv__min(columns->m - i * CHAIN, CHAIN), (size_t)columns->c,
            (const unsigned char *)columns->x + (size_t)i * CHAIN * l->row,
            sum);
    }
}

/* Scratch: a row for the sums of fv__columns_add, then the sums of each level.
 */
void fv__columns_sum(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch)
{
    const size_t row = fv__real_bytes(context, columns->c);
    fv__columns now = *columns;
    level l = { .kernels = context->kernels,
                .columns = &now,
                .each =
                    fv__max(CHUNK_ELEMENTS / (CHAIN * fv__max(now.c, 1)), 1),
                .row = row,
                .sums = (unsigned char *)scratch + row };
    memset(sums, 0, row);
    while (now.m > 0) {
        l.chains = chains_of(now.m);
        const bool last = l.chains == 1;
        if (last) l.sums = sums;
        fv__parallel(context, (size_t)fv__divide_up(l.chains, l.each),
                     (double)now.m * (double)now.c, sum_chunk, &l);
        now = (fv__columns){ last ? 0 : l.chains, now.c, l.sums };
        l.sums += (size_t)l.chains * row;
    }
}

void fv__columns_add(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch)
{
    fv__columns_sum(context, columns, scratch, scratch);
    context->kernels->axpy((size_t)columns->c, 1, scratch, sums);
}

size_t fv__columns_scratch(const fv_context *context, int64_t m, int64_t c)
{
    int64_t rows = 1;
    for (m = chains_of(m); m > 1; m = chains_of(m)) rows += m;
    const int64_t extents[] = { rows, c };
    const int64_t count = fv__product(2, extents);
    return count < 0 ? SIZE_MAX : fv__real_bytes(context, count);
}
