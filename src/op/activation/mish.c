/* x tanh(log(1 + e^x)) of each element. */
#include "op/op.h"

const fv_operator fv__op_mish = { FV__UNARY_OPERATOR("mish", FV_READS_INPUT(0)),
                                  .onnx = "Mish" };

fv_variable *fv_mish_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_mish, a, FV__MISH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_mish = { FV__PLAIN_LAYER("mish", fv_mish_of),
                                        .about = "x tanh(log(1 + exp(x)))" };

fv_layer *fv_mish_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_mish, options);
}
