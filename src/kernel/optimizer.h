/* The hyperparameters of the update rules of optimizers. */
#ifndef FV_KERNEL_OPTIMIZER_H
#define FV_KERNEL_OPTIMIZER_H

#include "base/base.h"

/* Hyperparameters of one step; the kernels round them to their element type. */
typedef struct fv__sgd {
    double learning_rate, momentum, weight_decay;
    bool nesterov;
} fv__sgd;

typedef struct fv__adam {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    bool decoupled; /* AdamW: the decay shrinks the weight; otherwise it is
                       added to the gradient */
    /* bias corrections: 1 - beta1^t and 1 - beta2^t */
    double correction1, correction2;
} fv__adam;

#endif
