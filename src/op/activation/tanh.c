/* The hyperbolic tangent of each element. */
#include "op/op.h"

const fv_operator fv__op_tanh = { FV__UNARY_OPERATOR("tanh", FV_READS_OUTPUT),
                                  .onnx = "Tanh" };

fv_variable *fv_tanh_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_tanh, a, FV__TANH, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_tanh = { FV__PLAIN_LAYER("tanh", fv_tanh_of),
                                        .about = "the hyperbolic tangent" };

fv_layer *fv_tanh_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_tanh, options);
}
