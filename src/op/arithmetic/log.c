/* The natural logarithm of each element. */
#include "op/op.h"

const fv_operator fv__op_log = { FV__UNARY_OPERATOR("log", FV_READS_INPUT(0)),
                                 .onnx = "Log" };

fv_variable *fv_log(fv_variable *a)
{
    return fv__apply_unary(&fv__op_log, a, FV__LOG, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_log = { FV__PLAIN_LAYER("log", fv_log),
                                       .about = "the natural logarithm" };
