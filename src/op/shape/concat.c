/* Concatenation along an existing axis. */
#include "op/tensor_layer.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__axis *attributes = inference->attributes;
    const fv_tensor *first = inference->inputs[0];
    int64_t shape[FV_MAX_RANK], total = 0;
    int32_t axis;
    fv_status status = fv__infer_one_type(inference);
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
    return fv__infer_moved(inference, first->rank, shape);
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

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__AXIS_FIELD(-1),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv__axis_options *o = layer->options;
    if (o->axis != -1) return FV_OK; /* the operator checks */
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    for (int32_t k = 1; k < count; k++) {
        const int32_t last = inputs[0].rank - 1;
        fv_shape next = inputs[k];
        next.extent[last] = inputs[0].extent[last];
        if (fv__shape_equal(&inputs[0], &next)) continue;
        fv_shape first = fv__shape_outside(layer->context, inputs[0]);
        fv_shape other = fv__shape_outside(layer->context, inputs[k]);
        char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: inputs %s and %s differ in more than channels",
                       layer->name,
                       fv__shape_text(a, sizeof a, first.rank, first.extent),
                       fv__shape_text(b, sizeof b, other.rank, other.extent));
    }
    return FV_OK;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__axis_options *o = layer->options;
    return fv_concat_of(count, inputs, (int32_t)o->axis);
}

const fv__layer_type fv__layer_concat = {
    .kind = "concat",
    .about = "several layers one after another along an axis, their channels "
             "unless it is given",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 64,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_concat_layers_new(const fv_layer_options *given)
{
    fv__axis_options o = { .size = sizeof o, .axis = -1 };
    return fv__layer_new(&fv__layer_concat, fv__local_options(given, &o));
}
