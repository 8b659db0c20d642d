/* The smaller of each pair of elements, broadcast. */
#include "op/op.h"

const fv_operator fv__op_minimum = {
    FV__BINARY_OPERATOR("minimum", FV_READS_INPUTS), .onnx = "Min"
};

fv_variable *fv_minimum(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_minimum, FV__MINIMUM, a, b);
}
