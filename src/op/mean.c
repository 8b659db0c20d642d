/* The mean, over all elements or along an axis. */
#include "op/op.h"

static fv__sum_to_shape fold_of(fv_context *context, const fv_tensor *x,
                                const fv_tensor *y)
{
    return (fv__sum_to_shape){
        .context = context, .f = FV__ADD, .a = x, .b = x, .dy = x, .d = y
    };
}

static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__infer_reduction(inference, true);
    if (status) return status;
    fv__sum_to_shape fold =
        fold_of(inference->context, inference->inputs[0], &inference->output);
    inference->forward_scratch = fv__sum_to_shape_scratch(&fold);
    inference->backward_scratch =
        fv__count(&inference->output) * fv__number_bytes(inference->context);
    return FV_OK;
}

/* y = x / elements of each mean, in place or not. */
static void divide(const fv_call *call, const fv_tensor *x, const fv_tensor *y)
{
    if (fv__count(y) == 0) return;
    fv__number memory;
    size_t divisor = fv__count(call->inputs[0]) / fv__count(y);
    fv_tensor count = fv__scalar(call->context, (double)divisor, &memory);
    fv__zip_all(call->context, FV__DIV, x, &count, y);
}

static void forward(const fv_call *call)
{
    fv__sum_to_shape fold =
        fold_of(call->context, call->inputs[0], call->output);
    fv__sum_to_shape_run(&fold, call->scratch);
    divide(call, call->output, call->output);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dx = call->input_grads[0];
    fv_tensor share = *call->output_grad;
    share.data = call->scratch;
    divide(call, call->output_grad, &share);
    fv__zip_all(call->context, FV__ADD, dx, &share, dx);
}

const fv_operator fv__op_mean = { .size = sizeof(fv_operator),
                                  .name = "mean",
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .attributes_size = sizeof(fv__reduction),
                                  .infer = infer,
                                  .forward = forward,
                                  .backward = backward,
                                  .onnx = "ReduceMean" };

fv_variable *fv_mean(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_mean, a);
}

fv_variable *fv_mean_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_mean, a, axis);
}
