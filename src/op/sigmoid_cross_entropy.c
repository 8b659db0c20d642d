/* Cross entropy of the sigmoid of logits, summed and divided by the batch. */
#include "op/loss.h"

enum { COST = 32 }; /* elementary operations per element */

/* The buffer of a worker holds the terms. */
static fv__chunks chunks_of(const fv_call *call)
{
    return fv__loss_elements(call->context, call->inputs[FV__LOGITS], COST);
}

static int64_t batch_of(const fv_call *call)
{
    return call->inputs[FV__LOGITS]->shape[0];
}

static fv_status infer(fv_inference *inference)
{
    return fv__loss_infer_elements(inference, 1, COST);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    kernels->sigmoid_cross_entropy(
        (size_t)count, fv__tensor_byte(call->inputs[FV__LOGITS], first),
        fv__tensor_byte(call->inputs[FV__TARGET], first), buffer);
    *sum = kernels->sum((size_t)count, buffer);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call);
    fv__loss_forward(call, &chunks, batch_of(call), chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_tensor *const *grads = call->input_grads;
    const void *x = fv__tensor_byte(call->inputs[FV__LOGITS], first);
    const double scale = fv__loss_scale(call, batch_of(call));
    (void)buffer;
    (void)sum;
    if (grads[FV__LOGITS])
        kernels->sigmoid_cross_entropy_grad(
            (size_t)count, x, fv__tensor_byte(call->inputs[FV__TARGET], first),
            scale, fv__tensor_byte(grads[FV__LOGITS], first));
    if (grads[FV__TARGET])
        kernels->axpy((size_t)count, -scale, x,
                      fv__tensor_byte(grads[FV__TARGET], first));
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_sigmoid_cross_entropy = {
    .size = sizeof(fv_operator),
    .name = "sigmoid_cross_entropy",
    .min_inputs = 2,
    .max_inputs = 2,
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_sigmoid_cross_entropy_of(fv_variable *logits,
                                         fv_variable *target)
{
    fv_variable *inputs[] = { logits, target };
    return fv_apply(&fv__op_sigmoid_cross_entropy, NULL, 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_sigmoid_cross_entropy_of(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_sigmoid_cross_entropy = {
    .kind = "sigmoid_cross_entropy",
    .about = "cross-entropy of sigmoid(x) with values from 0 to 1, divided by "
             "the batch",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_VALUES,
    .forward = apply,
};

fv_layer *fv_sigmoid_cross_entropy_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_sigmoid_cross_entropy, options);
}
