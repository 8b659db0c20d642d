/* Axes in another order. */
#include "op/tensor_layer.h"

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

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list axes;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, axes), .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int32_t axes[FV_MAX_RANK];
    (void)count;
    if (!o->axes.count) return fv_transpose(inputs[0]);
    if (fv__list_axes(&o->axes, axes) == inputs[0]->value.rank)
        return fv_permute(inputs[0], axes);
    fv_fail(layer->context, FV_MISUSE, "%s: %d axes for a tensor of rank %d",
            layer->name, (int)o->axes.count, inputs[0]->value.rank);
    return NULL;
}

const fv__layer_type fv__layer_permute = {
    .kind = "permute",
    .about = "axes in another order: axis i of the result is axes[i]; reversed "
             "if none are given",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
