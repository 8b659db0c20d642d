/* Mean squared error. */
#include "op/loss/loss.h"

enum { COST = 2 }; /* elementary operations per element */

typedef struct fv__mse {
    fv_reduction reduction;
} fv__mse;

/* The buffer of a worker holds the differences. */
static fv__chunks chunks_of(const fv_call *call)
{
    return fv__loss_elements(call->context, call->inputs[FV__LOGITS], COST);
}

static fv_reduction reduction_of(const fv_call *call)
{
    return ((const fv__mse *)call->attributes)->reduction;
}

static double divisor_of(const fv_call *call)
{
    return fv__loss_divisor(call, reduction_of(call),
                            (double)fv_tensor_count(call->inputs[FV__LOGITS]));
}

static fv_status infer(fv_inference *inference)
{
    const fv_reduction reduction =
        ((const fv__mse *)inference->attributes)->reduction;
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    if (fv__loss_check_elements(inference, reduction == FV_REDUCTION_BATCH)
        != FV_OK)
        return fv_failed(inference->context);
    const fv__chunks chunks = fv__loss_elements(inference->context, x, COST);
    return fv__loss_infer(inference, &chunks, reduction, x->rank);
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
    const fv__kernels *kernels = call->context->kernels;
    differ(call, first, count, buffer);
    if (reduction_of(call) == FV_REDUCTION_NONE)
        kernels->binary(FV__MUL, (size_t)count, buffer, 1, buffer, 1,
                        fv__tensor_byte(call->outputs[0], first));
    else
        *sum = kernels->dot((size_t)count, buffer, buffer);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call);
    fv__loss_forward(call, &chunks, reduction_of(call), divisor_of(call),
                     chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_tensor *const *grads = call->input_grads;
    const double scale =
        2 * fv__loss_scale(call, reduction_of(call), divisor_of(call));
    (void)sum;
    differ(call, first, count, buffer);
    if (reduction_of(call) == FV_REDUCTION_NONE)
        kernels->binary(FV__MUL, (size_t)count, buffer, 1,
                        fv__tensor_byte(call->output_grads[0], first), 1,
                        buffer);
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
    .attributes_size = sizeof(fv__mse),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_mse_with(fv_variable *x, fv_variable *target,
                         fv_reduction reduction)
{
    fv_variable *inputs[] = { x, target };
    const fv__mse mse = { fv__reduction_or(reduction, FV_REDUCTION_MEAN) };
    return fv_apply(&fv__op_mse, &mse, 2, inputs);
}

fv_variable *fv_mse_of(fv_variable *x, fv_variable *target)
{
    return fv_mse_with(x, target, FV_REDUCTION_MEAN);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__REDUCTION_FIELD(fv_loss_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_loss_options *options = layer->options;
    (void)count;
    return fv_mse_with(inputs[0], inputs[1], options->reduction);
}

const fv__layer_type fv__layer_mse = {
    .kind = "mse",
    .about = "the mean over all elements of (x - target)^2",
    FV__VALUES_LOSS_LAYER(fv_loss_options),
};

fv_layer *fv_mse_new(const fv_loss_options *options)
{
    return fv__layer_new(&fv__layer_mse, options);
}
