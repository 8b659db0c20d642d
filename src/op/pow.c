/* a^b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_pow = { FV__ZIPPING("pow", FV_READS_INPUTS),
                                 .onnx = "Pow" };

fv_variable *fv_pow(fv_variable *a, fv_variable *b)
{
    return fv__apply_zipping(&fv__op_pow, FV__POW, a, b);
}
