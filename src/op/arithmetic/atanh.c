/* The inverse hyperbolic tangent of each element. */
#include "op/op.h"

const fv_operator fv__op_atanh = {
    FV__UNARY_OPERATOR("atanh", FV_READS_INPUT(0)), .onnx = "Atanh"
};

fv_variable *fv_atanh(fv_variable *a)
{
    return fv__apply_unary(&fv__op_atanh, a, FV__ATANH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_atanh = { FV__PLAIN_LAYER("atanh", fv_atanh),
                                         .about =
                                             "the inverse hyperbolic tangent" };
