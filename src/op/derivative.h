/* The gradients of the library's own operators as operations. They stand apart
 * from the operators because they need each other: the gradient of a product is
 * summed over broadcast axes, and that of a sum is broadcast. */
#ifndef FV_OP_DERIVATIVE_H
#define FV_OP_DERIVATIVE_H

#include "op/op.h"

typedef void fv__differentiate(const fv_derivation *d);

/* What differentiates an operator; NULL if nothing does. */
fv__differentiate *fv__differentiate_of(const fv_operator *op);

/* Of the operators of convolutions. */
fv__differentiate fv__conv_differentiate, fv__conv_transpose_differentiate,
    fv__conv_weight_grad_differentiate;

#endif
