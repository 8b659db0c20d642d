/* The sum. */
#include "op/tensor_layer.h"

static fv_status infer(fv_inference *inference)
{
    return fv__reduction_sum_infer(inference, false);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dx = call->input_grads[0];
    const fv_tensor dy = fv__reduction_of(call, call->output_grads[0]);
    fv__binary_all(call->context, FV__ADD, dx, &dy, dx);
}

const fv_operator fv__op_sum = {
    FV__REDUCTION("sum"),
    .infer = infer,
    .forward = fv__reduction_sum_forward,
    .backward = backward,
    .onnx = "ReduceSum",
};

fv_variable *fv_sum(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_sum, a);
}

fv_variable *fv_sum_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_sum, a, axis);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv__reduction_layer(layer, count, inputs, &fv__op_sum,
                               FV_REDUCE_SUM);
}

const fv__layer_type fv__layer_sum = {
    FV__REDUCTION_LAYER("sum"),
    .about = "the sum along axes: all but the batch unless they are given",
};
