/* The geometry of a convolution or a pool. */
#ifndef FV_KERNEL_GEOMETRY_H
#define FV_KERNEL_GEOMETRY_H

#include "base/base.h"

/* Geometry of a convolution or a pool over one batch, NHWC. Weights are
 * [filters, kh, kw, c / groups]. */
typedef struct fv__geometry {
    int64_t batch, in[2], channels; /* rows, columns */
    int64_t out[2], filters;
    int64_t kernel[2], stride[2], dilation[2];
    int64_t begin[2], end[2]; /* padding: before, after */
    int64_t groups;
} fv__geometry;

#endif
