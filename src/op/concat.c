/* Concatenation along an existing axis. */
#include "op/op.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__axis *attributes = inference->attributes;
    const fv_tensor *first = inference->inputs[0];
    int64_t shape[FV_MAX_RANK], total = 0;
    int32_t axis;
    fv_status status = fv__infer_floats(inference);
    if (!status)
        status =
            fv__infer_axis(inference, attributes->axis, first->rank, &axis);
    if (status) return status;
    memcpy(shape, first->shape, sizeof shape);
    shape[axis] = -1;
    for (int32_t k = 0; k < inference->num_inputs; k++) {
        status = fv__infer_part(inference, k, first->rank, shape);
        if (status) return status;
        total += inference->inputs[k]->shape[axis];
    }
    shape[axis] = total;
    return fv__infer_output(inference, first->rank, shape);
}

static int32_t axis_of(const fv_call *call)
{
    const fv__axis *attributes = call->attributes;
    int32_t axis = attributes->axis;
    return axis < 0 ? axis + call->outputs[0]->rank : axis;
}

static void forward(const fv_call *call)
{
    int32_t axis = axis_of(call);
    int64_t begin = 0;
    for (int32_t k = 0; k < call->num_inputs; k++) {
        int64_t extent = call->inputs[k]->shape[axis];
        fv_tensor to = fv__region(call->outputs[0], axis, begin, extent);
        fv__copy_all(call->context, &to, call->inputs[k]);
        begin += extent;
    }
}

static void backward(const fv_call *call)
{
    int32_t axis = axis_of(call);
    int64_t begin = 0;
    for (int32_t k = 0; k < call->num_inputs; k++) {
        int64_t extent = call->inputs[k]->shape[axis];
        fv_tensor from = fv__region(call->output_grads[0], axis, begin, extent);
        if (call->input_grads[k])
            fv__add_all(call->context, call->input_grads[k], &from);
        begin += extent;
    }
}

const fv_operator fv__op_concat = { .size = sizeof(fv_operator),
                                    .name = "concat",
                                    .min_inputs = 1,
                                    .max_inputs = INT32_MAX,
                                    .attributes_size = sizeof(fv__axis),
                                    .infer = infer,
                                    .forward = forward,
                                    .backward = backward,
                                    .onnx = "Concat" };

fv_variable *fv_concat_of(int32_t count, fv_variable *const parts[],
                          int32_t axis)
{
    const fv__axis attributes = { axis };
    return fv_apply(&fv__op_concat, &attributes, parts ? count : 0, parts);
}
