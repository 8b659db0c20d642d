/* 1 / (1 + e^-x) of each element. */
#include "op/op.h"

const fv_operator fv__op_sigmoid = {
    FV__UNARY_OPERATOR("sigmoid", FV_READS_OUTPUT), .onnx = "Sigmoid"
};

fv_variable *fv_sigmoid_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_sigmoid, a, FV__SIGMOID, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_sigmoid = {
    FV__PLAIN_LAYER("sigmoid", fv_sigmoid_of), .about = "1 / (1 + exp(-x))"
};

fv_layer *fv_sigmoid_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_sigmoid, options);
}
