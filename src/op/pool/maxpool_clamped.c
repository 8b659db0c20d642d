/* Max pooling followed by a clamp. It equals max pooling of clamped values, but
 * clamps fewer values in both passes. */
#include "op/pool/window.h"

/* Elements of the windows of one image. */
static size_t outputs(const fv__geometry *g)
{
    return (size_t)(fv__product(FV__AXES, g->out) * g->channels);
}

static void image(const fv_call *call, const fv__geometry *g, void *x, void *y,
                  int32_t *where)
{
    const fv__clamped_pooling *a = call->attributes;
    const fv__kernels *kernels = call->context->kernels;
    kernels->maxpool(g, x, y, where);
    kernels->unary(FV__CLAMP, outputs(g), y, y, a->low, a->high);
}

static void forward(const fv_call *call) { fv__pool_forward(call, image); }

/* The gradient of the output is clamped in place, since nothing reads it later.
 */
static void image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                       void *dy, int32_t *where)
{
    const fv__clamped_pooling *a = call->attributes;
    const fv__kernels *kernels = call->context->kernels;
    const ptrdiff_t at =
        (unsigned char *)dy - (unsigned char *)call->output_grads[0]->data;
    const void *y = (unsigned char *)call->outputs[0]->data + at;
    kernels->unary_grad(FV__CLAMP, outputs(g), y, y, dy, dy, a->low, a->high,
                        FV__STORE);
    kernels->maxpool_grad(g, where, dy, dx, fv__accumulation_of(call, 0));
}

static void backward(const fv_call *call)
{
    fv__pool_backward(call, image_grad);
}

const fv_operator fv__op_maxpool_clamped = {
    .size = sizeof(fv_operator),
    .name = "maxpool_clamped",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__clamped_pooling),
    .backward_reads = FV_READS_OUTPUT,
    .abilities = FV_OVERWRITES,
    .infer = fv__maxpool_infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv__maxpool_clamped(fv_variable *x,
                                 const fv__clamped_pooling *attributes)
{
    return fv_apply(&fv__op_maxpool_clamped, attributes, 1, &x);
}
