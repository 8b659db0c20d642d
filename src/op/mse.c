/* Mean squared error. */
#include "op/loss.h"

enum { COST = 2 }; /* elementary operations per element */

/* The buffer of a worker holds the differences. */
static fv__chunks chunks_of(const fv_call *call)
{
    return fv__loss_elements(call->context, call->inputs[FV__LOGITS], COST);
}

static fv_status infer(fv_inference *inference)
{
    return fv__loss_infer_elements(inference, 0, COST);
}

/* difference = x - target */
static void differ(const fv_call *call, int64_t first, int64_t count,
                   void *difference)
{
    call->context->kernels->binary(
        FV__SUB, (size_t)count,
        fv__tensor_byte(call->inputs[FV__LOGITS], first), 1,
        fv__tensor_byte(call->inputs[FV__TARGET], first), 1, difference);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    differ(call, first, count, buffer);
    *sum = call->context->kernels->dot((size_t)count, buffer, buffer);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call);
    fv__loss_forward(call, &chunks, chunks.units, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_tensor *const *grads = call->input_grads;
    const double scale =
        2 * fv__loss_scale(call, fv_tensor_count(call->inputs[FV__LOGITS]));
    (void)sum;
    differ(call, first, count, buffer);
    if (grads[FV__LOGITS])
        kernels->axpy((size_t)count, scale, buffer,
                      fv__tensor_byte(grads[FV__LOGITS], first));
    if (grads[FV__TARGET])
        kernels->axpy((size_t)count, -scale, buffer,
                      fv__tensor_byte(grads[FV__TARGET], first));
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_mse = {
    .size = sizeof(fv_operator),
    .name = "mse",
    .min_inputs = 2,
    .max_inputs = 2,
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_mse_of(fv_variable *x, fv_variable *target)
{
    fv_variable *inputs[] = { x, target };
    return fv_apply(&fv__op_mse, NULL, 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_mse_of(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_mse = {
    .kind = "mse",
    .about = "the mean over all elements of (x - target)^2",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_VALUES,
    .forward = apply,
};

fv_layer *fv_mse_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_mse, options);
}
