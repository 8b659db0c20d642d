/* The sum, over all elements or along an axis. */
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
    fv_status status = fv__infer_reduction(inference, false);
    if (status) return status;
    fv__sum_to_shape fold =
        fold_of(inference->context, inference->inputs[0], &inference->output);
    inference->forward_scratch = fv__sum_to_shape_scratch(&fold);
    return FV_OK;
}

static void forward(const fv_call *call)
{
    fv__sum_to_shape fold =
        fold_of(call->context, call->inputs[0], call->output);
    fv__sum_to_shape_run(&fold, call->scratch);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dx = call->input_grads[0];
    fv__zip_all(call->context, FV__ADD, dx, call->output_grad, dx);
}

const fv_operator fv__op_sum = { .size = sizeof(fv_operator),
                                 .name = "sum",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .attributes_size = sizeof(fv__reduction),
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .onnx = "ReduceSum" };

fv_variable *fv_sum(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_sum, a);
}

fv_variable *fv_sum_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_sum, a, axis);
}
