/* The update rules of optimizers, the argument of the kernel `update`. */
#ifndef FV_KERNEL_OPTIMIZER_H
#define FV_KERNEL_OPTIMIZER_H

#include "base/base.h"

/* How a weight w, its gradient g and the state behind it change. Where g stands
 * in a formula it is g + decay w, except in LAMB and Lion. State is listed in
 * the order of the kernel's argument; what is in brackets may be lacking. */
typedef enum fv__rule {
    /* State [m]. m = beta1 m + rest1 g; w -= rate m, or with `nesterov`
     * w -= rate (g + beta1 m); without m, w -= rate g. */
    FV__RULE_SGD,
    /* State m, v, [largest]. m = beta1 m + rest1 g; v = beta2 v + rest2 g^2;
     * w = keep w - rate m / (sqrt(v) / root + epsilon). With `largest` the
     * largest v so far takes the place of v in the last line. */
    FV__RULE_ADAM,
    /* State m, v. Adam's moments; w -= rate m. */
    FV__RULE_MEAN,
    /* State m, v. Adam's moments and its divisor d; w = w - (rate m +
     * gradient_rate g) / d. */
    FV__RULE_NADAM,
    /* State v, [a], [m]. v = beta2 v + rest2 g^2; a = beta2 a + rest2 g;
     * s = g / (sqrt(v - a^2) + epsilon); m = beta1 m + s; w -= rate m. What is
     * lacking counts as a = 0, m = s. */
    FV__RULE_RMSPROP,
    /* State v. v += g^2; w -= rate g / (sqrt(v) + epsilon). */
    FV__RULE_ADAGRAD,
    /* State v, a. v = beta2 v + rest2 g^2; s = g sqrt(a + epsilon) /
     * sqrt(v + epsilon); a = beta2 a + rest2 s^2; w -= rate s. */
    FV__RULE_ADADELTA,
    /* State m. w = keep w - rate sign(beta1 m + rest1 g);
     * m = beta2 m + rest2 g. */
    FV__RULE_LION,
    /* State m, v. Adam's moments and its divisor d; g = rate m / d + decay w. w
     * stays: the caller steps along g, scaled for each array. */
    FV__RULE_LAMB
} fv__rule;

/* The numbers of one step; the kernel rounds them to its element type. */
typedef struct fv__update {
    fv__rule rule;
    bool nesterov;
    double rate; /* with the bias correction of the first moment */
    double gradient_rate;
    double decay;
    double keep; /* 1 - rate x weight decay where that is decoupled */
    double beta1, rest1, beta2, rest2;
    double root; /* square root of the bias correction of the second moment */
    double epsilon;
} fv__update;

#endif
