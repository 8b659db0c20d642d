/* Batch normalisation: each channel shifted and scaled to mean 0 and variance
 * 1, then by beta and gamma. */
#include "op/affine.h"
#include "op/chunk.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { X, GAMMA, BETA, MEAN, VARIANCE, INPUTS };

/* In training the new running statistics are outputs, too. */
enum { Y, NEW_MEAN, NEW_VARIANCE, OUTPUTS };

/* ---- the shape rule ---------------------------------------------------- */

/* Rows of the operand: each has one number for each channel. */
static int64_t rows_of(const fv_tensor *x)
{
    return fv__product(x->rank - 1, x->shape);
}

static int64_t channels_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

/* Chunks of rows, the units of work. */
static fv__chunks chunks_of(const fv_tensor *x)
{
    const int64_t c = channels_of(x);
    return (fv__chunks){ .units = rows_of(x),
                         .each = fv__rows_per_chunk(c),
                         .cost = 3 * (double)c };
}

/* The sums of a block of rows are computed while the block is in the cache. */
enum { BLOCK_ELEMENTS = 1 << 14, BLOCK_ROWS = 32 };

static int64_t rows_a_block(const fv_tensor *x)
{
    return fv__max(BLOCK_ELEMENTS / channels_of(x), BLOCK_ROWS);
}

static int64_t blocks_of(const fv_tensor *x)
{
    return fv__divide_up(rows_of(x), rows_a_block(x));
}

/* The scratch begins with ROWS rows of c numbers. */
enum { ROWS = 3 };

static size_t row_bytes(const fv_context *context, const fv_tensor *x)
{
    return fv__align(fv__real_bytes(context, channels_of(x)));
}

static void *row_at(const fv_call *call, void *base, int i)
{
    return (unsigned char *)base
           + (size_t)i * row_bytes(call->context, call->inputs[X]);
}

static bool numbers_fit(const fv_inference *inference)
{
    const fv__batchnorm *a = inference->attributes;
    if (!fv__epsilon_fits(inference, a->epsilon)) return false;
    if (!(a->momentum >= 0 && a->momentum <= 1))
        fv_fail(inference->context, FV_MISUSE,
                "%s: momentum %s is outside 0..1", inference->name,
                FV__NUMBER(a->momentum));
    else
        return true;
    return false;
}

static bool shapes_fit(const fv_inference *inference)
{
    static const char *const names[INPUTS] = { "input", "gamma", "beta", "mean",
                                               "variance" };
    const fv_tensor *x = inference->inputs[X];
    if (!fv__operand(inference, X, names[X], -1)) return false;
    const int64_t c = channels_of(x);
    for (int32_t k = GAMMA; k < INPUTS; k++)
        if (!fv__operand_vector(inference, k, names[k], c, "channels"))
            return false;
    if (c < 1)
        fv_fail(inference->context, FV_MISUSE, "%s: input %s has no channels",
                inference->name, FV__SHAPE(x));
    else if (inference->training && rows_of(x) < 2)
        fv_fail(inference->context, FV_MISUSE,
                "%s: training needs 2 values a channel, input %s has "
                "%" PRId64,
                inference->name, FV__SHAPE(x), rows_of(x));
    else
        return true;
    return false;
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[X];
    if (!numbers_fit(inference) || !shapes_fit(inference))
        return fv_failed(context);
    const fv__chunks chunks = chunks_of(x);
    const int64_t sums[] = { 2, blocks_of(x), channels_of(x) };
    const size_t blocks = fv__real_bytes(context, fv__product(3, sums));
    const size_t cut = fv__chunks_scratch(context, &chunks);
    const size_t row = row_bytes(context, x);
    inference->saved = 2 * row;
    inference->forward_scratch =
        fv__bytes_sum(ROWS * row, blocks > cut ? blocks : cut);
    inference->backward_scratch = inference->forward_scratch;
    inference->num_outputs = inference->training ? OUTPUTS : Y + 1;
    for (int32_t k = NEW_MEAN; k < inference->num_outputs; k++)
        inference->outputs[k] = *inference->inputs[MEAN];
    return fv__infer_output(inference, x->rank, x->shape);
}

/* ---- forward ----------------------------------------------------------- */

/* The scratch behind those rows, for sums or for chunks. */
static void *rest_of(const fv_call *call)
{
    return row_at(call, call->scratch, ROWS);
}

/* Computes two sums of each column of a block of rows. */
typedef void block_sums(const fv_call *call, int64_t first, int64_t count,
                        void *one, void *other);

typedef struct blocks {
    const fv_call *call;
    block_sums *work;
} blocks;

/* Row of the first or second sum of each block. */
static void *sums_at(const fv_call *call, int which, int64_t block)
{
    const fv_tensor *x = call->inputs[X];
    return fv__number_at(call->context, rest_of(call),
                         (which * blocks_of(x) + block) * channels_of(x));
}

static void sum_block(void *argument, size_t item, size_t worker)
{
    const blocks *b = argument;
    const fv_tensor *x = b->call->inputs[X];
    const int64_t each = rows_a_block(x), block = (int64_t)item;
    const int64_t first = block * each;
    (void)worker;
    b->work(b->call, first, fv__min(rows_of(x) - first, each),
            sums_at(b->call, 0, block), sums_at(b->call, 1, block));
}

static void sum_blocks(const fv_call *call, block_sums *work)
{
    blocks b = { call, work };
    fv__parallel(call->context, (size_t)blocks_of(call->inputs[X]),
                 2 * (double)fv_tensor_count(call->inputs[X]), sum_block, &b);
}

static void moments(const fv_call *call, int64_t first, int64_t count,
                    void *sum, void *square)
{
    const fv_tensor *x = call->inputs[X];
    const int64_t c = channels_of(x);
    call->context->kernels->column_moments(
        (size_t)count, (size_t)c, fv__tensor_byte(x, first * c), sum, square);
}

/* r = (1 - momentum) r + momentum b */
static void follow(const fv_call *call, int input, int output, int64_t j,
                   double batch)
{
    const fv__batchnorm *a = call->attributes;
    const double before =
        fv__real_get(call->context, call->inputs[input]->data, j);
    fv__real_set(call->context, call->outputs[output]->data, j,
                 (1 - a->momentum) * before + a->momentum * batch);
}

/* Computes mean and inverse deviation of the batch and the new running
 * statistics. */
static void batch_statistics(const fv_call *call, void *mean, void *inverse)
{
    const fv__batchnorm *a = call->attributes;
    fv_context *context = call->context;
    const fv_tensor *x = call->inputs[X];
    const int64_t c = channels_of(x);
    const double m = (double)rows_of(x);
    sum_blocks(call, moments);
    context->kernels->column_merge((size_t)rows_of(x), (size_t)rows_a_block(x),
                                   (size_t)c, sums_at(call, 0, 0),
                                   sums_at(call, 1, 0), mean, inverse);
    for (int64_t j = 0; j < c; j++) {
        const double squares = fv__real_get(context, inverse, j);
        follow(call, MEAN, NEW_MEAN, j, fv__real_get(context, mean, j));
        follow(call, VARIANCE, NEW_VARIANCE, j, squares / (m - 1));
        fv__real_set(context, inverse, j, 1 / sqrt(squares / m + a->epsilon));
    }
}

static void running_statistics(const fv_call *call, void *mean, void *inverse)
{
    const fv__batchnorm *a = call->attributes;
    fv_context *context = call->context;
    const void *variance = call->inputs[VARIANCE]->data;
    memcpy(mean, call->inputs[MEAN]->data,
           fv__real_bytes(context, channels_of(call->inputs[X])));
    for (int64_t j = 0; j < channels_of(call->inputs[X]); j++)
        fv__real_set(context, inverse, j,
                     1 / sqrt(fv__real_get(context, variance, j) + a->epsilon));
}

/* The rows of scratch: y = SCALE centred + beta, where centred is x - mean,
 * and dx (+)= SCALE dy + SLOPE centred + OFFSET. */
enum { SCALE, SLOPE, OFFSET };

/* Mean and inverse deviation, in two rows. */
static void *statistics_of(const fv_call *call)
{
    return call->saved ? call->saved : row_at(call, call->scratch, SLOPE);
}

static fv__normal normal_of(const fv_call *call)
{
    const fv__batchnorm *a = call->attributes;
    return (fv__normal){ .mean = statistics_of(call),
                         .a = row_at(call, call->scratch, SCALE),
                         .b = call->inputs[BETA]->data,
                         .low = a->low,
                         .high = a->high };
}

/* Both passes compute the scale here, so that the backward pass clamps exactly
 * the results that the forward pass clamped. */
static void find_scale(const fv_call *call)
{
    call->context->kernels->binary(
        FV__MUL, (size_t)channels_of(call->inputs[X]),
        row_at(call, statistics_of(call), 1), 1, call->inputs[GAMMA]->data, 1,
        row_at(call, call->scratch, SCALE));
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv__normal normal = normal_of(call);
    const int64_t c = channels_of(call->outputs[0]);
    (void)buffer;
    (void)sum;
    call->context->kernels->column_normalise(
        (size_t)count, (size_t)c, &normal,
        fv__tensor_byte(call->inputs[X], first * c),
        fv__tensor_byte(call->outputs[0], first * c));
}

static void forward(const fv_call *call)
{
    void *mean = statistics_of(call), *inverse = row_at(call, mean, 1);
    if (call->training)
        batch_statistics(call, mean, inverse);
    else
        running_statistics(call, mean, inverse);
    find_scale(call);
    const fv__chunks chunks = chunks_of(call->inputs[X]);
    fv__chunks_run(call, &chunks, rest_of(call), chunk_forward);
}

/* ---- backward ---------------------------------------------------------- */

static void slopes(const fv_call *call, int64_t first, int64_t count, void *sum,
                   void *dot)
{
    const fv__normal normal = normal_of(call);
    const int64_t c = channels_of(call->output_grads[0]);
    call->context->kernels->column_slopes(
        (size_t)count, (size_t)c, &normal,
        fv__tensor_byte(call->output_grads[0], first * c),
        fv__tensor_byte(call->inputs[X], first * c), sum, dot);
}

/* Sums over the rows of dy, into OFFSET, and of dy centred, into SLOPE. */
static void sum_rows(const fv_call *call)
{
    const int rows[] = { OFFSET, SLOPE };
    sum_blocks(call, slopes);
    for (int i = 0; i < 2; i++)
        call->context->kernels->column_total(
            (size_t)blocks_of(call->inputs[X]),
            (size_t)channels_of(call->inputs[X]), sums_at(call, i, 0),
            row_at(call, call->scratch, rows[i]));
}

static void gamma_grad(const fv_call *call, void *dgamma)
{
    fv_context *context = call->context;
    const void *centred = row_at(call, call->scratch, SLOPE);
    const void *inverse = row_at(call, call->saved, 1);
    for (int64_t j = 0; j < channels_of(call->output_grads[0]); j++)
        fv__real_set(context, dgamma, j,
                     fv__real_get(context, dgamma, j)
                         + fv__real_get(context, centred, j)
                               * fv__real_get(context, inverse, j));
}

/* In evaluation the gradient does not depend on the centred rows, which may be
 * infinite. */
static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__normal normal = normal_of(call);
    const int64_t c = channels_of(call->output_grads[0]);
    (void)buffer;
    (void)sum;
    call->context->kernels->column_normalise_grad(
        (size_t)count, (size_t)c, &normal,
        call->training ? row_at(call, call->scratch, SLOPE) : NULL,
        row_at(call, call->scratch, OFFSET),
        fv__tensor_byte(call->output_grads[0], first * c),
        fv__tensor_byte(call->inputs[X], first * c),
        fv__tensor_byte(call->input_grads[X], first * c),
        fv__accumulation_of(call, X));
}

/* With s = gamma / deviation and u = centred / deviation:
 *     dx (+)= s dy                                in evaluation,
 *     dx (+)= s (dy - mean(dy) - u mean(dy u))    in training. */
static void find_slopes(const fv_call *call)
{
    fv_context *context = call->context;
    const void *inverse = row_at(call, call->saved, 1);
    void *slope = row_at(call, call->scratch, SLOPE);
    void *offset = row_at(call, call->scratch, OFFSET);
    const double m = (double)rows_of(call->output_grads[0]);
    for (int64_t j = 0; j < channels_of(call->output_grads[0]); j++) {
        const double i = fv__real_get(context, inverse, j);
        const double s =
            fv__real_get(context, row_at(call, call->scratch, SCALE), j);
        const double dy = fv__real_get(context, offset, j);
        const double dy_u = fv__real_get(context, slope, j) * i;
        fv__real_set(context, slope, j, -s * i * dy_u / m);
        fv__real_set(context, offset, j, -s * dy / m);
    }
}

static void backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const fv__kernels *kernels = call->context->kernels;
    const size_t c = (size_t)channels_of(call->output_grads[0]);
    find_scale(call);
    sum_rows(call);
    for (int k = X + 1; k < INPUTS; k++)
        if (grads[k]) fv__clear_fresh(call, k);
    if (grads[GAMMA]) gamma_grad(call, grads[GAMMA]->data);
    if (grads[BETA])
        kernels->axpy(c, 1, row_at(call, call->scratch, OFFSET),
                      grads[BETA]->data);
    if (!grads[X]) return;
    if (call->training) find_slopes(call);
    const fv__chunks chunks = chunks_of(call->output_grads[0]);
    fv__chunks_run(call, &chunks, rest_of(call), chunk_grad);
}

const fv_operator fv__op_batchnorm = {
    .size = sizeof(fv_operator),
    .name = "batchnorm",
    .min_inputs = INPUTS,
    .max_inputs = INPUTS,
    .attributes_size = sizeof(fv__batchnorm),
    .backward_reads =
        FV_READS_INPUT(X) | FV_READS_INPUT(GAMMA) | FV_READS_INPUT(BETA),
    .abilities = FV_OVERWRITES | FV_IN_PLACE,
    .max_outputs = OUTPUTS,
    .without_gradient = 1u << NEW_MEAN | 1u << NEW_VARIANCE,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "BatchNormalization",
};

/* In training the running statistics are assigned. */
fv_variable *fv__apply_batchnorm(fv_variable *const inputs[],
                                 const fv__batchnorm *attributes)
{
    fv_variable *outputs[OUTPUTS];
    fv_apply_n(&fv__op_batchnorm, attributes, INPUTS, inputs, OUTPUTS, outputs);
    if (outputs[NEW_MEAN]
        && (fv__assign(inputs[MEAN], outputs[NEW_MEAN]) != FV_OK
            || fv__assign(inputs[VARIANCE], outputs[NEW_VARIANCE]) != FV_OK))
        return NULL;
    return outputs[Y];
}

fv_variable *fv_batchnorm_of(fv_variable *x, fv_variable *gamma,
                             fv_variable *beta, fv_variable *mean,
                             fv_variable *variance, double epsilon,
                             double momentum)
{
    return fv__apply_batchnorm(
        (fv_variable *[]){ x, gamma, beta, mean, variance },
        &(fv__batchnorm){ epsilon, momentum, -(double)INFINITY,
                          (double)INFINITY });
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_batchnorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD(fv_batchnorm_options, NUMBER, momentum), .usual = 0.1,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { .key = NULL },
};

static void add_parameter(fv_layer *layer, const char *name, int64_t channels,
                          double value, bool trainable)
{
    fv__parameter *parameter = fv__layer_parameter(
        layer, name, 1, &channels,
        (fv__init){ .initializer = FV_INIT_CONSTANT, .value = value });
    if (parameter) parameter->trainable = trainable;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    int64_t channels = inputs[0].extent[inputs[0].rank - 1];
    add_parameter(layer, "weight", channels, 1, true);
    add_parameter(layer, "bias", channels, 0, true);
    add_parameter(layer, "running_mean", channels, 0, false);
    add_parameter(layer, "running_var", channels, 1, false);
    return fv_failed(layer->context);
}

double fv__layer_epsilon(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return options->epsilon;
}

double fv__layer_momentum(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return options->momentum;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv__parameter *p = layer->parameters;
    return fv_batchnorm_of(inputs[0], p[0].variable, p[1].variable,
                           p[2].variable, p[3].variable,
                           fv__layer_epsilon(layer), fv__layer_momentum(layer));
}

const fv__layer_type fv__layer_batchnorm = {
    .kind = "batchnorm",
    .about = "y = weight (x - mean) / sqrt(variance + epsilon) + bias for each "
             "channel: mean and variance of the batch in training, running "
             "ones in evaluation",
    FV__LAYER_OPTIONS(fv_batchnorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_batchnorm_new(const fv_batchnorm_options *options)
{
    return fv__layer_new(&fv__layer_batchnorm, options);
}
