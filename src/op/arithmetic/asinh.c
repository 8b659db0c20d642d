/* The inverse hyperbolic sine of each element. */
#include "op/op.h"

const fv_operator fv__op_asinh = {
    FV__UNARY_OPERATOR("asinh", FV_READS_INPUT(0)), .onnx = "Asinh"
};

fv_variable *fv_asinh(fv_variable *a)
{
    return fv__apply_unary(&fv__op_asinh, a, FV__ASINH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_asinh = { FV__PLAIN_LAYER("asinh", fv_asinh),
                                         .about =
                                             "the inverse hyperbolic sine" };
