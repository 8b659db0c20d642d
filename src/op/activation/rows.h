/* What softmax and its logarithm share, operators on the rows of the last axis.
 */
#ifndef FV_OP_ACTIVATION_ROWS_H
#define FV_OP_ACTIVATION_ROWS_H

#include "op/op.h"

typedef struct fv__rows_operator {
    bool logarithm;
} fv__rows_operator;

#define FV__ROWS_OPERATOR(operator_name)                                       \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = 1, .attributes_size = sizeof(fv__rows_operator),             \
    .backward_reads = FV_READS_OUTPUT, .infer = fv__rows_infer,                \
    .forward = fv__rows_forward, .backward = fv__rows_backward

fv_status fv__rows_infer(fv_inference *inference);
void fv__rows_forward(const fv_call *call);
void fv__rows_backward(const fv_call *call);
fv_variable *fv__apply_rows(const fv_operator *op, fv_variable *x,
                            bool logarithm);
/* The same along any axis: the last and that one change places before and
 * after. */
fv_variable *fv__apply_rows_axis(const fv_operator *op, fv_variable *x,
                                 bool logarithm, int32_t axis);

#endif
