/* a / b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_div = { FV__BINARY_OPERATOR("div", FV_READS_INPUTS),
                                 .onnx = "Div" };

fv_variable *fv_div(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_div, FV__DIV, a, b);
}
