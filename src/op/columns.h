/* Sums down the columns of rows [m][c], cut at fixed places. */
#ifndef FV_OP_COLUMNS_H
#define FV_OP_COLUMNS_H

#include "op/operand.h"

typedef struct fv__columns {
    int64_t m, c;
    const void *x;
} fv__columns;

/* Writes the c sums. They are made of chains of 32 rows, those of chains of 32
 * chains, and so on, so that errors grow with the logarithm of m. */
void fv__columns_sum(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch);
/* The same, added to what is at `sums`. */
void fv__columns_add(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch);
/* Bytes of the scratch of either. */
size_t fv__columns_scratch(const fv_context *context, int64_t m, int64_t c);

#endif
