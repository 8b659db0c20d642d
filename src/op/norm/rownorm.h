/* What layernorm, rmsnorm and l2norm share: operators that normalise rows, the
 * elements along the last axes, each row on its own. */
#ifndef FV_OP_NORM_ROWNORM_H
#define FV_OP_NORM_ROWNORM_H

#include "kernel/normalise.h"
#include "op/norm/affine.h"

/* Rows lie along the last `axes` axes of the input. */
typedef struct fv__rownorm {
    fv__row_norm norm;
    int32_t axes;
    double epsilon;
} fv__rownorm;

/* Inputs: x, and where the operator has them gamma and beta, of the shape of a
 * row. */
#define FV__ROWNORM_OPERATOR(operator_name, most_inputs)                       \
    FV__AFFINE_OPERATOR(operator_name, most_inputs),                           \
        .attributes_size = sizeof(fv__rownorm), .infer = fv__rownorm_infer,    \
        .forward = fv__rownorm_forward, .backward = fv__rownorm_backward

fv_status fv__rownorm_infer(fv_inference *inference);
void fv__rownorm_forward(const fv_call *call);
void fv__rownorm_backward(const fv_call *call);

#endif
