/* The remainder of a quotient, broadcast. */
#include "op/op.h"

const fv_operator fv__op_mod = { FV__BINARY_OPERATOR("mod", FV_READS_INPUTS),
                                 .onnx = "Mod" };

fv_variable *fv_mod(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mod, FV__REMAINDER, a, b);
}

fv_variable *fv_fmod(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mod, FV__FMOD, a, b);
}
