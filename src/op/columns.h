/* Column sums of a matrix [m][c]; how they are split depends on m and c alone.
 */
#ifndef FV_OP_COLUMNS_H
#define FV_OP_COLUMNS_H

#include "op/operand.h"

typedef struct fv__columns {
    int64_t m, c;
    const void *x;
} fv__columns;

/* Writes the c column sums. Chains of 32 rows are summed first, then chains of
 * 32 of those sums, and so on, so that the error grows with the logarithm of m.
 */
void fv__columns_sum(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch);
/* Adds the c column sums to `sums`. */
void fv__columns_add(fv_context *context, const fv__columns *columns,
                     void *sums, void *scratch);
/* Bytes of scratch that either of them needs. */
size_t fv__columns_scratch(const fv_context *context, int64_t m, int64_t c);

#endif
