/* x / (1 + e^-x) of each element, which is also called swish. */
#include "op/op.h"

const fv_operator fv__op_silu = { FV__UNARY_OPERATOR("silu",
                                                     FV_READS_INPUT(0)) };

fv_variable *fv_silu_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_silu, a, FV__SILU, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_silu = { FV__PLAIN_LAYER("silu", fv_silu_of),
                                        .about = "x / (1 + exp(-x))" };

fv_layer *fv_silu_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_silu, options);
}
