/* The square root of each element. */
#include "op/op.h"

const fv_operator fv__op_sqrt = { FV__UNARY_OPERATOR("sqrt", FV_READS_OUTPUT),
                                  .onnx = "Sqrt" };

fv_variable *fv_sqrt(fv_variable *a)
{
    return fv__apply_unary(&fv__op_sqrt, a, FV__SQRT, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_sqrt = { FV__PLAIN_LAYER("sqrt", fv_sqrt),
                                        .about = "the square root" };
