/* Batch normalisation: each channel shifted and scaled to mean 0 and variance
 * 1, then by beta and gamma. */
#include "op/norm/affine.h"
#include "op/chunk.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Roles of inputs; those that an operator does not have leave no gap. */
enum { X, GAMMA, BETA, MEAN, VARIANCE, BATCHES, INPUTS };

/* In training the new running statistics are outputs, too. */
enum { Y, NEW_MEAN, NEW_VARIANCE, NEW_BATCHES, OUTPUTS };

static bool affine(const fv__batchnorm *a)
{
    return !(a->without & FV__NO_AFFINE);
}

static bool tracks(const fv__batchnorm *a)
{
    return !(a->without & FV__NO_STATISTICS);
}

static bool cumulative(const fv__batchnorm *a)
{
    return tracks(a) && a->without & FV__NO_MOMENTUM;
}

/* The number of the input with that role, -1 if there is none. */
static int32_t input_of(const fv__batchnorm *a, int role)
{
    if (role == X) return 0;
    if (role <= BETA) return affine(a) ? role : -1;
    if (!tracks(a) || (role == BATCHES && !cumulative(a))) return -1;
    return affine(a) ? role : role - BETA;
}

static const void *data_of(const fv_call *call, int role)
{
    const int32_t k = input_of(call->attributes, role);
    return k < 0 ? NULL : call->inputs[k]->data;
}

/* Whether the statistics are those of the batch. */
static bool by_batch(const fv__batchnorm *a, bool training)
{
    return training || !tracks(a);
}

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

/* The scratch begins with that many rows of c numbers. */
static int rows_of_scratch(const fv__batchnorm *a) { return affine(a) ? 3 : 4; }

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
    static const char *const names[INPUTS] = { "input", "gamma",    "beta",
                                               "mean",  "variance", "batches" };
    const fv__batchnorm *a = inference->attributes;
    const fv_tensor *x = inference->inputs[X];
    if (!fv__operand(inference, X, names[X], -1)) return false;
    const int64_t c = channels_of(x);
    for (int role = GAMMA; role < INPUTS; role++) {
        const int32_t k = input_of(a, role);
        const bool one = role == BATCHES;
        if (k >= 0
            && !fv__operand_vector(inference, k, names[role], one ? 1 : c,
                                   one ? "count" : "channels"))
            return false;
    }
    if (c < 1)
        fv_fail(inference->context, FV_MISUSE, "%s: input %s has no channels",
                inference->name, FV__SHAPE(x));
    else if (by_batch(a, inference->training) && rows_of(x) < 2)
        fv_fail(inference->context, FV_MISUSE,
                "%s: %s needs 2 values a channel, input %s has %" PRId64,
                inference->name,
                inference->training ? "training" : "evaluation by the batch",
                FV__SHAPE(x), rows_of(x));
    else
        return true;
    return false;
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__batchnorm *a = inference->attributes;
    const fv_tensor *x = inference->inputs[X];
    if (!numbers_fit(inference) || !shapes_fit(inference))
        return fv_failed(context);
    const fv__chunks chunks = chunks_of(x);
    const int64_t sums[] = { 2, blocks_of(x), channels_of(x) };
    const size_t blocks = fv__real_bytes(context, fv__product(3, sums));
    const size_t cut = fv__chunks_scratch(context, &chunks);
    const size_t row = row_bytes(context, x);
    inference->saved = 2 * row;
    inference->forward_scratch = fv__bytes_sum((size_t)rows_of_scratch(a) * row,
                                               blocks > cut ? blocks : cut);
    inference->backward_scratch = inference->forward_scratch;
    if (!tracks(a)) inference->window[0] = inference->window[1] = 0;
    inference->num_outputs = Y + 1;
    if (inference->training && tracks(a))
        inference->num_outputs = cumulative(a) ? OUTPUTS : NEW_BATCHES;
    for (int32_t k = NEW_MEAN; k < inference->num_outputs; k++)
        inference->outputs[k] =
            *inference->inputs[input_of(a, MEAN + k - NEW_MEAN)];
    return fv__infer_output(inference, x->rank, x->shape);
}

/* ---- forward ----------------------------------------------------------- */

/* The scratch behind those rows, for sums or for chunks. */
static void *rest_of(const fv_call *call)
{
    return row_at(call, call->scratch, rows_of_scratch(call->attributes));
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

/* The weight of the batch in the running statistics. */
static double momentum_of(const fv_call *call)
{
    const fv__batchnorm *a = call->attributes;
    if (!cumulative(a)) return a->momentum;
    return 1 / (fv__real_get(call->context, data_of(call, BATCHES), 0) + 1);
}

/* r = (1 - momentum) r + momentum b */
static void follow(const fv_call *call, int role, double momentum, int64_t j,
                   double batch)
{
    const double before = fv__real_get(call->context, data_of(call, role), j);
    fv__real_set(call->context, call->outputs[NEW_MEAN + role - MEAN]->data, j,
                 (1 - momentum) * before + momentum * batch);
}

/* The new running statistics, from the mean and the squares of the batch. */
static void follow_batch(const fv_call *call, const void *mean,
                         const void *squares)
{
    const fv_context *context = call->context;
    const double m = (double)rows_of(call->inputs[X]);
    const double momentum = momentum_of(call);
    for (int64_t j = 0; j < channels_of(call->inputs[X]); j++) {
        follow(call, MEAN, momentum, j, fv__real_get(context, mean, j));
        follow(call, VARIANCE, momentum, j,
               fv__real_get(context, squares, j) / (m - 1));
    }
    if (cumulative(call->attributes))
        fv__real_set(context, call->outputs[NEW_BATCHES]->data, 0,
                     fv__real_get(context, data_of(call, BATCHES), 0) + 1);
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
    if (tracks(a)) follow_batch(call, mean, inverse);
    for (int64_t j = 0; j < c; j++) {
        const double squares = fv__real_get(context, inverse, j);
        fv__real_set(context, inverse, j, 1 / sqrt(squares / m + a->epsilon));
    }
}

static void running_statistics(const fv_call *call, void *mean, void *inverse)
{
    const fv__batchnorm *a = call->attributes;
    fv_context *context = call->context;
    const void *variance = data_of(call, VARIANCE);
    memcpy(mean, data_of(call, MEAN),
           fv__real_bytes(context, channels_of(call->inputs[X])));
    for (int64_t j = 0; j < channels_of(call->inputs[X]); j++)
        fv__real_set(context, inverse, j,
                     1 / sqrt(fv__real_get(context, variance, j) + a->epsilon));
}

/* The rows of scratch: y = SCALE centred + beta, where centred is x - mean,
 * and dx (+)= SCALE dy + SLOPE centred + OFFSET. ZEROS stands for beta. */
enum { SCALE, SLOPE, OFFSET, ZEROS };

/* Mean and inverse deviation, in two rows. */
static void *statistics_of(const fv_call *call)
{
    return call->saved ? call->saved : row_at(call, call->scratch, SLOPE);
}

static fv__normal normal_of(const fv_call *call)
{
    const fv__batchnorm *a = call->attributes;
    const int64_t count = fv_tensor_count(call->inputs[X]);
    const void *beta = data_of(call, BETA);
    return (fv__normal){ .mean = statistics_of(call),
                         .a = row_at(call, call->scratch, SCALE),
                         .b = beta ? beta : row_at(call, call->scratch, ZEROS),
                         .low = a->low,
                         .high = a->high,
                         .nontemporal =
                             fv__is_nontemporal(call->context, count, count) };
}

/* Both passes compute the scale here, so that the backward pass clamps exactly
 * the results that the forward pass clamped. */
static void find_scale(const fv_call *call)
{
    const fv__kernels *kernels = call->context->kernels;
    const size_t c = (size_t)channels_of(call->inputs[X]);
    const void *inverse = row_at(call, statistics_of(call), 1);
    const void *gamma = data_of(call, GAMMA);
    void *scale = row_at(call, call->scratch, SCALE);
    if (gamma) {
        kernels->binary(FV__MUL, c, inverse, 1, gamma, 1, scale);
        return;
    }
    memcpy(scale, inverse, fv__real_bytes(call->context, (int64_t)c));
    kernels->fill(c, 0, row_at(call, call->scratch, ZEROS));
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
    if (by_batch(call->attributes, call->training))
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
        by_batch(call->attributes, call->training)
            ? row_at(call, call->scratch, SLOPE)
            : NULL,
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
    const bool scaled = affine(call->attributes);
    find_scale(call);
    sum_rows(call);
    for (int32_t k = X + 1; k < call->num_inputs; k++)
        if (grads[k]) fv__clear_fresh(call, k);
    if (scaled && grads[GAMMA]) gamma_grad(call, grads[GAMMA]->data);
    if (scaled && grads[BETA])
        kernels->axpy(c, 1, row_at(call, call->scratch, OFFSET),
                      grads[BETA]->data);
    if (!grads[X]) return;
    if (by_batch(call->attributes, call->training)) find_slopes(call);
    const fv__chunks chunks = chunks_of(call->output_grads[0]);
    fv__chunks_run(call, &chunks, rest_of(call), chunk_grad);
}

const fv_operator fv__op_batchnorm = {
    .size = sizeof(fv_operator),
    .name = "batchnorm",
    .min_inputs = X + 1,
    .max_inputs = INPUTS,
    .attributes_size = sizeof(fv__batchnorm),
    .backward_reads =
        FV_READS_INPUT(X) | FV_READS_INPUT(GAMMA) | FV_READS_INPUT(BETA),
    .abilities = FV_OVERWRITES | FV_IN_PLACE,
    .max_outputs = OUTPUTS,
    .without_gradient = 1u << NEW_MEAN | 1u << NEW_VARIANCE | 1u << NEW_BATCHES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "BatchNormalization",
};

/* In training the running statistics are assigned. */
fv_variable *fv__apply_batchnorm(fv_variable *const roles[],
                                 const fv__batchnorm *attributes)
{
    fv_variable *outputs[OUTPUTS], *inputs[INPUTS];
    int32_t count = 0;
    for (int role = X; role < INPUTS; role++)
        if (input_of(attributes, role) >= 0) inputs[count++] = roles[role];
    fv_apply_n(&fv__op_batchnorm, attributes, count, inputs, OUTPUTS, outputs);
    for (int k = NEW_MEAN; k < OUTPUTS; k++)
        if (outputs[k]
            && fv__assign(roles[MEAN + k - NEW_MEAN], outputs[k]) != FV_OK)
            return NULL;
    return outputs[Y];
}

fv_variable *fv_batchnorm_of(fv_variable *x, fv_variable *gamma,
                             fv_variable *beta, fv_variable *mean,
                             fv_variable *variance, double epsilon,
                             double momentum)
{
    fv_variable *const roles[INPUTS] = { x, gamma, beta, mean, variance };
    const fv__batchnorm attributes = {
        epsilon, momentum, -(double)INFINITY, (double)INFINITY,
        (gamma || beta ? 0u : FV__NO_AFFINE)
            | (mean || variance ? 0u : FV__NO_STATISTICS)
    };
    return fv__apply_batchnorm(roles, &attributes);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_batchnorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD(fv_batchnorm_options, NUMBER, momentum), .usual = 0.1,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD_AS("affine", fv_batchnorm_options, LACK, no_affine) },
    { FV__FIELD_AS("track", fv_batchnorm_options, LACK, no_track) },
    { FV__FIELD(fv_batchnorm_options, SWITCH, cumulative) },
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
    const fv_batchnorm_options *options = layer->options;
    (void)count;
    if (options->cumulative && options->no_track)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: cumulative, but track=no keeps no statistics",
                       layer->name);
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    int64_t channels = inputs[0].extent[inputs[0].rank - 1];
    if (!options->no_affine) {
        add_parameter(layer, "weight", channels, 1, true);
        add_parameter(layer, "bias", channels, 0, true);
    }
    if (!options->no_track) {
        add_parameter(layer, "running_mean", channels, 0, false);
        add_parameter(layer, "running_var", channels, 1, false);
    }
    if (options->cumulative) add_parameter(layer, "batches", 1, 0, false);
    return fv_failed(layer->context);
}

double fv__layer_epsilon(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return options->epsilon;
}

bool fv__layer_folds(const fv_layer *layer)
{
    const fv_batchnorm_options *options = layer->options;
    return !options->no_affine && !options->no_track;
}

fv_variable *fv__apply_clamped_batchnorm(const fv_layer *layer, fv_variable *x,
                                         double low, double high)
{
    const fv_batchnorm_options *options = layer->options;
    const fv__batchnorm attributes = {
        options->epsilon, options->momentum, low, high,
        (options->no_affine ? FV__NO_AFFINE : 0u)
            | (options->no_track ? FV__NO_STATISTICS : 0u)
            | (options->cumulative ? FV__NO_MOMENTUM : 0u)
    };
    fv_variable *roles[INPUTS] = { x };
    int32_t next = 0;
    for (int role = GAMMA; role < INPUTS; role++)
        if (input_of(&attributes, role) >= 0)
            roles[role] = layer->parameters[next++].variable;
    return fv__apply_batchnorm(roles, &attributes);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    return fv__apply_clamped_batchnorm(layer, inputs[0], -(double)INFINITY,
                                       (double)INFINITY);
}

const fv__layer_type fv__layer_batchnorm = {
    .kind = "batchnorm",
    .about = "y = weight (x - mean) / sqrt(variance + epsilon) + bias for each "
             "channel: mean and variance of the batch in training and with "
             "track=no, otherwise running ones, with cumulative=yes of all "
             "batches alike",
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
