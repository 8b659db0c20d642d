/* -1, 0 or 1: the sign of x, of each element; the gradient is 0. */
#include "op/op.h"

const fv_operator fv__op_sign = {
    FV__UNARY_OPERATOR_INFER("sign", 0, fv__infer_same_numbers), .onnx = "Sign"
};

fv_variable *fv_sign(fv_variable *a)
{
    return fv__apply_unary(&fv__op_sign, a, FV__SIGN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_sign = { FV__PLAIN_LAYER("sign", fv_sign),
                                        .about = "-1, 0 or 1: the sign of x" };
