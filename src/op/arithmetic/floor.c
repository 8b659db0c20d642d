/* The largest whole number not above x, of each element; the gradient is 0. */
#include "op/op.h"

const fv_operator fv__op_floor = { FV__UNARY_OPERATOR("floor", 0),
                                   .onnx = "Floor" };

fv_variable *fv_floor(fv_variable *a)
{
    return fv__apply_unary(&fv__op_floor, a, FV__FLOOR, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_floor = {
    FV__PLAIN_LAYER("floor", fv_floor),
    .about = "the largest whole number not above x"
};
