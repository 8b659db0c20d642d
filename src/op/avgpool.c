/* Mean of each window. */
#include "op/window.h"

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    const fv_pooling *pooling = call->attributes;
    (void)where;
    call->context->kernels->avgpool(g, pooling->count_padding != 0, x, y);
}

static void forward(const fv_call *call) { fv__pool_forward(call, image); }

static void image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                       void *dy, int32_t *where)
{
    const fv_pooling *pooling = call->attributes;
    (void)where;
    call->context->kernels->avgpool_grad(g, pooling->count_padding != 0, dy, dx,
                                         fv__accumulation_of(call, 0));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, image_grad);
}

const fv_operator fv__op_avgpool = {
    .size = sizeof(fv_operator),
    .name = "avgpool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv_pooling),
    .abilities = FV_OVERWRITES,
    .infer = fv__pool_infer,
    .forward = forward,
    .backward = backward,
    .onnx = "AveragePool",
};

fv_variable *fv_avgpool_of(fv_variable *x, const fv_pooling *pooling)
{
    return fv__pool_apply(&fv__op_avgpool, x, pooling);
}
