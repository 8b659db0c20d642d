/* x where x > 0, else slope x, of each element. */
#include "op/op.h"

const fv_operator fv__op_leaky_relu = {
    FV__UNARY_OPERATOR("leaky_relu", FV_READS_INPUT(0)), .onnx = "LeakyRelu"
};

fv_variable *fv_leaky_relu_of(fv_variable *a, double slope)
{
    return fv__apply_unary(&fv__op_leaky_relu, a, FV__LEAKY_RELU, slope, 0);
}
