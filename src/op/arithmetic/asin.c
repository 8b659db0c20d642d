/* The inverse sine of each element. */
#include "op/op.h"

const fv_operator fv__op_asin = { FV__UNARY_OPERATOR("asin", FV_READS_INPUT(0)),
                                  .onnx = "Asin" };

fv_variable *fv_asin(fv_variable *a)
{
    return fv__apply_unary(&fv__op_asin, a, FV__ASIN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_asin = { FV__PLAIN_LAYER("asin", fv_asin),
                                        .about = "the inverse sine" };
