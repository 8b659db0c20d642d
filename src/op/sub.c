/* a - b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_sub = { FV__BINARY_OPERATOR_WITH(
                                     "sub", 0, FV_OVERWRITES | FV_IN_PLACE),
                                 .onnx = "Sub" };

fv_variable *fv_sub(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_sub, FV__SUB, a, b);
}
