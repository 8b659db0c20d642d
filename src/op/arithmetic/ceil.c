/* The smallest whole number not below x, of each element; the gradient is 0. */
#include "op/op.h"

const fv_operator fv__op_ceil = { FV__UNARY_OPERATOR("ceil", 0),
                                  .onnx = "Ceil" };

fv_variable *fv_ceil(fv_variable *a)
{
    return fv__apply_unary(&fv__op_ceil, a, FV__CEIL, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_ceil = {
    FV__PLAIN_LAYER("ceil", fv_ceil),
    .about = "the smallest whole number not below x"
};
