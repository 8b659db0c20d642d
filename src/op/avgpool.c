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

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__POOL_FIELDS,
    { FV__FIELD(fv_pool_options, SWITCH, count_padding) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    fv_pooling pooling = fv__layer_pooling(layer);
    return fv_avgpool_of(inputs[0], &pooling);
}

const fv__layer_type fv__layer_avgpool = {
    .kind = "avgpool",
    .about = "the mean of each window",
    FV__LAYER_OPTIONS(fv_pool_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__pool_declare,
    .forward = apply,
};

fv_layer *fv_avgpool_new(const fv_pool_options *options)
{
    return fv__layer_new(&fv__layer_avgpool, options);
}
