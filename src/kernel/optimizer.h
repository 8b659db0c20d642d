/* The rules of optimizers. */
#ifndef FV_KERNEL_OPTIMIZER_H
#define FV_KERNEL_OPTIMIZER_H

#include "base/base.h"

/* Hyper-parameters of one optimizer step, settled once a step. */
typedef struct fv__sgd {
    double learning_rate, momentum, weight_decay;
    bool nesterov;
} fv__sgd;

typedef struct fv__adam {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    bool decoupled;                  /* AdamW */
    double correction1, correction2; /* 1 - beta^t */
} fv__adam;

#endif
