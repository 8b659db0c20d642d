/* a + b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_add = { FV__BINARY_OPERATOR_WITH(
                                     "add", 0, FV_OVERWRITES | FV_IN_PLACE),
                                 .onnx = "Add" };

fv_variable *fv_add(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_add, FV__ADD, a, b);
}
