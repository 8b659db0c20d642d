/* a b of each pair of elements, broadcast. */
#include "op/op.h"

const fv_operator fv__op_mul = { FV__BINARY_OPERATOR("mul", FV_READS_INPUTS),
                                 .onnx = "Mul" };

fv_variable *fv_mul(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mul, FV__MUL, a, b);
}
