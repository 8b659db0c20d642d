/* Local response normalisation: each channel divided by a power of the squares
 * of the channels around it. */
#include "op/norm/lrn.h"
#include "op/chunk.h"

#include <inttypes.h>
#include <math.h>

static int64_t channels_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

/* A channel's window begins size / 2 channels before it. */
fv__lrn fv__lrn_of(const fv_response_norm *a, int64_t channels)
{
    return (fv__lrn){ .before = (size_t)fv__min(a->channels / 2, channels),
                      .after = (size_t)fv__min((a->channels - 1) / 2, channels),
                      .scale = a->alpha / (double)a->channels,
                      .power = a->beta,
                      .k = a->k };
}

static fv__chunks chunks_of(const fv_context *context,
                            const fv_response_norm *a, const fv_tensor *x)
{
    const int64_t c = channels_of(x);
    const fv__lrn lrn = fv__lrn_of(a, c);
    const int64_t buffer = (int64_t)fv__lrn_buffer(&lrn, (size_t)c);
    return (fv__chunks){ .units = fv__product(x->rank - 1, x->shape),
                         .each = fv__rows_per_chunk(c),
                         .buffer = fv__real_bytes(context, buffer),
                         .cost = 32 * (double)c };
}

static bool numbers_fit(const fv_inference *inference)
{
    const fv_response_norm *a = inference->attributes;
    const double numbers[] = { a->alpha, a->beta, a->k };
    static const char *const names[] = { "alpha", "beta", "k" };
    if (a->channels < 1) {
        fv_fail(inference->context, FV_MISUSE,
                "%s: size %" PRId64 " is below 1", inference->name,
                a->channels);
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (numbers[i] >= 0 && isfinite(numbers[i])) continue;
        fv_fail(inference->context, FV_MISUSE, "%s: %s %s is not 0 or above",
                inference->name, names[i], FV__NUMBER(numbers[i]));
        return false;
    }
    return true;
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!numbers_fit(inference) || !fv__operand(inference, 0, "input", -1))
        return fv_failed(context);
    if (channels_of(x) < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no channels",
                       inference->name, FV__SHAPE(x));
    const fv__chunks chunks = chunks_of(context, inference->attributes, x);
    inference->forward_scratch = fv__chunks_scratch(context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const int64_t c = channels_of(call->outputs[0]);
    const fv__lrn lrn = fv__lrn_of(call->attributes, c);
    (void)sum;
    call->context->kernels->lrn((size_t)count, (size_t)c, &lrn,
                                fv__tensor_byte(call->inputs[0], first * c),
                                fv__tensor_byte(call->outputs[0], first * c),
                                buffer);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->attributes, call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const int64_t c = channels_of(call->output_grads[0]);
    const fv__lrn lrn = fv__lrn_of(call->attributes, c);
    (void)sum;
    call->context->kernels->lrn_grad(
        (size_t)count, (size_t)c, &lrn,
        fv__tensor_byte(call->output_grads[0], first * c),
        fv__tensor_byte(call->inputs[0], first * c),
        fv__tensor_byte(call->input_grads[0], first * c),
        fv__accumulation_of(call, 0), buffer);
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->attributes, call->output_grads[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_lrn = {
    .size = sizeof(fv_operator),
    .name = "lrn",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv_response_norm),
    .backward_reads = FV_READS_INPUT(0),
    .abilities = FV_OVERWRITES | FV_IN_PLACE,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "LRN",
};

fv_variable *fv_lrn_of(fv_variable *x, const fv_response_norm *response)
{
    return fv_apply(&fv__op_lrn, response, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD_AS("size", fv_lrn_options, COUNT, channels),
      .positional = true },
    { FV__FIELD(fv_lrn_options, NUMBER, alpha), .usual = 1e-4, .positive = true,
      .range = FV__ABOVE_0 },
    { FV__FIELD(fv_lrn_options, NUMBER, beta), .usual = 0.75, .positive = true,
      .range = FV__ABOVE_0 },
    { FV__FIELD(fv_lrn_options, NUMBER, k), .usual = 1, .positive = true,
      .range = FV__ABOVE_0 },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_lrn_options *options = layer->options;
    (void)count;
    return fv_lrn_of(inputs[0],
                     &(fv_response_norm){ options->channels, options->alpha,
                                          options->beta, options->k });
}

const fv__layer_type fv__layer_lrn = {
    .kind = "lrn",
    .about = "y = x / (k + alpha mean of x^2)^beta; the mean of `size` "
             "channels around each, with zeros beyond the first and last",
    FV__LAYER_OPTIONS(fv_lrn_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_lrn_new(const fv_lrn_options *options)
{
    return fv__layer_new(&fv__layer_lrn, options);
}
