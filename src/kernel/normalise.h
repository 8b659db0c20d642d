/* The operands of the kernels that normalise. */
#ifndef FV_KERNEL_NORMALISE_H
#define FV_KERNEL_NORMALISE_H

#include "base/base.h"

/* Normalisation of columns: y_j = clamp(a_j (x_j - mean_j) + b_j) to low..high,
 * which may be infinite. The arrays have one number of the table's element type
 * per column. */
typedef struct fv__normal {
    const void *mean, *a, *b;
    double low, high;
    bool nontemporal; /* y is stored past the caches, in whole lines */
} fv__normal;

/* What a row is normalised by. */
typedef enum fv__row_norm {
    FV__BY_MOMENTS,     /* (x - mean) / sqrt(variance + epsilon) */
    FV__BY_MEAN_SQUARE, /* x / sqrt(mean of x^2 + epsilon) */
    FV__BY_LENGTH       /* x / max(sqrt(sum of x^2), epsilon) */
} fv__row_norm;

/* Normalisation of rows: y_ij = (x_ij - mean_i) factor_i gamma_j + beta_j. The
 * arrays have one number of the table's element type per column; NULL: ones, or
 * zeros. beta is NULL where gamma is. */
typedef struct fv__row_normal {
    fv__row_norm norm;
    double epsilon;
    const void *gamma, *beta;
} fv__row_normal;

/* Local response normalisation across the columns: y_j = x_j d_j^-power with
 * d_j = k + scale (sum of x_i^2 over j - before <= i <= j + after). before and
 * after are at most the number of columns. */
typedef struct fv__lrn {
    size_t before, after;
    double scale, power, k;
} fv__lrn;

/* Numbers that the kernels lrn and lrn_grad use as a buffer, for c columns. */
static inline size_t fv__lrn_buffer(const fv__lrn *lrn, size_t c)
{
    return 3 * (c + lrn->before + lrn->after + 16);
}

#endif
