/* The logarithm of softmax over the last axis. */
#include "op/activation/rows.h"
#include "op/tensor_layer.h"

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

static const fv__field fields[] = {
    FV__AXIS_FIELD(-1),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__axis_options *o = layer->options;
    (void)count;
    return fv_log_softmax_axis(inputs[0], (int32_t)o->axis);
}

const fv__layer_type fv__layer_log_softmax = {
    .kind = "log_softmax",
    .about = "x - log sum exp(x) along an axis",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_log_softmax_new(const fv_layer_options *given)
{
    fv__axis_options o = { .size = sizeof o, .axis = -1 };
    return fv__layer_new(&fv__layer_log_softmax, fv__local_options(given, &o));
}
