/* The geometry of a convolution or a pool. */
#ifndef FV_KERNEL_GEOMETRY_H
#define FV_KERNEL_GEOMETRY_H

#include "base/base.h"

/* Axes of an image. Memory has them in the order depth, rows, columns. */
enum { FV__ROWS, FV__COLUMNS, FV__DEPTH, FV__AXES };

/* Geometry of a convolution or a pool over one batch, indexed by axis. Images
 * are [depth, rows, columns, channels] and weights [filters, kd, kh, kw,
 * c / groups]. In two dimensions all depths are 1, without padding. */
typedef struct fv__geometry {
    int64_t batch, in[FV__AXES], channels;
    int64_t out[FV__AXES], filters;
    int64_t kernel[FV__AXES], stride[FV__AXES], dilation[FV__AXES];
    int64_t begin[FV__AXES], end[FV__AXES]; /* padding: before, after */
    int64_t groups;
    bool ceil_mode; /* of a pool: the last window of an axis may reach past the
                       padding, if it begins in the image or before it */
} fv__geometry;

#endif
