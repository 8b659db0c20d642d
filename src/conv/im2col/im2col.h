/* The column matrix of im2col, and how the work on it is divided. */
#ifndef FV_CONV_IM2COL_IM2COL_H
#define FV_CONV_IM2COL_IM2COL_H

#include "conv/shared.h"

/* Rows of the im2col matrix: for each of `count` output pixels from `pixel` on,
 * the inputs that taps [tap, tap + taps) of a group read; zeros for the
 * padding.
 */
typedef struct fv__im2col_matrix {
    const fv__subconv *subconv;
    size_t element; /* bytes */
    int64_t group, tap, taps, pixel, count;
} fv__im2col_matrix;

void fv__im2col_gather(const fv__im2col_matrix *columns, const void *in,
                       void *out);

/* Of the weight gradient: taps of a slab of the matrix, which has at most 512
 * columns; and blocks of filters, each of which builds the matrix again. */
int64_t fv__im2col_slab_taps(const fv__conv_sizes *sizes);
int64_t fv__im2col_filter_blocks(const fv__geometry *geometry);

double fv__im2col_cost(const fv__geometry *geometry, fv__direction direction);

#endif
