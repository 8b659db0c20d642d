/* -x of each element. */
#include "op/op.h"

const fv_operator fv__op_neg = {
    FV__UNARY_OPERATOR_INFER("neg", 0, fv__infer_same_numbers), .onnx = "Neg"
};

fv_variable *fv_neg(fv_variable *a)
{
    return fv__apply_unary(&fv__op_neg, a, FV__NEG, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_neg = { FV__PLAIN_LAYER("neg", fv_neg),
                                       .about = "-x" };
