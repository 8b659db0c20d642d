/* min(max(x, 0), 6) of each element; NaN passes, the gradient at 0 and 6 is 0.
 */
#include "op/op.h"

const fv_operator fv__op_relu6 = { FV__UNARY_OPERATOR("relu6", FV_READS_OUTPUT),
                                   .onnx = "Clip" };

fv_variable *fv_relu6_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_relu6, a, FV__CLAMP, 0, 6);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_relu6 = { FV__PLAIN_LAYER("relu6", fv_relu6_of),
                                         .about = "min(max(x, 0), 6)" };

fv_layer *fv_relu6_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_relu6, options);
}
