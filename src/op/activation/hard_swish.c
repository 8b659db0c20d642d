/* x min(max(x + 3, 0), 6) / 6 of each element. */
#include "op/op.h"

const fv_operator fv__op_hard_swish = {
    FV__UNARY_OPERATOR("hard_swish", FV_READS_INPUT(0)), .onnx = "HardSwish"
};

fv_variable *fv_hard_swish_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_hard_swish, a, FV__HARD_SWISH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_hard_swish = {
    FV__PLAIN_LAYER("hard_swish", fv_hard_swish_of),
    .about = "x min(max(x + 3, 0), 6) / 6"
};

fv_layer *fv_hard_swish_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_hard_swish, options);
}
