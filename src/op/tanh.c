/* The hyperbolic tangent of each element. */
#include "op/op.h"

const fv_operator fv__op_tanh = { FV__UNARY_OPERATOR("tanh", FV_READS_OUTPUT),
                                  .onnx = "Tanh" };

fv_variable *fv_tanh_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_tanh, a, FV__TANH, 0, 0);
}
