/* Axes in another order. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__axes *order = inference->attributes;
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    fv_tensor y = fv_tensor_permute(inference->context, &x, order->axes);
    if (y.rank < 0) return fv_failed(inference->context);
    return fv__infer_moved(inference, y.rank, y.shape);
}

static void forward(const fv_call *call)
{
    const fv__axes *order = call->attributes;
    fv_tensor x =
        fv_tensor_permute(call->context, call->inputs[0], order->axes);
    fv__copy_all(call->context, call->outputs[0], &x);
}

static void backward(const fv_call *call)
{
    const fv__axes *order = call->attributes;
    fv_tensor dx =
        fv_tensor_permute(call->context, call->input_grads[0], order->axes);
    if (fv__accumulation_of(call, 0) == FV__STORE)
        fv__copy_all(call->context, &dx, call->output_grads[0]);
    else
        fv__add_all(call->context, &dx, call->output_grads[0]);
}

const fv_operator fv__op_permute = { .size = sizeof(fv_operator),
                                     .name = "permute",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .attributes_size = sizeof(fv__axes),
                                     .abilities = FV_OVERWRITES,
                                     .infer = infer,
                                     .forward = forward,
                                     .backward = backward,
                                     .onnx = "Transpose" };

fv_variable *fv_permute(fv_variable *a, const int32_t axes[])
{
    if (!a) return NULL;
    int32_t rank = fv_variable_value(a)->rank;
    if (rank > 0 && !axes) {
        fv_fail(fv_variable_context(a), FV_MISUSE, "permute: no axes");
        return NULL;
    }
    fv__axes order = { { 0 } };
    for (int32_t i = 0; i < rank; i++) order.axes[i] = axes[i];
    return fv_apply(&fv__op_permute, &order, 1, &a);
}

fv_variable *fv_transpose(fv_variable *a)
{
    if (!a) return NULL;
    int32_t rank = fv_variable_value(a)->rank;
    fv__axes order = { { 0 } };
    for (int32_t i = 0; i < rank; i++) order.axes[i] = rank - 1 - i;
    return fv_apply(&fv__op_permute, &order, 1, &a);
}
