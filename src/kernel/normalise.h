/* The operands of the kernels column_normalise and column_slopes. */
#ifndef FV_KERNEL_NORMALISE_H
#define FV_KERNEL_NORMALISE_H

#include "base/base.h"

/* Batch normalisation of columns: y_j = clamp(a_j (x_j - mean_j) + b_j) to
 * low..high, which may be infinite. The arrays have one number of the table's
 * element type per column. */
typedef struct fv__normal {
    const void *mean, *a, *b;
    double low, high;
} fv__normal;

#endif
