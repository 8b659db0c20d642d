/* The weights of one axis of a resized picture. */
#ifndef FV_IMAGE_WEIGHTS_H
#define FV_IMAGE_WEIGHTS_H

#include "image/image.h"

/* Weights are whole numbers: so many bits behind the point leave 8 bits for a
 * pixel, 1 for sums above 255 and 1 for the sign of 32. */
enum { FV__WEIGHT_BITS = 22 };

/* Output i is the sum of `count[i]` inputs, from `first[i]` on, each times its
 * weight: weights[i taps], ... */
typedef struct fv__axis {
    int64_t in, out;
    double begin, end; /* the part of the input that becomes the output */
    fv_resample filter;
    bool same; /* the output is the input */
    int64_t taps;
    int32_t *first, *count, *weights;
} fv__axis;

/* Decides whether there is anything to compute, and taps; the bytes of first,
 * count and weights, as one array. */
size_t fv__axis_begin(fv__axis *axis);
/* Computes them; `memory` has so many bytes. */
void fv__axis_weigh(fv__axis *axis, void *memory);

#endif
