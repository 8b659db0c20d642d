/* Sums down the columns, in levels of short chains. */
#include "op/columns.h"

#include <string.h>

enum { CHAIN = 32, PIECE = 16384 };

/* One level: each chain of rows becomes one row of sums. */
typedef struct level {
    const fv__kernels *kernels;
    const fv__columns *columns;
    int64_t chains, each; /* chains in all and of a piece */
    size_t row;           /* bytes of c numbers */
    unsigned char *sums, *buffers;
    const void *minus_mean, *ones; /* of rows to be centred */
} level;

static int64_t chains_of(int64_t m) { return fv__divide_up(m, CHAIN); }

/* y (x - mean), with x - mean in the worker's buffer. */
static void centred_dot(const level *l, size_t rows, size_t at, void *buffer,
                        void *sum)
{
    const size_t c = (size_t)l->columns->c;
    const unsigned char *x = l->columns->x, *y = l->columns->y;
    l->kernels->column_affine(rows, c, x + at, l->ones, l->minus_mean, buffer);
    l->kernels->column_dot(rows, c, buffer, y + at, sum);
}

static void sum_chain(const level *l, int64_t chain, void *buffer)
{
    const fv__columns *columns = l->columns;
    const size_t c = (size_t)columns->c;
    const size_t rows = (size_t)fv__min(columns->m - chain * CHAIN, CHAIN);
    const size_t at = (size_t)chain * CHAIN * l->row;
    const unsigned char *x = columns->x, *y = columns->y;
    void *sum = l->sums + (size_t)chain * l->row;
    memset(sum, 0, l->row);
    if (columns->term == FV__COLUMN_SUM)
        l->kernels->column_sum(rows, c, x + at, sum);
    else if (columns->term == FV__COLUMN_SQUARE)
        l->kernels->column_square(rows, c, x + at, columns->mean, sum);
    else if (columns->mean)
        centred_dot(l, rows, at, buffer, sum);
    else
        l->kernels->column_dot(rows, c, x + at, y + at, sum);
}

static void sum_piece(void *argument, size_t item, size_t worker)
{
    const level *l = argument;
    const int64_t first = (int64_t)item * l->each;
    const int64_t last = fv__min(first + l->each, l->chains);
    void *buffer = l->buffers + worker * CHAIN * l->row;
    for (int64_t i = first; i < last; i++) sum_chain(l, i, buffer);
}

/* Scratch: three rows (1, -mean, the sums to be added), a chain of rows a
 * worker, the levels' sums. */
void fv__columns_sum(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch)
{
    const size_t c = (size_t)columns->c;
    const size_t row = fv__real_bytes(context, columns->c);
    unsigned char *ones = scratch, *minus = ones + row;
    fv__columns now = *columns;
    level l = { .kernels = context->kernels,
                .columns = &now,
                .each = fv__max(PIECE / (CHAIN * fv__max(now.c, 1)), 1),
                .row = row,
                .sums =
                    minus + 2 * row + (size_t)context->threads * CHAIN * row,
                .buffers = minus + 2 * row,
                .minus_mean = minus,
                .ones = ones };
    if (now.term == FV__COLUMN_DOT && now.mean) {
        l.kernels->fill(c, 1, ones);
        l.kernels->map(FV__NEG, c, now.mean, minus, 0, 0);
    }
    memset(sums, 0, row);
    while (now.m > 0) {
        l.chains = chains_of(now.m);
        const bool last = l.chains == 1;
        if (last) l.sums = sums;
        fv__parallel(context, (size_t)fv__divide_up(l.chains, l.each),
                     (double)now.m * (double)now.c, sum_piece, &l);
        now = (fv__columns){ .term = FV__COLUMN_SUM,
                             .m = last ? 0 : l.chains,
                             .c = now.c,
                             .x = l.sums };
        l.sums += (size_t)l.chains * row;
    }
}

void fv__columns_add(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch)
{
    void *fresh =
        (unsigned char *)scratch + 2 * fv__real_bytes(context, columns->c);
    fv__columns_sum(context, columns, fresh, scratch);
    context->kernels->axpy((size_t)columns->c, 1, fresh, sums);
}

size_t fv__columns_scratch(const fv_context *context, int64_t m, int64_t c)
{
    int64_t rows = 3 + (int64_t)context->threads * CHAIN;
    for (m = chains_of(m); m > 1; m = chains_of(m)) rows += m;
    const int64_t extents[] = { rows, c };
    const int64_t count = fv__product(2, extents);
    return count < 0 ? SIZE_MAX : fv__real_bytes(context, count);
}
