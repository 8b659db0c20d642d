/* Drops elements at random in training; in evaluation it changes nothing. */
#include "op/random/random.h"

static fv__chunks chunks_of(const fv_tensor *x)
{
    return (fv__chunks){ .units = fv_tensor_count(x),
                         .each = fv__rows_per_chunk(1),
                         .cost = 8 };
}

static fv_status infer(fv_inference *inference)
{
    if (fv__dropout_check(inference) != FV_OK)
        return fv_failed(inference->context);
    const fv__chunks chunks = chunks_of(inference->inputs[0]);
    inference->forward_scratch =
        fv__chunks_scratch(inference->context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    (void)buffer;
    (void)sum;
    fv__dropout_apply(call, first, count,
                      fv__tensor_byte(call->inputs[0], first),
                      fv__tensor_byte(call->outputs[0], first));
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    if (fv__dropout_drops(call))
        fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
    else
        fv__random_pass(call);
}

/* The gradient passes as the values do. */
static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__dropout *a = call->attributes;
    const fv_context *context = call->context;
    const void *dy = fv__tensor_byte(call->output_grads[0], first);
    void *dx = fv__tensor_byte(call->input_grads[0], first);
    (void)buffer;
    (void)sum;
    if (fv__accumulation_of(call, 0) == FV__STORE)
        fv__dropout_apply(call, first, count, dy, dx);
    else
        context->kernels->dropout_grad(context->seed, fv__random_stream(call),
                                       (uint64_t)first, (size_t)count,
                                       a->probability, dy, dx);
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->output_grads[0]);
    if (fv__dropout_drops(call))
        fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
    else
        fv__random_pass_grad(call);
}

const fv_operator fv__op_dropout = {
    FV__RANDOM_OPERATOR("dropout"),
    .attributes_size = sizeof(fv__dropout),
    .onnx = "Dropout",
};

fv_variable *fv_dropout_of(fv_variable *x, double probability)
{
    const fv__dropout attributes = { probability };
    return fv_apply(&fv__op_dropout, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_dropout_options *options = layer->options;
    (void)count;
    return fv_dropout_of(inputs[0], options->probability);
}

const fv__layer_type fv__layer_dropout = {
    .kind = "dropout",
    .about = "in training sets values to 0 with that probability and divides "
             "the others by 1 - probability; in evaluation y = x",
    FV__RANDOM_LAYER(fv_dropout_options),
    .fields = fv__dropout_fields,
};

fv_layer *fv_dropout_new(const fv_dropout_options *options)
{
    return fv__layer_new(&fv__layer_dropout, options);
}
