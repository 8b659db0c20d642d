/* a^b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_pow = { FV__BINARY_OPERATOR("pow", FV_READS_INPUTS),
                                 .onnx = "Pow" };

fv_variable *fv_pow(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_pow, FV__POW, a, b);
}
