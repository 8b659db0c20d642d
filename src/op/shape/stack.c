/* Concatenation of tensors of equal shape along a new axis. */
#include "op/tensor_layer.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__axis *attributes = inference->attributes;
    const fv_tensor *first = inference->inputs[0];
    fv_status status = fv__infer_one_type(inference);
    if (status) return status;
    if (first->rank == FV_MAX_RANK)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: part 1 has rank %d, expected %d or less",
                       inference->name, first->rank, FV_MAX_RANK - 1);
    for (int32_t k = 1; k < inference->num_inputs; k++) {
        status = fv__infer_part(inference, k, first->rank, first->shape);
        if (status) return status;
    }
    int32_t axis, rank = first->rank + 1;
    status = fv__infer_axis(inference, attributes->axis, rank, &axis);
    if (status) return status;
    int64_t shape[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++)
        shape[i] = i < axis   ? first->shape[i]
                   : i > axis ? first->shape[i - 1]
                              : inference->num_inputs;
    return fv__infer_moved(inference, rank, shape);
}

/* Part k of the result or of its gradient, without the new axis. */
static fv_tensor part(const fv_call *call, const fv_tensor *whole, int32_t k)
{
    const fv__axis *attributes = call->attributes;
    return fv_tensor_at(call->context, whole, attributes->axis, k);
}

static void forward(const fv_call *call)
{
    for (int32_t k = 0; k < call->num_inputs; k++) {
        fv_tensor to = part(call, call->outputs[0], k);
        fv__copy_all(call->context, &to, call->inputs[k]);
    }
}

static void backward(const fv_call *call)
{
    for (int32_t k = 0; k < call->num_inputs; k++) {
        fv_tensor from = part(call, call->output_grads[0], k);
        if (call->input_grads[k])
            fv__add_all(call->context, call->input_grads[k], &from);
    }
}

const fv_operator fv__op_stack = { .size = sizeof(fv_operator),
                                   .name = "stack",
                                   .min_inputs = 1,
                                   .max_inputs = INT32_MAX,
                                   .attributes_size = sizeof(fv__axis),
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward };

fv_variable *fv_stack(int32_t count, fv_variable *const parts[], int32_t axis)
{
    const fv__axis attributes = { axis };
    return fv_apply(&fv__op_stack, &attributes, parts ? count : 0, parts);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__AXIS_FIELD(0),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__axis_options *o = layer->options;
    return fv_stack(count, inputs, (int32_t)o->axis);
}

const fv__layer_type fv__layer_stack = {
    .kind = "stack",
    .about = "inputs of one shape along a new axis",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = FV__MAX_INPUTS,
    .forward = apply,
};
