/* Runs an operator's work piece by piece over the pool. */
#include "op/chunk.h"

enum { ELEMENTS = 4096 };

typedef struct run {
    const fv_call *call;
    const fv__chunks *pieces;
    fv__chunk_work *piece;
    double *sums;
    unsigned char *buffers;
} run;

static int64_t count_of(const fv__chunks *pieces)
{
    return fv__divide_up(pieces->units, pieces->each);
}

static size_t sums_bytes(const fv__chunks *pieces)
{
    return fv__align((size_t)count_of(pieces) * sizeof(double));
}

size_t fv__chunks_scratch(const fv_context *context, const fv__chunks *pieces)
{
    return sums_bytes(pieces)
           + (size_t)context->threads * fv__align(pieces->buffer);
}

static void run_piece(void *argument, size_t item, size_t worker)
{
    const run *r = argument;
    const int64_t first = (int64_t)item * r->pieces->each;
    const int64_t count = fv__min(r->pieces->units - first, r->pieces->each);
    r->sums[item] = 0;
    r->piece(r->call, first, count,
             r->buffers + worker * fv__align(r->pieces->buffer),
             &r->sums[item]);
}

double fv__chunks_run(const fv_call *call, const fv__chunks *pieces,
                      void *scratch, fv__chunk_work *piece)
{
    const int64_t count = count_of(pieces);
    run r = { .call = call,
              .pieces = pieces,
              .piece = piece,
              .sums = scratch,
              .buffers = (unsigned char *)scratch + sums_bytes(pieces) };
    fv__parallel(call->context, (size_t)count,
                 pieces->cost * (double)pieces->units, run_piece, &r);
    return fv__sum_pairs((size_t)count, r.sums);
}

int64_t fv__rows_a_piece(int64_t width)
{
    return width < ELEMENTS ? ELEMENTS / fv__max(width, 1) : 1;
}
