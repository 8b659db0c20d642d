/* Largest value of each window, and its position in the image. */
#include "op/pool/window.h"

static fv_status infer(fv_inference *inference)
{
    const fv_status status = fv__maxpool_infer(inference);
    if (status != FV_OK) return status;
    inference->forward_scratch = inference->saved;
    inference->num_outputs = 2;
    inference->outputs[1] = inference->outputs[0];
    inference->outputs[1].dtype = FV_I64;
    return FV_OK;
}

/* Memory for the positions as the kernel writes them, kept for the gradient. */
static int32_t *positions_of(const fv_call *call)
{
    return call->saved ? call->saved : call->scratch;
}

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    const int64_t count = fv__product(FV__AXES, g->out) * g->channels;
    int64_t *index = call->outputs[1]->data;
    fv__maxpool_image(call, g, x, y, where);
    index += where - positions_of(call);
    for (int64_t i = 0; i < count; i++) index[i] = where[i];
}

static void forward(const fv_call *call)
{
    fv__pool_forward_to(call, image, positions_of(call));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, fv__maxpool_image_grad);
}

const fv_operator fv__op_maxpool_indices = {
    .size = sizeof(fv_operator),
    .name = "maxpool_indices",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv_pooling),
    .abilities = FV_OVERWRITES,
    .max_outputs = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "MaxPool",
};

fv_status fv_maxpool_indices(fv_variable *x, const fv_pooling *pooling,
                             fv_variable *outputs[2])
{
    fv_pooling full;
    outputs[0] = outputs[1] = NULL;
    if (!x) return FV_MISUSE;
    const fv_operator *op = &fv__op_maxpool_indices;
    const fv_status status =
        fv__pool_complete(fv_variable_context(x), op->name, pooling, &full);
    return status ? status : fv_apply_n(op, &full, 1, &x, 2, outputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__WINDOW_FIELDS,
    { FV__FIELD(fv__window_options, SWITCH, ceil_mode) },
    { .key = NULL },
};

static int32_t apply(fv_layer *layer, int32_t count,
                     fv_variable *const inputs[],
                     fv_variable *outputs[FV__MAX_OUTPUTS])
{
    const int32_t axes = fv_variable_value(inputs[0])->rank - 2;
    fv_pooling pooling;
    int64_t size[FV__AXES];
    (void)count;
    if (fv__window_lists(layer, axes, &pooling, size) != FV_OK) return 0;
    return fv_maxpool_indices(inputs[0], &pooling, outputs) == FV_OK ? 2 : 0;
}

const fv__layer_type fv__layer_maxpool_indices = {
    .kind = "maxpool_indices",
    .about = "the largest value of each window, and its position in the plane",
    FV__LAYER_OPTIONS(fv__window_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 2,
    .declare = fv__window_lists_declare,
    .checks = true,
    .forward_n = apply,
};
