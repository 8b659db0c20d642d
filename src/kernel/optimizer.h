/* The update rules of optimizers, the argument of the kernel `update`. */
#ifndef FV_KERNEL_OPTIMIZER_H
#define FV_KERNEL_OPTIMIZER_H

#include "base/base.h"

/* How a weight w, its gradient g and its state s change. All rules begin with
 * the slope, g + decay w; SQRT is that of real numbers. */
typedef enum fv__rule {
    /* m = beta1 m + rest1 slope, w -= rate m, or with `nesterov` w -= rate
     * (slope + beta1 m); without state w -= rate slope. State: m or none */
    FV__RULE_SGD,
    /* m = beta1 m + rest1 slope, v = beta2 v + rest2 slope^2,
     * w = keep w - rate m / (sqrt(v) / root + epsilon). State: m, v */
    FV__RULE_ADAM
} fv__rule;

/* The numbers of one step; the kernel rounds them to its element type. */
typedef struct fv__update {
    fv__rule rule;
    bool nesterov;
    double rate;  /* with the bias correction of the first moment */
    double decay; /* times the weight, added to the gradient */
    double keep;  /* factor of the weight: decoupled weight decay */
    double beta1, rest1, beta2, rest2;
    double root; /* square root of the bias correction of the second moment */
    double epsilon;
} fv__update;

#endif
