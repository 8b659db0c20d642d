/* min(max(x + 3, 0), 6) / 6 of each element; the gradient at -3 and 3 is 0. */
#include "op/op.h"

const fv_operator fv__op_hard_sigmoid = {
    FV__UNARY_OPERATOR("hard_sigmoid", FV_READS_INPUT(0)), .onnx = "HardSigmoid"
};

fv_variable *fv_hard_sigmoid_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_hard_sigmoid, a, FV__HARD_SIGMOID, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_hard_sigmoid = {
    FV__PLAIN_LAYER("hard_sigmoid", fv_hard_sigmoid_of),
    .about = "min(max(x / 6 + 1/2, 0), 1)"
};

fv_layer *fv_hard_sigmoid_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_hard_sigmoid, options);
}
