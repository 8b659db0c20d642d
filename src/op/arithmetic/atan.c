/* The inverse tangent of each element. */
#include "op/op.h"

const fv_operator fv__op_atan = { FV__UNARY_OPERATOR("atan", FV_READS_INPUT(0)),
                                  .onnx = "Atan" };

fv_variable *fv_atan(fv_variable *a)
{
    return fv__apply_unary(&fv__op_atan, a, FV__ATAN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_atan = { FV__PLAIN_LAYER("atan", fv_atan),
                                        .about = "the inverse tangent" };
