/* The operands of batch normalisation. */
#ifndef FV_KERNEL_NORMALISE_H
#define FV_KERNEL_NORMALISE_H

#include "base/base.h"

/* What batch normalisation does to each column, then clamping the result to
 * low..high, which may be infinite. */
typedef struct fv__normal {
    const void *mean, *a, *b;
    double low, high;
} fv__normal;

#endif
