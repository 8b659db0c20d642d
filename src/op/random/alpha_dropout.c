/* Dropout for networks of SELU: what is dropped takes SELU's limit at minus
 * infinity, and mean and variance stay. */
#include "op/random/random.h"

#include <math.h>

/* Minus scale times alpha of SELU. */
static const double limit = -1.7580993408473768;

static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t each = fv__rows_per_chunk(1);
    return (fv__chunks){ .units = fv_tensor_count(x),
                         .each = each,
                         .buffer = fv__real_bytes(context, each),
                         .cost = 10 };
}

static fv_status infer(fv_inference *inference)
{
    if (fv__dropout_check(inference) != FV_OK)
        return fv_failed(inference->context);
    const fv__chunks chunks =
        chunks_of(inference->context, inference->inputs[0]);
    inference->forward_scratch =
        fv__chunks_scratch(inference->context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

/* The slope of the map that restores mean and variance; 0 if all is dropped. */
static double slope_of(double p)
{
    return p < 1 ? 1 / sqrt((1 - p) * (1 + p * limit * limit)) : 0;
}

/* y = slope (kept ? x : limit) + shift, as slope (kept (x - limit) + limit) +
 * shift */
static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const double p = ((const fv__dropout *)call->attributes)->probability;
    const fv__kernels *kernels = call->context->kernels;
    const double slope = slope_of(p);
    void *y = fv__tensor_byte(call->outputs[0], first);
    (void)sum;
    kernels->unary(FV__SCALE_ADD, (size_t)count,
                   fv__tensor_byte(call->inputs[0], first), buffer, 1, -limit);
    fv__dropout_apply(call, first, count, buffer, buffer);
    kernels->unary(FV__SCALE_ADD, (size_t)count, buffer, y, slope * (1 - p),
                   slope * limit * (1 - p));
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->outputs[0]);
    if (fv__dropout_drops(call))
        fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
    else
        fv__random_pass(call);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const double p = ((const fv__dropout *)call->attributes)->probability;
    const fv__kernels *kernels = call->context->kernels;
    const double slope = slope_of(p) * (1 - p);
    const void *dy = fv__tensor_byte(call->output_grads[0], first);
    void *dx = fv__tensor_byte(call->input_grads[0], first);
    (void)sum;
    fv__dropout_apply(call, first, count, dy, buffer);
    if (fv__accumulation_of(call, 0) == FV__ACCUMULATE)
        kernels->axpy((size_t)count, slope, buffer, dx);
    else
        kernels->unary(FV__SCALE_ADD, (size_t)count, buffer, dx, slope, -0.0);
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->output_grads[0]);
    if (fv__dropout_drops(call))
        fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
    else
        fv__random_pass_grad(call);
}

const fv_operator fv__op_alpha_dropout = {
    FV__RANDOM_OPERATOR("alpha_dropout"),
    .attributes_size = sizeof(fv__dropout),
};

fv_variable *fv_alpha_dropout_of(fv_variable *x, double probability)
{
    const fv__dropout attributes = { probability };
    return fv_apply(&fv__op_alpha_dropout, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_dropout_options *options = layer->options;
    (void)count;
    return fv_alpha_dropout_of(inputs[0], options->probability);
}

const fv__layer_type fv__layer_alpha_dropout = {
    .kind = "alpha_dropout",
    .about = "in training sets values to -1.758 with that probability and maps "
             "all so that mean and variance stay; in evaluation y = x",
    FV__RANDOM_LAYER(fv_dropout_options),
    .fields = fv__dropout_fields,
};

fv_layer *fv_alpha_dropout_new(const fv_dropout_options *options)
{
    return fv__layer_new(&fv__layer_alpha_dropout, options);
}
