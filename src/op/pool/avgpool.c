/* Mean of each window. */
#include "op/pool/window.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv_pooling *pooling = inference->attributes;
    if (pooling->divisor < 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: divisor %" PRId64 " is below 0", inference->name,
                       pooling->divisor);
    return fv__pool_infer(inference);
}

static int64_t divisor_of(const fv_call *call)
{
    const fv_pooling *pooling = call->attributes;
    if (pooling->divisor) return pooling->divisor;
    return pooling->exclude_padding ? FV__TAPS_INSIDE : FV__TAPS_PADDED;
}

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    (void)where;
    call->context->kernels->avgpool(g, divisor_of(call), x, y);
}

static void forward(const fv_call *call) { fv__pool_forward(call, image); }

static void image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                       void *dy, int32_t *where)
{
    (void)where;
    call->context->kernels->avgpool_grad(g, divisor_of(call), dy, dx,
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
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "AveragePool",
};

fv_variable *fv_avgpool_of(fv_variable *x, const fv_pooling *pooling)
{
    return fv__pool_apply(&fv__op_avgpool, x, pooling);
}

/* ---- the layer ----------------------------------------------------------- */

fv_variable *fv__avgpool_layer(fv_layer *layer, int32_t count,
                               fv_variable *const inputs[])
{
    (void)count;
    const fv_pooling pooling = fv__layer_pooling(layer);
    return fv_avgpool_of(inputs[0], &pooling);
}

static const fv__field fields[] = {
    FV__POOL_FIELDS(2),
    FV__AVGPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_avgpool = {
    FV__POOL_LAYER("avgpool", avgpool, "the mean of each window"),
};
