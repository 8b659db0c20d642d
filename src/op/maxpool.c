/* Largest value of each window. */
#include "op/window.h"

#include <inttypes.h>

/* The position of each maximum in its plane is saved as an int32_t. */
fv_status fv__maxpool_infer(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0];
    fv_status status = fv__pool_infer(inference);
    if (status != FV_OK) return status;
    if (fv__product(2, &x->shape[1]) > INT32_MAX)
        return fv_fail(inference->context, FV_LIMIT,
                       "%s: input %" PRId64 "x%" PRId64
                       " has a plane of over %d elements",
                       inference->name, x->shape[1], x->shape[2], INT32_MAX);
    const size_t count = (size_t)fv__product(4, inference->outputs[0].shape);
    inference->saved = fv__bytes_times(count, sizeof(int32_t));
    return FV_OK;
}

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    call->context->kernels->maxpool(g, x, y, where);
}

static void forward(const fv_call *call) { fv__pool_forward(call, image); }

static void image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                       void *dy, int32_t *where)
{
    call->context->kernels->maxpool_grad(g, where, dy, dx,
                                         fv__accumulation_of(call, 0));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, image_grad);
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

static const fv__field fields[] = {
    FV__POOL_FIELDS,
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    fv_pooling pooling = fv__layer_pooling(layer);
    return fv_maxpool_of(inputs[0], &pooling);
}

const fv__layer_type fv__layer_maxpool = {
    .kind = "maxpool",
    .about = "the largest value of each window",
    FV__LAYER_OPTIONS(fv_pool_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__pool_declare,
    .forward = apply,
};

fv_layer *fv_maxpool_new(const fv_pool_options *options)
{
    return fv__layer_new(&fv__layer_maxpool, options);
}
