/* Convolution of a batch of images, by the algorithm that fits its shape, and
 * what follows it: normalisation, a residual, a clamp. */
#include "op/conv2d.h"
#include "op/columns.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static fv__geometry geometry_of(const fv_tensor *x, const fv_tensor *weight,
                                const fv_convolution *a)
{
    return (fv__geometry){
        .batch = x->shape[0],
        .in = { x->shape[1], x->shape[2] },
        .channels = x->shape[3],
        .filters = weight->shape[0],
        .kernel = { weight->shape[1], weight->shape[2] },
        .stride = { a->stride[0], a->stride[1] },
        .dilation = { a->dilation[0], a->dilation[1] },
        .begin = { a->padding_begin[0], a->padding_begin[1] },
        .end = { a->padding_end[0], a->padding_end[1] },
        .groups = a->groups,
    };
}

static fv__conv_request wish_of(const fv_convolution *a)
{
    return (fv__conv_request){ (int)a->algorithm, a->strict != 0,
                               a->max_workspace };
}

/* Where the operands are; -1: not there. */
typedef struct places {
    int32_t bias, gamma, residual, count;
} places;

static places places_of(const fv__conv2d *a)
{
    places p = { -1, -1, -1, 2 };
    if (a->bias) p.bias = p.count++;
    if (a->normalised) p.gamma = p.count, p.count += 4;
    if (a->residual) p.residual = p.count++;
    return p;
}

/* ---- the shape rule ---------------------------------------------------- */

static bool channels_fit(const fv_inference *inference, const fv__geometry *g)
{
    const int64_t expected = inference->inputs[1]->shape[3];
    const int64_t channels[] = { expected, g->groups };
    if (g->groups < 1 || fv__product(2, channels) == g->channels) return true;
    fv_fail(inference->context, FV_MISUSE,
            "conv2d: input has %" PRId64 " channel%s, weight %s with %" PRId64
            " group%s expects %" PRId64,
            g->channels, g->channels == 1 ? "" : "s",
            FV__SHAPE(inference->inputs[1]), g->groups,
            g->groups == 1 ? "" : "s", fv__product(2, channels));
    return false;
}

/* Packed weights and scratch of one direction; the answers at least. */
static bool reserve(fv_inference *inference, const fv__geometry *g,
                    fv__direction direction, size_t *packed, size_t *scratch)
{
    const fv__conv2d *a = inference->attributes;
    fv_context *context = inference->context;
    const fv__conv_request request = wish_of(&a->convolution);
    const fv__conv_algorithm *algorithm =
        fv__conv_choose(context, inference->name, &request, g, direction);
    if (!algorithm) return false;
    const size_t weights = algorithm->packed(context, g, direction);
    const size_t work = algorithm->scratch(context, g, direction);
    if (weights > SIZE_MAX / 4 || work > SIZE_MAX / 4) {
        fv_fail(context, FV_LIMIT,
                "conv2d: the scratch of algorithm %s has no size that fits",
                algorithm->name);
        return false;
    }
    if (*packed < fv__align(weights)) *packed = fv__align(weights);
    if (*scratch < fv__align(work)) *scratch = fv__align(work);
    return true;
}

static size_t row_bytes(const fv_context *context, int64_t filters)
{
    return fv__align(fv__real_bytes(context, filters));
}

/* What is cached: a row of folded biases and the packed weights, or, where none
 * are packed, folded ones. */
static bool scratch(fv_inference *inference, const fv__geometry *g)
{
    const fv__conv2d *a = inference->attributes;
    fv_context *context = inference->context;
    const size_t weights = fv__align(
        fv__real_bytes(context, fv__product(4, inference->inputs[1]->shape)));
    size_t *back = &inference->backward_scratch, packed = 0;
    if (!reserve(inference, g, FV__FORWARD, &inference->cached,
                 &inference->forward_scratch))
        return false;
    if (a->normalised && inference->cached == 0) inference->cached = weights;
    inference->cached += row_bytes(context, g->filters);
    if (a->normalised && inference->forward_scratch < weights)
        inference->forward_scratch = weights;
    if (!inference->gradient) return true;
    if (!reserve(inference, g, FV__BACKWARD_DATA, &packed, back)) return false;
    *back += packed;
    const size_t columns = fv__columns_scratch(
        context, g->batch * g->out[0] * g->out[1], g->filters);
    if (*back < columns) *back = columns;
    return reserve(inference, g, FV__BACKWARD_WEIGHTS, &packed, back);
}

static bool operands_fit(const fv_inference *inference, const fv__geometry *g)
{
    static const char *const names[] = { "gamma", "beta", "mean", "variance" };
    const fv__conv2d *a = inference->attributes;
    const places p = places_of(a);
    if (a->bias
        && !fv__operand_vector(inference, p.bias, "bias", g->filters,
                               "filters"))
        return false;
    for (int32_t k = 0; a->normalised && k < 4; k++)
        if (!fv__operand_vector(inference, p.gamma + k, names[k], g->filters,
                                "filters"))
            return false;
    return true;
}

fv_status fv__conv2d_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__conv2d *a = inference->attributes;
    const fv_tensor *const *inputs = inference->inputs;
    if (!fv__operand(inference, 0, "input", 4)
        || !fv__operand(inference, 1, "weight", 4))
        return fv_failed(context);
    fv__geometry g = geometry_of(inputs[0], inputs[1], &a->convolution);
    if (!channels_fit(inference, &g) || !operands_fit(inference, &g)
        || fv__geometry_check(context, inference->name, false, &g) != FV_OK)
        return fv_failed(context);
    const int64_t shape[] = { g.batch, g.out[0], g.out[1], g.filters };
    fv__infer_output(inference, 4, shape);
    if (a->residual)
        fv__infer_shape(inference, places_of(a).residual, 4, shape);
    return scratch(inference, &g) ? FV_OK : fv_failed(context);
}

/* ---- the work ---------------------------------------------------------- */

/* What the algorithm gets; `y` has the shape of the result. */
static fv__conv_call conv_of(const fv_call *call, const fv_tensor *y,
                             fv__geometry *g)
{
    const fv_tensor *const *inputs = call->inputs;
    const fv__conv2d *a = call->attributes;
    *g = geometry_of(inputs[0], inputs[1], &a->convolution);
    g->out[0] = y->shape[1];
    g->out[1] = y->shape[2];
    return (fv__conv_call){ .context = call->context,
                            .geometry = g,
                            .x = inputs[0]->data,
                            .weight = inputs[1]->data,
                            .scratch = call->scratch };
}

static const fv__conv_algorithm *algorithm_of(const fv_call *call,
                                              const fv__geometry *g,
                                              fv__direction direction)
{
    const fv__conv2d *a = call->attributes;
    const fv__conv_request request = wish_of(&a->convolution);
    return fv__conv_choose(call->context, "conv2d", &request, g, direction);
}

/* weight' = s weight and bias' = s (bias - mean) + beta for each filter, where
 * s = gamma / sqrt(variance + epsilon). */
static void fold(const fv_call *call, const fv__geometry *g, void *weights,
                 void *biases)
{
    fv_context *context = call->context;
    const fv__conv2d *a = call->attributes;
    const fv_tensor *const *norm = call->inputs + places_of(a).gamma;
    const int64_t span = fv_tensor_count(call->inputs[1]) / g->filters;
    for (int64_t f = 0; f < g->filters; f++) {
        const double scale =
            fv__real_get(context, norm[0]->data, f)
            / sqrt(fv__real_get(context, norm[3]->data, f) + a->epsilon);
        const double bias =
            a->bias ? fv__real_get(context,
                                   call->inputs[places_of(a).bias]->data, f)
                    : 0;
        const size_t at = fv__real_bytes(context, f * span);
        fv__real_set(context, biases, f,
                     scale * (bias - fv__real_get(context, norm[2]->data, f))
                         + fv__real_get(context, norm[1]->data, f));
        context->kernels->unary(FV__SCALE_ADD, (size_t)span,
                                (const unsigned char *)call->inputs[1]->data
                                    + at,
                                (unsigned char *)weights + at, scale, 0);
    }
}

/* Packs the weights, folded if need be, unless the cache is valid. */
static void prepare(const fv_call *call, const fv__conv_algorithm *algorithm,
                    fv__conv_call *conv)
{
    const fv__conv2d *a = call->attributes;
    const fv__geometry *g = conv->geometry;
    void *biases = call->cached;
    conv->packed =
        (unsigned char *)call->cached + row_bytes(call->context, g->filters);
    if (a->bias) conv->epilogue.bias = call->inputs[places_of(a).bias]->data;
    if (a->normalised) conv->epilogue.bias = biases;
    const bool packs = algorithm->packed(call->context, g, FV__FORWARD) > 0;
    void *folded = packs ? call->scratch : conv->packed;
    if (a->normalised && !call->cache_valid) fold(call, g, folded, biases);
    if (a->normalised) conv->weight = folded;
    if (packs && !call->cache_valid) algorithm->pack(conv, FV__FORWARD);
    if (a->normalised && packs) conv->weight = NULL; /* scratch from now on */
}

void fv__conv2d_forward(const fv_call *call)
{
    const fv__conv2d *a = call->attributes;
    fv__geometry g;
    fv__conv_call conv = conv_of(call, call->output, &g);
    const fv__conv_algorithm *algorithm = algorithm_of(call, &g, FV__FORWARD);
    if (!algorithm) return;
    prepare(call, algorithm, &conv);
    if (a->residual)
        conv.epilogue.residual = call->inputs[places_of(a).residual]->data;
    conv.epilogue.clamp = a->clamp;
    conv.epilogue.low = a->low;
    conv.epilogue.high = a->high;
    conv.y = call->output->data;
    algorithm->run(&conv, FV__FORWARD);
}

static void run_back(const fv_call *call, fv__conv_call *conv,
                     fv__direction direction)
{
    const fv__conv_algorithm *algorithm =
        algorithm_of(call, conv->geometry, direction);
    if (!algorithm) return;
    const size_t packed =
        algorithm->packed(call->context, conv->geometry, direction);
    conv->packed = call->scratch;
    conv->scratch = (unsigned char *)call->scratch + fv__align(packed);
    if (packed) algorithm->pack(conv, direction);
    algorithm->run(conv, direction);
}

/* The bias alone: its weight is frozen. */
static void bias_grad(const fv_call *call, const fv__geometry *g, void *dbias)
{
    const fv__columns columns = { .m = g->batch * g->out[0] * g->out[1],
                                  .c = g->filters,
                                  .x = call->output_grad->data };
    fv__columns_add(call->context, &columns, dbias, call->scratch);
}

void fv__conv2d_backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const fv__conv2d *a = call->attributes;
    const int32_t place = places_of(a).bias;
    const bool bias = place >= 0 && grads[place];
    fv__geometry g;
    fv__conv_call conv = conv_of(call, call->output_grad, &g);
    conv.dy = call->output_grad->data;
    if (a->clamp) /* nobody needs the gradient of the output afterwards */
        fv__unary_grad_all(call->context, FV__CLAMP, fv__count(call->output),
                           call->output->data, call->output->data, conv.dy,
                           call->output_grad->data, a->low, a->high, FV__STORE);
    if (grads[0]) {
        conv.dx = grads[0]->data;
        conv.overwrite = fv__accumulation_of(call, 0) == FV__STORE;
        run_back(call, &conv, FV__BACKWARD_DATA);
    }
    conv.overwrite = false;
    if (grads[1]) fv__clear_fresh(call, 1);
    if (bias) fv__clear_fresh(call, place);
    if (grads[1]) {
        conv.dweight = grads[1]->data;
        conv.dbias = bias ? grads[place]->data : NULL;
        run_back(call, &conv, FV__BACKWARD_WEIGHTS);
    } else if (bias) {
        bias_grad(call, &g, grads[place]->data);
    }
}

const fv_operator fv__op_conv2d = {
    .size = sizeof(fv_operator),
    .name = "conv2d",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes_size = sizeof(fv__conv2d),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),
    .abilities = FV_OVERWRITES,
    .infer = fv__conv2d_infer,
    .forward = fv__conv2d_forward,
    .backward = fv__conv2d_backward,
    .onnx = "Conv",
};

fv_variable *fv_conv2d(fv_variable *x, fv_variable *weight, fv_variable *bias,
                       const fv_convolution *geometry)
{
    const int64_t one[] = { 1, 1 };
    fv__conv2d full = { .bias = bias != NULL };
    fv_convolution *a = &full.convolution;
    if (geometry) *a = *geometry;
    fv__option_pair(a->stride, 0, one);
    fv__option_pair(a->dilation, 0, one);
    a->groups = fv__option_count(a->groups, 1);
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_conv2d, &full, bias ? 3 : 2, inputs);
}
