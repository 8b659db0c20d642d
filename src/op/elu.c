/* x where x > 0, else alpha (e^x - 1), of each element. */
#include "op/op.h"

const fv_operator fv__op_elu = {
    FV__UNARY_OPERATOR("elu", FV_READS_INPUT(0) | FV_READS_OUTPUT),
    .onnx = "Elu"
};

fv_variable *fv_elu_of(fv_variable *a, double alpha)
{
    return fv__apply_unary(&fv__op_elu, a, FV__ELU, alpha, 0);
}
