/* x / (1 + |x|) of each element. */
#include "op/op.h"

const fv_operator fv__op_softsign = {
    FV__UNARY_OPERATOR("softsign", FV_READS_INPUT(0)), .onnx = "Softsign"
};

fv_variable *fv_softsign_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_softsign, a, FV__SOFTSIGN, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_softsign = {
    FV__PLAIN_LAYER("softsign", fv_softsign_of), .about = "x / (1 + |x|)"
};

fv_layer *fv_softsign_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softsign, options);
}
