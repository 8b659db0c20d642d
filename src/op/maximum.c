/* The larger of each pair of elements, broadcast. */
#include "op/op.h"

const fv_operator fv__op_maximum = { FV__ZIPPING("maximum", FV_READS_INPUTS),
                                     .onnx = "Max" };

fv_variable *fv_maximum(fv_variable *a, fv_variable *b)
{
    return fv__apply_zipping(&fv__op_maximum, FV__MAXIMUM, a, b);
}
