/* Writes a value into a leaf, such as new running statistics into the old. */
#include "op/op.h"

#include <string.h>

enum { LEAF, VALUE, INPUTS };

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *leaf = inference->inputs[LEAF];
    fv_status status = fv__infer_floats(inference);
    if (status != FV_OK) return status;
    inference->num_outputs = 0;
    return fv__infer_shape(inference, VALUE, leaf->rank, leaf->shape);
}

static void forward(const fv_call *call)
{
    memmove(call->inputs[LEAF]->data, call->inputs[VALUE]->data,
            fv__tensor_bytes(call->inputs[LEAF]));
    call->context->changes++;
}

const fv_operator fv__op_assign = {
    .size = sizeof(fv_operator),
    .name = "assign",
    .min_inputs = INPUTS,
    .max_inputs = INPUTS,
    .infer = infer,
    .forward = forward,
};

fv_status fv__assign(fv_variable *leaf, fv_variable *value)
{
    fv_variable *inputs[INPUTS] = { leaf, value };
    return fv_apply_n(&fv__op_assign, NULL, INPUTS, inputs, 0, NULL);
}
