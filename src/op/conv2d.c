/* Convolution of a batch of images, by the algorithm that fits its shape, and
 * what follows it: normalisation, a residual, a clamp. */
#include "op/conv2d.h"
#include "op/columns.h"
#include "op/window.h"

#include <fovea/convolution.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

static fv__geometry geometry_of(const fv_tensor *x, const fv_tensor *weight,
                                const fv_convolution *a)
{
    fv__geometry g = {
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
    fv__auto_pad(a->auto_pad, &g);
    return g;
}

static fv__conv_request request_of(const fv_convolution *a)
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
            "%s: input has %" PRId64 " channel%s, weight %s with %" PRId64
            " group%s expects %" PRId64,
            inference->name, g->channels, g->channels == 1 ? "" : "s",
            FV__SHAPE(inference->inputs[1]), g->groups,
            g->groups == 1 ? "" : "s", fv__product(2, channels));
    return false;
}

/* What the shape rule resolves for all calls of a node. */
typedef struct resolved {
    fv__geometry geometry;
    fv__conv_descriptor forward, data, weights; /* gradients if wanted */
} resolved;

static size_t row_bytes(const fv_context *context, int64_t filters)
{
    return fv__align(fv__real_bytes(context, filters));
}

/* Cached are a row of folded biases and the packed weights, or, where the
 * algorithm packs none, folded ones. */
static void reserve_forward(fv_inference *inference, const resolved *r)
{
    const fv__conv2d *a = inference->attributes;
    fv_context *context = inference->context;
    const size_t weights = fv__align(
        fv__real_bytes(context, fv__product(4, inference->inputs[1]->shape)));
    const bool folds = a->normalised;
    const size_t packed = fv__align(r->forward.packed);
    const size_t scratch = fv__align(r->forward.scratch);
    inference->cached = row_bytes(context, r->geometry.filters)
                        + (folds && packed == 0 ? weights : packed);
    inference->forward_scratch = folds && scratch < weights ? weights : scratch;
}

static void reserve_backward(fv_inference *inference, const resolved *r)
{
    const fv__geometry *g = &r->geometry;
    const size_t bytes[] = {
        fv__align(r->data.packed) + fv__align(r->data.scratch),
        fv__align(r->weights.scratch),
        fv__columns_scratch(inference->context,
                            g->batch * g->out[0] * g->out[1], g->filters),
    };
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        if (inference->backward_scratch < bytes[i])
            inference->backward_scratch = bytes[i];
}

static fv_status resolve(fv_inference *inference, const fv__geometry *g)
{
    const fv__conv2d *a = inference->attributes;
    fv_context *context = inference->context;
    const fv__conv_request request = request_of(&a->convolution);
    resolved *r = fv_inference_allocate(inference, sizeof *r);
    if (!r) return fv_failed(context);
    inference->resolved = r;
    r->geometry = *g;
    fv__conv_resolve(context, inference->name, &request, g, FV__FORWARD,
                     &r->forward);
    reserve_forward(inference, r);
    if (!inference->gradient) return fv_failed(context);
    fv__conv_resolve(context, inference->name, &request, g, FV__BACKWARD_DATA,
                     &r->data);
    fv__conv_resolve(context, inference->name, &request, g,
                     FV__BACKWARD_WEIGHTS, &r->weights);
    reserve_backward(inference, r);
    return fv_failed(context);
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
    fv__infer_window(inference, &g);
    inference->multiply_accumulates = fv__geometry_macs(&g);
    if (a->residual)
        fv__infer_shape(inference, places_of(a).residual, 4, shape);
    return fv__ok(context) ? resolve(inference, &g) : fv_failed(context);
}

/* ---- the work ---------------------------------------------------------- */

static fv__conv_call conv_of(const fv_call *call)
{
    const resolved *r = call->resolved;
    return (fv__conv_call){ .context = call->context,
                            .geometry = &r->geometry,
                            .x = call->inputs[0]->data,
                            .weight = call->inputs[1]->data,
                            .scratch = call->scratch };
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
static void prepare(const fv_call *call, fv__conv_call *conv)
{
    const fv__conv2d *a = call->attributes;
    const fv__conv_descriptor *d = &((const resolved *)call->resolved)->forward;
    const fv__geometry *g = conv->geometry;
    void *biases = call->cached;
    conv->packed =
        (unsigned char *)call->cached + row_bytes(call->context, g->filters);
    if (a->bias) conv->epilogue.bias = call->inputs[places_of(a).bias]->data;
    if (a->normalised) conv->epilogue.bias = biases;
    const bool packs = d->packed > 0;
    void *folded = packs ? call->scratch : conv->packed;
    if (a->normalised && !call->cache_valid) fold(call, g, folded, biases);
    if (a->normalised) conv->weight = folded;
    if (packs && !call->cache_valid) d->algorithm->pack(conv, FV__FORWARD);
    if (a->normalised && packs) conv->weight = NULL; /* scratch from now on */
}

void fv__conv2d_forward(const fv_call *call)
{
    const fv__conv2d *a = call->attributes;
    const resolved *r = call->resolved;
    fv__conv_call conv = conv_of(call);
    prepare(call, &conv);
    if (a->residual)
        conv.epilogue.residual = call->inputs[places_of(a).residual]->data;
    conv.epilogue.clamp = a->clamp;
    conv.epilogue.low = a->low;
    conv.epilogue.high = a->high;
    conv.y = call->outputs[0]->data;
    r->forward.algorithm->run(&conv, FV__FORWARD);
}

static void run_back(const fv_call *call, fv__conv_call *conv,
                     const fv__conv_descriptor *d)
{
    conv->packed = call->scratch;
    conv->scratch = (unsigned char *)call->scratch + fv__align(d->packed);
    if (d->packed) d->algorithm->pack(conv, d->direction);
    d->algorithm->run(conv, d->direction);
}

/* The bias alone: its weight is frozen. */
static void bias_grad(const fv_call *call, const fv__geometry *g, void *dbias)
{
    const fv__columns columns = { .m = g->batch * g->out[0] * g->out[1],
                                  .c = g->filters,
                                  .x = call->output_grads[0]->data };
    fv__columns_add(call->context, &columns, dbias, call->scratch);
}

void fv__conv2d_backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const fv__conv2d *a = call->attributes;
    const int32_t place = places_of(a).bias;
    const bool bias = place >= 0 && grads[place];
    const resolved *r = call->resolved;
    fv__conv_call conv = conv_of(call);
    conv.dy = call->output_grads[0]->data;
    if (a->clamp) /* nobody needs the gradient of the output afterwards */
        fv__unary_grad_all(
            call->context, FV__CLAMP, fv__count(call->outputs[0]),
            call->outputs[0]->data, call->outputs[0]->data, conv.dy,
            call->output_grads[0]->data, a->low, a->high, FV__STORE);
    if (grads[0]) {
        conv.dx = grads[0]->data;
        conv.overwrite = fv__accumulation_of(call, 0) == FV__STORE;
        run_back(call, &conv, &r->data);
    }
    conv.overwrite = false;
    if (grads[1]) fv__clear_fresh(call, 1);
    if (bias) fv__clear_fresh(call, place);
    if (grads[1]) {
        conv.dweight = grads[1]->data;
        conv.dbias = bias ? grads[place]->data : NULL;
        run_back(call, &conv, &r->weights);
    } else if (bias) {
        bias_grad(call, &r->geometry, grads[place]->data);
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
    fv__option_axes(2, a->stride, 0, one);
    fv__option_axes(2, a->dilation, 0, one);
    a->groups = fv__option_count(a->groups, 1);
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_conv2d, &full, bias ? 3 : 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_convolutional_options, COUNT, num_filters),
      .positional = true },
    { FV__FIELD(fv_convolutional_options, AXES, kernel), .positional = true,
      .positive = true },
    { FV__FIELD(fv_convolutional_options, AXES, stride), .usual = 1,
      .positive = true },
    FV__PADDING_FIELDS(fv_convolutional_options, 2),
    { FV__FIELD(fv_convolutional_options, AXES, dilation), .usual = 1,
      .positive = true },
    { FV__FIELD(fv_convolutional_options, COUNT, groups), .usual = 1,
      .positive = true },
    { FV__FIELD_AS("bias", fv_convolutional_options, LACK, no_bias) },
    { FV__FIELD(fv_convolutional_options, WORD, init),
      .usual = FV_INIT_KAIMING_NORMAL, .words = fv__initializer_words },
    { FV__FIELD(fv_convolutional_options, WORD, init_fan),
      .words = fv__fan_words },
    { FV__FIELD(fv_convolutional_options, NUMBER, init_value) },
    { FV__FIELD(fv_convolutional_options, WORD, algorithm),
      .words = fv__algorithm_words },
    { FV__FIELD(fv_convolutional_options, SWITCH, strict) },
    { FV__FIELD(fv_convolutional_options, LIMIT, max_workspace) },
    { .key = NULL },
};

fv_convolution fv__layer_convolution(const fv_layer *layer)
{
    const fv_convolutional_options *o = layer->options;
    return (fv_convolution){
        .stride = { o->stride[0], o->stride[1] },
        .dilation = { o->dilation[0], o->dilation[1] },
        .padding_begin = { o->padding_begin[0], o->padding_begin[1] },
        .padding_end = { o->padding_end[0], o->padding_end[1] },
        .groups = o->groups,
        .max_workspace = o->max_workspace,
        .algorithm = o->algorithm,
        .strict = o->strict != 0,
        .auto_pad = o->auto_pad,
    };
}

/* The convolution of one image of that shape. */
static fv__geometry image_geometry(const fv_layer *layer, const fv_shape *image)
{
    const fv_convolutional_options *o = layer->options;
    const fv_convolution a = fv__layer_convolution(layer);
    const int64_t *in = image->extent;
    const fv_tensor x = { .shape = { 1, in[0], in[1], in[2] } };
    const fv_tensor weight = { .shape = { o->num_filters, o->kernel[0],
                                          o->kernel[1] } };
    return geometry_of(&x, &weight, &a);
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const fv_convolutional_options *options = layer->options;
    if (fv__layer_expect_image(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    fv__geometry g = image_geometry(layer, &inputs[0]);
    if (fv__geometry_check(layer->context, layer->name, false, &g) != FV_OK)
        return fv_failed(layer->context);
    int64_t taps = g.kernel[0] * g.kernel[1];
    fv__layer_parameter(layer, "weight", 4,
                        (const int64_t[]){ g.filters, g.kernel[0], g.kernel[1],
                                           g.channels / g.groups },
                        (fv__init){ options->init, options->init_fan,
                                    options->init_value,
                                    taps * g.channels / g.groups,
                                    taps * g.filters / g.groups });
    if (!options->no_bias)
        fv__layer_parameter(layer, "bias", 1, &g.filters,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return FV_OK;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv_convolution convolution = fv__layer_convolution(layer);
    fv_variable *bias =
        layer->num_parameters > 1 ? layer->parameters[1].variable : NULL;
    return fv_conv2d(inputs[0], layer->parameters[0].variable, bias,
                     &convolution);
}

const fv__layer_type fv__layer_conv2d = {
    .kind = "conv2d",
    .about = "y = conv(x, weight) + bias; weight [filters, kh, kw, c/groups]",
    .stem = "conv",
    FV__LAYER_OPTIONS(fv_convolutional_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_convolutional_new(const fv_convolutional_options *options)
{
    return fv__layer_new(&fv__layer_conv2d, options);
}

fv_conv *fv_conv_of_layer(fv_layer *layer, int64_t batch, int weights_unchanged)
{
    if (!layer || fv_layer_output_shape(layer).rank < 0) return NULL;
    if (layer->type != &fv__layer_conv2d) {
        fv_fail(layer->context, FV_MISUSE, "%s: %s is no convolution",
                layer->name, layer->type->kind);
        return NULL;
    }
    if (fv__shape_open(&layer->in_shape)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: the size of its input is open, a planned convolution has "
                "one size",
                layer->name);
        return NULL;
    }
    const fv__geometry g = image_geometry(layer, &layer->in_shape);
    const fv_shape in = fv__shape_outside(layer->context, layer->in_shape);
    fv_conv_options o = { .size = sizeof o,
                          .context = layer->context,
                          .name = layer->name,
                          .batch = batch ? batch : -1,
                          .num_filters = g.filters,
                          .groups = g.groups };
    const fv_convolutional_options *given = layer->options;
    o.max_workspace = given->max_workspace;
    o.algorithm = given->algorithm;
    o.strict = given->strict;
    o.weights_unchanged = weights_unchanged != 0;
    for (int32_t i = 0; i < 3; i++) o.in_shape[i] = in.extent[i];
    for (int32_t i = 0; i < 2; i++) {
        o.kernel[i] = g.kernel[i];
        o.stride[i] = g.stride[i];
        o.dilation[i] = g.dilation[i];
        o.padding_begin[i] = g.begin[i];
        o.padding_end[i] = g.end[i];
    }
    return fv_conv_new(&o);
}
