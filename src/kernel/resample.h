/* The operands of the kernel that resizes an image along one axis. */
#ifndef FV_KERNEL_RESAMPLE_H
#define FV_KERNEL_RESAMPLE_H

#include "base/base.h"

/* Sums along an axis of `inputs` indices: output o is the sum over t < count[o]
 * of weight[o width + t] times input first[o] + t. Weights are of the element
 * type. */
typedef struct fv__taps {
    int64_t inputs, outputs;
    int64_t width; /* the largest count */
    const int32_t *first, *count;
    const void *weight;
} fv__taps;

/* Outputs begin .. end - 1 of the sums of x [inputs][inner], at y
 * [outputs][inner], both from index 0; y is added to or replaced. */
typedef struct fv__resample {
    const fv__taps *taps;
    int64_t begin, end;
    size_t inner;
    const void *x;
    void *y;
    bool add;
} fv__resample;

#endif
