/* The tangent of each element. */
#include "op/op.h"

const fv_operator fv__op_tan = { FV__UNARY_OPERATOR("tan", FV_READS_OUTPUT),
                                 .onnx = "Tan" };

fv_variable *fv_tan(fv_variable *a)
{
    return fv__apply_unary(&fv__op_tan, a, FV__TAN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_tan = { FV__PLAIN_LAYER("tan", fv_tan),
                                       .about = "tan(x), in radians" };
