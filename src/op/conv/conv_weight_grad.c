/* The weight gradient of a convolution of one to three axes as an operator, so
 * that it has gradients itself: it is linear in the image x and in the gradient
 * dy, and its gradients are the input gradient and the convolution. */
#include "op/conv/conv2d.h"
#include "op/operand.h"

#include <inttypes.h>

/* What the shape rule resolves; data and forward only if gradients are wanted.
 */
typedef struct resolved {
    fv__geometry geometry;
    fv__conv_descriptor weights, data, forward;
} resolved;

/* The shape of the weights; their data must not be read. */
static fv_tensor weight_of(const fv_inference *inference, int32_t axes)
{
    const fv__conv_weight_gradient *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *dy = inference->inputs[1];
    int64_t shape[FV_MAX_RANK] = { dy->shape[axes + 1] };
    for (int32_t i = 0; i < axes; i++) shape[1 + i] = a->kernel[i];
    shape[axes + 1] = x->shape[axes + 1] / a->convolution.groups;
    return fv_tensor_of(NULL, x->dtype, axes + 2, shape);
}

/* Whether dy has the shape of the convolution's result. */
static bool result_fits(const fv_inference *inference, const fv__geometry *g)
{
    const fv_tensor *dy = inference->inputs[1];
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(dy->rank - 2, g->batch, g->out, g->filters, shape);
    return fv__infer_shape(inference, 1, dy->rank, shape) == FV_OK;
}

static size_t backward_bytes(const fv_inference *inference, const resolved *r)
{
    const fv_tensor *dy = inference->inputs[1];
    const size_t data =
        fv__bytes_sum(fv__align(r->data.packed), fv__align(r->data.scratch));
    /* a convolution that is added is made in scratch first */
    const size_t made = fv__bytes_sum(
        fv__align(r->forward.packed) + fv__align(r->forward.scratch),
        fv__real_bytes(inference->context, fv__product(dy->rank, dy->shape)));
    return data > made ? data : made;
}

static fv_status resolve(fv_inference *inference, const fv__geometry *g)
{
    const fv__conv_weight_gradient *a = inference->attributes;
    fv_context *context = inference->context;
    const fv__conv_request request = fv__convolution_request(&a->convolution);
    resolved *r = fv_inference_allocate(inference, sizeof *r);
    if (!r) return fv_failed(context);
    inference->resolved = r;
    r->geometry = *g;
    fv__conv_resolve(context, inference->name, &request, g,
                     FV__BACKWARD_WEIGHTS, &r->weights);
    inference->forward_scratch =
        fv__align(r->weights.packed) + fv__align(r->weights.scratch);
    if (!inference->gradient) return fv_failed(context);
    fv__conv_resolve(context, inference->name, &request, g, FV__BACKWARD_DATA,
                     &r->data);
    fv__conv_resolve(context, inference->name, &request, g, FV__FORWARD,
                     &r->forward);
    inference->backward_scratch = backward_bytes(inference, r);
    return fv_failed(context);
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__conv_weight_gradient *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    const int32_t axes = x->rank - 2;
    if (axes < 1 || axes > FV__AXES)
        return fv_fail(context, FV_MISUSE,
                       "%s: input %s has rank %d, expected 3 to 5",
                       inference->name, FV__SHAPE(x), x->rank);
    if (!fv__operand(inference, 0, "input", axes + 2)
        || !fv__operand(inference, 1, "gradient", axes + 2))
        return fv_failed(context);
    if (a->convolution.groups < 1)
        return fv_fail(context, FV_MISUSE, "%s: groups %" PRId64 " is below 1",
                       inference->name, a->convolution.groups);
    const fv_tensor weight = weight_of(inference, axes);
    fv__geometry g = fv__convolution_geometry(x, &weight, &a->convolution);
    if (fv__geometry_check(context, inference->name, false, &g) != FV_OK
        || !result_fits(inference, &g))
        return fv_failed(context);
    inference->multiply_accumulates = fv__geometry_macs(&g);
    inference->window[0] = inference->window[1] = 0;
    fv__infer_output(inference, weight.rank, weight.shape);
    return resolve(inference, &g);
}

static void forward(const fv_call *call)
{
    const resolved *r = call->resolved;
    const fv_tensor *dw = call->outputs[0];
    fv__conv_call conv = { .context = call->context,
                           .geometry = &r->geometry,
                           .x = call->inputs[0]->data,
                           .dy = call->inputs[1]->data,
                           .dweight = dw->data };
    call->context->kernels->fill(fv__count(dw), 0, dw->data);
    fv__conv_pack_in_scratch(call, &conv, &r->weights);
    r->weights.algorithm->run(&conv, FV__BACKWARD_WEIGHTS);
}

/* The convolution of the image, made in scratch if it is added. */
static void convolve(const fv_call *call, const fv__conv_call *given)
{
    const fv__conv_descriptor *d = &((const resolved *)call->resolved)->forward;
    const size_t used = fv__align(d->packed) + fv__align(d->scratch);
    const bool adds = fv__accumulation_of(call, 1) == FV__ACCUMULATE;
    fv_tensor made = *call->input_grads[1];
    fv__conv_call conv = *given;
    if (adds) made.data = (unsigned char *)call->scratch + used;
    conv.x = call->inputs[0]->data;
    conv.y = made.data;
    fv__conv_pack_in_scratch(call, &conv, d);
    d->algorithm->run(&conv, FV__FORWARD);
    if (adds) fv__add_all(call->context, call->input_grads[1], &made);
}

static void backward(const fv_call *call)
{
    const resolved *r = call->resolved;
    const fv__conv_call conv = { .context = call->context,
                                 .geometry = &r->geometry,
                                 .weight = call->output_grads[0]->data };
    if (call->input_grads[0]) {
        fv__conv_call data = conv;
        data.dy = call->inputs[1]->data;
        data.dx = call->input_grads[0]->data;
        data.overwrite = fv__accumulation_of(call, 0) == FV__STORE;
        fv__conv_pack_in_scratch(call, &data, &r->data);
        r->data.algorithm->run(&data, FV__BACKWARD_DATA);
    }
    if (call->input_grads[1]) convolve(call, &conv);
}

const fv_operator fv__op_conv_weight_grad = {
    .size = sizeof(fv_operator),
    .name = "conv_weight_grad",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(fv__conv_weight_gradient),
    .backward_reads = FV_READS_INPUTS,
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv__conv_weight_grad(fv_variable *x, fv_variable *dy,
                                  const fv_convolution *convolution,
                                  const int64_t kernel[])
{
    fv__conv_weight_gradient a = { .convolution = *convolution };
    fv_variable *const inputs[] = { x, dy };
    for (int32_t i = 0; x && i < x->value.rank - 2 && i < FV__AXES; i++)
        a.kernel[i] = kernel[i];
    return fv_apply(&fv__op_conv_weight_grad, &a, 2, inputs);
}
