/* Lp norm of each window. */
#include "op/attributes.h"
#include "op/pool/window.h"

#include <math.h>

static fv_status infer(fv_inference *inference)
{
    const fv__lppool *a = inference->attributes;
    if (!(a->p > 0) || !isfinite(a->p))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: p %s is not above 0 and finite", inference->name,
                       FV__NUMBER(a->p));
    return fv__pool_infer(inference);
}

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    const fv__lppool *a = call->attributes;
    (void)where;
    call->context->kernels->lppool(g, a->p, x, y);
}

static void forward(const fv_call *call) { fv__pool_forward(call, image); }

static void image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                       void *dy, int32_t *where)
{
    const fv__lppool *a = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const ptrdiff_t at =
        (unsigned char *)dy - (unsigned char *)call->output_grads[0]->data;
    const int64_t image_bytes = fv_tensor_count(y) / y->shape[0]
                                * (int64_t)fv__number_bytes(call->context);
    const int64_t n = at / image_bytes;
    (void)where;
    call->context->kernels->lppool_grad(
        g, a->p, fv__tensor_byte(x, n * (fv_tensor_count(x) / x->shape[0])),
        (unsigned char *)y->data + at, dy, dx, fv__accumulation_of(call, 0));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, image_grad);
}

const fv_operator fv__op_lppool = {
    .size = sizeof(fv_operator),
    .name = "lppool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__lppool),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_OUTPUT,
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "LpPool",
};

fv_variable *fv_lppool_of(fv_variable *x, double p, const fv_pooling *pooling)
{
    fv__lppool a = { .p = p };
    if (!x
        || fv__pool_complete(fv_variable_context(x), fv__op_lppool.name,
                             pooling, &a.pooling)
               != FV_OK)
        return NULL;
    return fv_apply(&fv__op_lppool, &a, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

fv_variable *fv__lppool_layer(fv_layer *layer, int32_t count,
                              fv_variable *const inputs[])
{
    const fv_pool_options *options = layer->options;
    const fv_pooling pooling = fv__layer_pooling(layer);
    (void)count;
    return fv_lppool_of(inputs[0], options->p, &pooling);
}

static const fv__field fields[] = {
    FV__POOL_FIELDS(2),
    FV__LPPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_lppool = {
    FV__POOL_LAYER("lppool", lppool, "(sum of x^p)^(1/p) over each window"),
};
