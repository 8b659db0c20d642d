/* The sine of each element. */
#include "op/op.h"

const fv_operator fv__op_sin = { FV__UNARY_OPERATOR("sin", FV_READS_INPUT(0)),
                                 .onnx = "Sin" };

fv_variable *fv_sin(fv_variable *a)
{
    return fv__apply_unary(&fv__op_sin, a, FV__SIN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_sin = { FV__PLAIN_LAYER("sin", fv_sin),
                                       .about = "sin(x), in radians" };
