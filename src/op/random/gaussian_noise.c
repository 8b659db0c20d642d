/* Adds random numbers of a normal distribution in training. */
#include "op/random/random.h"

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
    context->kernels->normal(context->seed, fv__random_stream(call),
                             (uint64_t)first, (size_t)count, 0, a->deviation,
                             buffer);
    context->kernels->binary(FV__ADD, (size_t)count,
                             fv__tensor_byte(call->inputs[0], first), 1, buffer,
                             1, fv__tensor_byte(call->outputs[0], first));
}

static void backward(const fv_call *call) { fv__random_pass_grad(call); }

static void forward(const fv_call *call)
{
    const gaussian_noise *a = call->attributes;
    const fv__chunks chunks = chunks_of(call->context, call->outputs[0]);
    if (call->training && a->deviation > 0)
        fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
    else
        fv__random_pass(call);
}

const fv_operator fv__op_gaussian_noise = {
    FV__RANDOM_OPERATOR("gaussian_noise"),
    .attributes_size = sizeof(gaussian_noise),
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

const fv__layer_type fv__layer_gaussian_noise = {
    .kind = "gaussian_noise",
    .about = "in training adds random numbers of a normal distribution with "
             "that standard deviation; in evaluation y = x",
    FV__RANDOM_LAYER(fv_gaussian_noise_options),
    .fields = fields,
};

fv_layer *fv_gaussian_noise_new(const fv_gaussian_noise_options *options)
{
    return fv__layer_new(&fv__layer_gaussian_noise, options);
}
