/* Largest value of each window. */
#include "op/pool/window.h"

fv_status fv__maxpool_infer(fv_inference *inference)
{
    const fv_status status = fv__pool_infer(inference);
    return status ? status : fv__pool_positions(inference);
}

void fv__maxpool_image(const fv_call *call, const fv__geometry *g, void *x,
                       void *y, int32_t *where)
{
    call->context->kernels->maxpool(g, x, y, where);
}

static void forward(const fv_call *call)
{
    fv__pool_forward(call, fv__maxpool_image);
}

void fv__maxpool_image_grad(const fv_call *call, const fv__geometry *g,
                            void *dx, void *dy, int32_t *where)
{
    call->context->kernels->maxpool_grad(g, where, dy, dx,
                                         fv__accumulation_of(call, 0));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, fv__maxpool_image_grad);
}

const fv_operator fv__op_maxpool = {
    .size = sizeof(fv_operator),
    .name = "maxpool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv_pooling),
    .abilities = FV_OVERWRITES,
    .infer = fv__maxpool_infer,
    .forward = forward,
    .backward = backward,
    .onnx = "MaxPool",
};

fv_variable *fv_maxpool_of(fv_variable *x, const fv_pooling *pooling)
{
    return fv__pool_apply(&fv__op_maxpool, x, pooling);
}

/* ---- the layer ----------------------------------------------------------- */

fv_variable *fv__maxpool_layer(fv_layer *layer, int32_t count,
                               fv_variable *const inputs[])
{
    (void)count;
    const fv_pooling pooling = fv__layer_pooling(layer);
    return fv_maxpool_of(inputs[0], &pooling);
}

static const fv__field fields[] = {
    FV__POOL_FIELDS(2),
    { .key = NULL },
};

const fv__layer_type fv__layer_maxpool = {
    FV__POOL_LAYER("maxpool", maxpool, "the largest value of each window"),
};
