/* Adds random numbers of a normal distribution in training. */
#include "op/chunk.h"

#include <math.h>

typedef struct gaussian_noise {
    double deviation;
} gaussian_noise;

static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t each = fv__rows_per_chunk(1);
    return (fv__chunks){ .units = fv_tensor_count(x),
                         .each = each,
                         .buffer = fv__real_bytes(context, each),
                         .cost = 16 };
}

static fv_status infer(fv_inference *inference)
{
    const gaussian_noise *a = inference->attributes;
    if (!(a->deviation >= 0 && isfinite(a->deviation)))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: deviation %s is not a number of at least 0",
                       inference->name, FV__NUMBER(a->deviation));
    const fv__chunks chunks =
        chunks_of(inference->context, inference->inputs[0]);
    inference->forward_scratch =
        fv__chunks_scratch(inference->context, &chunks);
    return fv__infer_same(inference);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const gaussian_noise *a = call->attributes;
    const fv_context *context = call->context;
    (void)sum;
    context->kernels->normal(
        context->seed, FV__STREAM_DROPOUT + (call->draw << 8), (uint64_t)first,
        (size_t)count, 0, a->deviation, buffer);
    context->kernels->binary(FV__ADD, (size_t)count,
                             fv__tensor_byte(call->inputs[0], first), 1, buffer,
                             1, fv__tensor_byte(call->outputs[0], first));
}

static void forward(const fv_call *call)
{
    const gaussian_noise *a = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const fv__chunks chunks = chunks_of(call->context, y);
    if (call->training && a->deviation > 0)
        fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
    else if (x->data != y->data)
        fv__copy_all(call->context, y, x);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dy = call->output_grads[0], *dx = call->input_grads[0];
    if (fv__accumulation_of(call, 0) == FV__ACCUMULATE)
        fv__add_all(call->context, dx, dy);
    else if (dx->data != dy->data)
        fv__copy_all(call->context, dx, dy);
}

extern const fv_operator fv__op_gaussian_noise;
const fv_operator fv__op_gaussian_noise = {
    .size = sizeof(fv_operator),
    .name = "gaussian_noise",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(gaussian_noise),
    .abilities = FV_OVERWRITES | FV_IN_PLACE | FV_DRAWS_NUMBERS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_gaussian_noise_of(fv_variable *x, double deviation)
{
    const gaussian_noise attributes = { deviation };
    return fv_apply(&fv__op_gaussian_noise, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_gaussian_noise_options, NUMBER, deviation), .usual = 0.1,
      .range = FV__AT_LEAST_0, .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_gaussian_noise_options *options = layer->options;
    (void)count;
    return fv_gaussian_noise_of(inputs[0], options->deviation);
}

extern const fv__layer_type fv__layer_gaussian_noise;
const fv__layer_type fv__layer_gaussian_noise = {
    .kind = "gaussian_noise",
    .about = "in training adds random numbers of a normal distribution with "
             "that standard deviation; in evaluation y = x",
    FV__LAYER_OPTIONS(fv_gaussian_noise_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_gaussian_noise_new(const fv_gaussian_noise_options *options)
{
    return fv__layer_new(&fv__layer_gaussian_noise, options);
}
