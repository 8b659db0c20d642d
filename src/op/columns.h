/* Sums down the columns of rows [m][c], cut at fixed places. */
#ifndef FV_OP_COLUMNS_H
#define FV_OP_COLUMNS_H

#include "op/operand.h"

/* What is summed over the rows i. A NULL mean counts as zeros. */
typedef struct fv__columns {
    enum {
        FV__COLUMN_SUM,    /* x[i][j] */
        FV__COLUMN_SQUARE, /* (x[i][j] - mean[j])^2; the mean is needed */
        FV__COLUMN_DOT     /* y[i][j] (x[i][j] - mean[j]) */
    } term;
    int64_t m, c;
    const void *x, *y, *mean;
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
