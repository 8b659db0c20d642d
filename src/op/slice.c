/* Elements start, start + step, ... below stop of one axis; the gradient goes
 * back to where they were. */
#include "op/op.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__slice *slice = inference->attributes;
    fv_status status = fv__infer_float(inference, 0);
    if (status) return status;
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    memset(x.stride, 0, sizeof x.stride); /* moves no pointer */
    fv_tensor y = fv_tensor_slice(inference->context, &x, slice->axis,
                                  slice->start, slice->stop, slice->step);
    if (y.rank < 0) return fv_failed(inference->context);
    return fv__infer_output(inference, y.rank, y.shape);
}

static fv_tensor region(const fv_call *call, const fv_tensor *x)
{
    const fv__slice *slice = call->attributes;
    return fv_tensor_slice(call->context, x, slice->axis, slice->start,
                           slice->stop, slice->step);
}

static void forward(const fv_call *call)
{
    fv_tensor from = region(call, call->inputs[0]);
    fv__copy_all(call->context, call->outputs[0], &from);
}

static void backward(const fv_call *call)
{
    fv_tensor to = region(call, call->input_grads[0]);
    fv__add_all(call->context, &to, call->output_grads[0]);
}

const fv_operator fv__op_slice = { .size = sizeof(fv_operator),
                                   .name = "slice",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .attributes_size = sizeof(fv__slice),
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward,
                                   .onnx = "Slice" };

fv_variable *fv_slice(fv_variable *a, int32_t axis, int64_t start, int64_t stop,
                      int64_t step)
{
    const fv__slice slice = {
        .axis = axis, .start = start, .stop = stop, .step = step
    };
    return fv_apply(&fv__op_slice, &slice, 1, &a);
}
