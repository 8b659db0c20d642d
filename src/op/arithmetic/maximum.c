/* The larger of each pair of elements, broadcast. */
#include "op/op.h"

const fv_operator fv__op_maximum = {
    FV__BINARY_OPERATOR("maximum", FV_READS_INPUTS), .onnx = "Max"
};

fv_variable *fv_maximum(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_maximum, FV__MAXIMUM, a, b);
}
