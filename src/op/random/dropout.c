/* Drops elements at random in training; in evaluation it changes nothing. */
#include "op/chunk.h"

#include <string.h>

static fv__chunks chunks_of(const fv_tensor *x)
{
    return (fv__chunks){ .units = fv_tensor_count(x),
                         .each = fv__rows_per_chunk(1),
                         .cost = 8 };
}

static fv_status infer(fv_inference *inference)
{
    const fv__dropout *a = inference->attributes;
    if (!(a->probability >= 0 && a->probability <= 1))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: probability %s is outside 0..1", inference->name,
                       FV__NUMBER(a->probability));
    const fv__chunks chunks = chunks_of(inference->inputs[0]);
    inference->forward_scratch =
        fv__chunks_scratch(inference->context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

static bool drops(const fv_call *call)
{
    const fv__dropout *a = call->attributes;
    return call->training && a->probability > 0;
}

static uint64_t stream_of(const fv_call *call)
{
    return FV__STREAM_DROPOUT + (call->draw << 8);
}

/* Scales the elements that stay; the gradient passes as the values do. */
static void pass(const fv_call *call, int64_t first, int64_t count,
                 const void *x, void *y)
{
    const fv__dropout *a = call->attributes;
    const fv_context *context = call->context;
    if (drops(call))
        context->kernels->dropout(context->seed, stream_of(call),
                                  (uint64_t)first, (size_t)count,
                                  a->probability, x, y);
    else if (x != y)
        memcpy(y, x, (size_t)count * fv__number_bytes(context));
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    (void)buffer;
    (void)sum;
    pass(call, first, count, fv__tensor_byte(call->inputs[0], first),
         fv__tensor_byte(call->outputs[0], first));
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

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
        pass(call, first, count, dy, dx);
    else if (drops(call))
        context->kernels->dropout_grad(context->seed, stream_of(call),
                                       (uint64_t)first, (size_t)count,
                                       a->probability, dy, dx);
    else
        context->kernels->axpy((size_t)count, 1, dy, dx);
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->output_grads[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_dropout = {
    .size = sizeof(fv_operator),
    .name = "dropout",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__dropout),
    .abilities = FV_OVERWRITES | FV_IN_PLACE | FV_DRAWS_NUMBERS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Dropout",
};

fv_variable *fv_dropout_of(fv_variable *x, double probability)
{
    const fv__dropout attributes = { probability };
    return fv_apply(&fv__op_dropout, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_dropout_options, NUMBER, probability), .usual = 0.5,
      .range = FV__0_TO_1, .positional = true },
    { .key = NULL },
};

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
    FV__LAYER_OPTIONS(fv_dropout_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_dropout_new(const fv_dropout_options *options)
{
    return fv__layer_new(&fv__layer_dropout, options);
}
