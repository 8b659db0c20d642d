/* a / b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_div = { FV__ZIPPING("div", FV_READS_INPUTS),
                                 .onnx = "Div" };

fv_variable *fv_div(fv_variable *a, fv_variable *b)
{
    return fv__apply_zipping(&fv__op_div, FV__DIV, a, b);
}
