/* The error function of each element. */
#include "op/op.h"

const fv_operator fv__op_erf = { FV__UNARY_OPERATOR("erf", FV_READS_INPUT(0)),
                                 .onnx = "Erf" };

fv_variable *fv_erf(fv_variable *a)
{
    return fv__apply_unary(&fv__op_erf, a, FV__ERF, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_erf = {
    FV__PLAIN_LAYER("erf", fv_erf),
    .about = "2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x"
};
