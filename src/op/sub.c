/* a - b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_sub = { FV__ZIPPING("sub", 0), .onnx = "Sub" };

fv_variable *fv_sub(fv_variable *a, fv_variable *b)
{
    return fv__apply_zipping(&fv__op_sub, FV__SUB, a, b);
}
