/* max(x, 0) of each element; NaN passes, the gradient at 0 is 0. */
#include "op/op.h"

#include <math.h>

const fv_operator fv__op_relu = { FV__UNARY_OPERATOR("relu", FV_READS_OUTPUT),
                                  .onnx = "Relu" };

fv_variable *fv_relu_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_relu, a, FV__CLAMP, 0, (double)INFINITY);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_relu = { FV__PLAIN_LAYER("relu", fv_relu_of),
                                        .about = "max(x, 0)" };

fv_layer *fv_relu_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_relu, options);
}
