/* The cosine of each element. */
#include "op/op.h"

const fv_operator fv__op_cos = { FV__UNARY_OPERATOR("cos", FV_READS_INPUT(0)),
                                 .onnx = "Cos" };

fv_variable *fv_cos(fv_variable *a)
{
    return fv__apply_unary(&fv__op_cos, a, FV__COS, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_cos = { FV__PLAIN_LAYER("cos", fv_cos),
                                       .about = "cos(x), in radians" };
