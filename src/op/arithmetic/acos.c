/* The inverse cosine of each element. */
#include "op/op.h"

const fv_operator fv__op_acos = { FV__UNARY_OPERATOR("acos", FV_READS_INPUT(0)),
                                  .onnx = "Acos" };

fv_variable *fv_acos(fv_variable *a)
{
    return fv__apply_unary(&fv__op_acos, a, FV__ACOS, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_acos = { FV__PLAIN_LAYER("acos", fv_acos),
                                        .about = "the inverse cosine" };
