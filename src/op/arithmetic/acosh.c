/* The inverse hyperbolic cosine of each element. */
#include "op/op.h"

const fv_operator fv__op_acosh = {
    FV__UNARY_OPERATOR("acosh", FV_READS_INPUT(0)), .onnx = "Acosh"
};

fv_variable *fv_acosh(fv_variable *a)
{
    return fv__apply_unary(&fv__op_acosh, a, FV__ACOSH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_acosh = { FV__PLAIN_LAYER("acosh", fv_acosh),
                                         .about =
                                             "the inverse hyperbolic cosine" };
