/* The logarithm of softmax over the last axis. */
#include "op/rows.h"

const fv_operator fv__op_log_softmax = { FV__ROWS_OPERATOR("log_softmax"),
                                         .onnx = "LogSoftmax" };

fv_variable *fv_log_softmax_of(fv_variable *x)
{
    return fv__apply_rows(&fv__op_log_softmax, x, true);
}

fv_variable *fv_log_softmax_axis(fv_variable *x, int32_t axis)
{
    return fv__apply_rows_axis(&fv__op_log_softmax, x, true, axis);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_log_softmax = {
    FV__PLAIN_LAYER("log_softmax", fv_log_softmax_of),
    .about = "x - log sum exp(x) over the channels"
};

fv_layer *fv_log_softmax_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_log_softmax, options);
}
