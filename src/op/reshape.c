/* The same elements with other extents. */
#include "op/op.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__shape *wish = inference->attributes;
    fv_status status = fv__infer_float(inference, 0);
    if (status) return status;
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    fv_tensor y =
        fv_tensor_reshape(inference->context, &x, wish->rank, wish->shape);
    if (y.rank < 0) return fv_failed(inference->context);
    return fv__infer_output(inference, y.rank, y.shape);
}

static void forward(const fv_call *call)
{
    fv_tensor x = *call->inputs[0], y = *call->output;
    int64_t n = fv_tensor_count(&x);
    x = fv_tensor_of(x.data, x.dtype, 1, &n);
    y = fv_tensor_of(y.data, y.dtype, 1, &n);
    fv__copy_all(call->context, &y, &x);
}

static void backward(const fv_call *call)
{
    if (!call->input_grads[0]) return;
    fv__axpy_all(call->context, fv__count(call->output), 1,
                 call->output_grad->data, call->input_grads[0]->data);
}

const fv_operator fv__op_reshape = { .size = sizeof(fv_operator),
                                     .name = "reshape",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .attributes_size = sizeof(fv__shape),
                                     .infer = infer,
                                     .forward = forward,
                                     .backward = backward,
                                     .onnx = "Reshape" };

fv_variable *fv_reshape(fv_variable *a, int32_t rank, const int64_t shape[])
{
    return fv__apply_shape(&fv__op_reshape, a, rank, shape);
}
