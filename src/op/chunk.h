/* Work of an operator, split into chunks. Their size depends on the problem
 * alone, never on the number of threads. Each worker has a buffer, each chunk a
 * partial sum. */
#ifndef FV_OP_CHUNK_H
#define FV_OP_CHUNK_H

#include "op/operand.h"

/* The work is `units` elements, rows or images; each chunk has `each` of them,
 * the last one maybe fewer. */
typedef struct fv__chunks {
    int64_t units, each;
    size_t buffer; /* bytes of the buffer of one worker */
    double cost;   /* elementary operations per unit */
} fv__chunks;

/* Processes units first .. first + count - 1. *sum is the partial sum of the
 * chunk and zero on entry; `buffer` is the worker's. */
typedef void fv__chunk_work(const fv_call *call, int64_t first, int64_t count,
                            void *buffer, double *sum);

/* Bytes of scratch that fv__chunks_run needs. */
size_t fv__chunks_scratch(const fv_context *context, const fv__chunks *chunks);
/* Runs all chunks; returns the total of their partial sums, added in the order
 * of the chunks by fv__sum_pairs. */
double fv__chunks_run(const fv_call *call, const fv__chunks *chunks,
                      void *scratch, fv__chunk_work *work);

/* Rows of `width` elements per chunk: about 4096 elements, at least one row. */
int64_t fv__rows_per_chunk(int64_t width);

#endif
