/* Splits the work of an operator into chunks and runs them on the thread pool.
 */
#include "op/chunk.h"

enum { ELEMENTS = 4096 };

typedef struct run {
    const fv_call *call;
    const fv__chunks *chunks;
    fv__chunk_work *work;
    double *sums;
    unsigned char *buffers;
} run;

static int64_t count_of(const fv__chunks *chunks)
{
    return fv__divide_up(chunks->units, chunks->each);
}

static size_t sums_bytes(const fv__chunks *chunks)
{
    return fv__align((size_t)count_of(chunks) * sizeof(double));
}

size_t fv__chunks_scratch(const fv_context *context, const fv__chunks *chunks)
{
    return sums_bytes(chunks)
           + (size_t)context->threads * fv__align(chunks->buffer);
}

static void run_chunk(void *argument, size_t item, size_t worker)
{
    const run *r = argument;
    const int64_t first = (int64_t)item * r->chunks->each;
    const int64_t count = fv__min(r->chunks->units - first, r->chunks->each);
    r->sums[item] = 0;
    r->work(r->call, first, count,
            r->buffers + worker * fv__align(r->chunks->buffer), &r->sums[item]);
}

double fv__chunks_run(const fv_call *call, const fv__chunks *chunks,
                      void *scratch, fv__chunk_work *work)
{
    const int64_t count = count_of(chunks);
    run r = { .call = call,
              .chunks = chunks,
              .work = work,
              .sums = scratch,
              .buffers = (unsigned char *)scratch + sums_bytes(chunks) };
    fv__parallel(call->context, (size_t)count,
                 chunks->cost * (double)chunks->units, run_chunk, &r);
    return fv__sum_pairs((size_t)count, r.sums);
}

int64_t fv__rows_per_chunk(int64_t width)
{
    return width < ELEMENTS ? ELEMENTS / fv__max(width, 1) : 1;
}
