/* The mean. */
#include "op/tensor_layer.h"

static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__reduction_sum_infer(inference, true);
    if (status) return status;
    inference->backward_scratch = fv__count(&inference->outputs[0])
                                  * fv__number_bytes(inference->context);
    return FV_OK;
}

/* y = x divided by the number of elements of each mean; y may be x. */
static void divide(const fv_call *call, const fv_tensor *x, const fv_tensor *y)
{
    if (fv__count(y) == 0) return;
    fv__number memory;
    size_t divisor = fv__count(call->inputs[0]) / fv__count(y);
    fv_tensor count = fv__scalar(call->context, (double)divisor, &memory);
    fv__binary_all(call->context, FV__DIV, x, &count, y);
}

static void forward(const fv_call *call)
{
    fv__reduction_sum_forward(call);
    divide(call, call->outputs[0], call->outputs[0]);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dx = call->input_grads[0];
    const fv_tensor dy = fv__reduction_of(call, call->output_grads[0]);
    fv_tensor share = dy;
    share.data = call->scratch;
    divide(call, &dy, &share);
    fv__binary_all(call->context, FV__ADD, dx, &share, dx);
}

const fv_operator fv__op_mean = {
    FV__REDUCTION("mean"), .infer = infer,       .forward = forward,
    .backward = backward,  .onnx = "ReduceMean",
};

fv_variable *fv_mean(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_mean, a);
}

fv_variable *fv_mean_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_mean, a, axis);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv__reduction_layer(layer, count, inputs, &fv__op_mean,
                               FV_REDUCE_MEAN);
}

const fv__layer_type fv__layer_mean = {
    FV__REDUCTION_LAYER("mean"),
    .about = "the mean along axes: all but the batch unless they are given",
};
