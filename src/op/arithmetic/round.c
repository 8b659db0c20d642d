/* The nearest whole number, halves to even, of each element; the gradient is 0.
 */
#include "op/op.h"

const fv_operator fv__op_round = { FV__UNARY_OPERATOR("round", 0),
                                   .onnx = "Round" };

fv_variable *fv_round(fv_variable *a)
{
    return fv__apply_unary(&fv__op_round, a, FV__ROUND, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_round = {
    FV__PLAIN_LAYER("round", fv_round),
    .about = "the nearest whole number, halves to even"
};
