/* The hyperbolic cosine of each element. */
#include "op/op.h"

const fv_operator fv__op_cosh = { FV__UNARY_OPERATOR("cosh", FV_READS_INPUT(0)),
                                  .onnx = "Cosh" };

fv_variable *fv_cosh(fv_variable *a)
{
    return fv__apply_unary(&fv__op_cosh, a, FV__COSH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_cosh = { FV__PLAIN_LAYER("cosh", fv_cosh),
                                        .about = "the hyperbolic cosine" };
