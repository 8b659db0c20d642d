/* Softmax over the last axis. */
#include "op/rows.h"

const fv_operator fv__op_softmax = { FV__ROWS_OPERATOR("softmax"),
                                     .onnx = "Softmax" };

fv_variable *fv_softmax_of(fv_variable *x)
{
    return fv__apply_rows(&fv__op_softmax, x, false);
}

fv_variable *fv_softmax_axis(fv_variable *x, int32_t axis)
{
    return fv__apply_rows_axis(&fv__op_softmax, x, false, axis);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_softmax = {
    FV__PLAIN_LAYER("softmax", fv_softmax_of),
    .about = "exp(x) / sum exp(x) over the channels"
};

fv_layer *fv_softmax_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softmax, options);
}
