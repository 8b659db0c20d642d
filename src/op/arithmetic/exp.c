/* e^x of each element. */
#include "op/op.h"

const fv_operator fv__op_exp = { FV__UNARY_OPERATOR("exp", FV_READS_OUTPUT),
                                 .onnx = "Exp" };

fv_variable *fv_exp(fv_variable *a)
{
    return fv__apply_unary(&fv__op_exp, a, FV__EXP, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_exp = { FV__PLAIN_LAYER("exp", fv_exp),
                                       .about = "exp(x)" };
