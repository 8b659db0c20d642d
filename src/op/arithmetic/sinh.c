/* The hyperbolic sine of each element. */
#include "op/op.h"

const fv_operator fv__op_sinh = { FV__UNARY_OPERATOR("sinh", FV_READS_INPUT(0)),
                                  .onnx = "Sinh" };

fv_variable *fv_sinh(fv_variable *a)
{
    return fv__apply_unary(&fv__op_sinh, a, FV__SINH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_sinh = { FV__PLAIN_LAYER("sinh", fv_sinh),
                                        .about = "the hyperbolic sine" };
