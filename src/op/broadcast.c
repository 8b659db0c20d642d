/* Broadcasting: repeats axes of extent 1 and missing leading axes. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__shape *request = inference->attributes;
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    fv_tensor y = fv_tensor_broadcast(inference->context, &x, request->rank,
                                      request->shape);
    if (y.rank < 0) return fv_failed(inference->context);
    const fv_status status = fv__infer_moved(inference, y.rank, y.shape);
    if (inference->gradient && fv__product(y.rank, y.shape) >= 0) {
        const fv__sum_to_shape sum = { .context = inference->context,
                                       .f = FV__ADD,
                                       .a = &x,
                                       .b = &x,
                                       .dy = &inference->outputs[0],
                                       .d = &x };
        inference->backward_scratch = fv__sum_to_shape_scratch(&sum);
    }
    return status;
}

static void forward(const fv_call *call)
{
    const fv_tensor *y = call->outputs[0];
    fv_tensor x =
        fv_tensor_broadcast(call->context, call->inputs[0], y->rank, y->shape);
    fv__copy_all(call->context, y, &x);
}

static void backward(const fv_call *call)
{
    const fv__sum_to_shape sum = { .context = call->context,
                                   .f = FV__ADD,
                                   .accumulation = FV__ACCUMULATE,
                                   .a = call->output_grads[0],
                                   .b = call->output_grads[0],
                                   .dy = call->output_grads[0],
                                   .d = call->input_grads[0] };
    fv__sum_to_shape_run(&sum, call->scratch);
}

const fv_operator fv__op_broadcast = { .size = sizeof(fv_operator),
                                       .name = "broadcast",
                                       .min_inputs = 1,
                                       .max_inputs = 1,
                                       .attributes_size = sizeof(fv__shape),
                                       .infer = infer,
                                       .forward = forward,
                                       .backward = backward,
                                       .onnx = "Expand" };

fv_variable *fv_broadcast(fv_variable *a, int32_t rank, const int64_t shape[])
{
    return fv__apply_shape(&fv__op_broadcast, a, rank, shape);
}
