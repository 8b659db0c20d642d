/* An operator's work cut into pieces of a size that the problem settles, with
 * a buffer for each worker and a sum for each piece. */
#ifndef FV_OP_CHUNK_H
#define FV_OP_CHUNK_H

#include "op/operand.h"

/* `units` are elements, rows or images; `each` of them make a piece. */
typedef struct fv__chunks {
    int64_t units, each;
    size_t buffer; /* bytes a worker needs */
    double cost;   /* elementary operations of a unit */
} fv__chunks;

/* Works on units [first, first + count); *sum is this piece's, zero before. */
typedef void fv__chunk_work(const fv_call *call, int64_t first, int64_t count,
                            void *buffer, double *sum);

/* Scratch bytes of fv__chunks_run. */
size_t fv__chunks_scratch(const fv_context *context, const fv__chunks *pieces);
/* Runs all pieces in that scratch; returns their sums' sum, added in the order
 * of the pieces. */
double fv__chunks_run(const fv_call *call, const fv__chunks *pieces,
                      void *scratch, fv__chunk_work *piece);

/* Rows of `width` elements that make a piece worth handing to a worker. */
int64_t fv__rows_a_piece(int64_t width);

#endif
