/* The same elements with other extents. */
#include "op/tensor_layer.h"

static fv_status infer(fv_inference *inference)
{
    const fv__shape *request = inference->attributes;
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    fv_tensor y = fv_tensor_reshape(inference->context, &x, request->rank,
                                    request->shape);
    if (y.rank < 0) return fv_failed(inference->context);
    return fv__infer_moved(inference, y.rank, y.shape);
}

/* Copies unless both lie in the same memory. */
static void move(fv_context *context, const fv_tensor *from,
                 const fv_tensor *to)
{
    int64_t n = fv_tensor_count(from);
    fv_tensor x = fv_tensor_of(from->data, from->dtype, 1, &n);
    fv_tensor y = fv_tensor_of(to->data, to->dtype, 1, &n);
    if (x.data != y.data) fv__copy_all(context, &y, &x);
}

static void forward(const fv_call *call)
{
    move(call->context, call->inputs[0], call->outputs[0]);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dx = call->input_grads[0], *dy = call->output_grads[0];
    if (fv__accumulation_of(call, 0) == FV__STORE)
        move(call->context, dy, dx);
    else
        fv__axpy_all(call->context, fv__count(dy), 1, dy->data, dx->data);
}

const fv_operator fv__op_reshape = { .size = sizeof(fv_operator),
                                     .name = "reshape",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .attributes_size = sizeof(fv__shape),
                                     .abilities = FV_OVERWRITES | FV_IN_PLACE,
                                     .infer = infer,
                                     .forward = forward,
                                     .backward = backward,
                                     .onnx = "Reshape" };

fv_variable *fv_reshape(fv_variable *a, int32_t rank, const int64_t shape[])
{
    return fv__apply_shape(&fv__op_reshape, a, rank, shape);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list shape;
    int32_t allowzero;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, shape), .positional = true },
    { FV__FIELD(options, SWITCH, allowzero) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    const fv_tensor *x = &inputs[0]->value;
    int64_t shape[FV_MAX_RANK];
    int32_t rank;
    if (!fv__layer_list(layer, count, inputs, 1, "the shape", &o->shape, &rank,
                        shape))
        return NULL;
    for (int32_t i = 0; i < rank && i < x->rank && !o->allowzero; i++)
        if (shape[i] == 0) shape[i] = x->shape[i];
    return fv_reshape(inputs[0], rank, shape);
}

const fv__layer_type fv__layer_reshape = {
    .kind = "reshape",
    .about = "the same elements in another shape, which may be a second input: "
             "-1 is what is left, 0 the extent of the input unless allowzero",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
