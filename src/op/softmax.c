/* Softmax over the last axis. */
#include "op/chunk.h"

static int64_t width_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

/* The units of work are rows. */
static fv__chunks chunks_of(const fv_tensor *x)
{
    const int64_t n = width_of(x);
    return (fv__chunks){ .units = fv__product(x->rank - 1, x->shape),
                         .each = fv__rows_per_chunk(n),
                         .cost = 16 * (double)n };
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand(inference, 0, "input", -1)) return fv_failed(context);
    if (width_of(x) < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no classes",
                       inference->name, FV__SHAPE(x));
    const fv__chunks chunks = chunks_of(x);
    inference->forward_scratch = fv__chunks_scratch(context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const int64_t n = width_of(call->outputs[0]);
    (void)buffer;
    (void)sum;
    call->context->kernels->softmax(
        (size_t)count, (size_t)n, fv__tensor_byte(call->inputs[0], first * n),
        fv__tensor_byte(call->outputs[0], first * n));
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const int64_t n = width_of(call->outputs[0]);
    (void)buffer;
    (void)sum;
    call->context->kernels->softmax_grad(
        (size_t)count, (size_t)n, fv__tensor_byte(call->outputs[0], first * n),
        fv__tensor_byte(call->output_grads[0], first * n),
        fv__tensor_byte(call->input_grads[0], first * n));
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_softmax = {
    .size = sizeof(fv_operator),
    .name = "softmax",
    .min_inputs = 1,
    .max_inputs = 1,
    .backward_reads = FV_READS_OUTPUT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Softmax",
};

fv_variable *fv_softmax_of(fv_variable *x)
{
    return fv_apply(&fv__op_softmax, NULL, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_softmax = {
    FV__PLAIN_LAYER("softmax", fv_softmax_of),
    .about = "exp(x) / sum exp(x) over the channels"
};

fv_layer *fv_softmax_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softmax, options);
}
