/* Convolution of a batch of images, by the algorithm that fits its shape. */
#include "op/columns.h"

#include <inttypes.h>

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

static fv__conv_wish wish_of(const fv_convolution *a)
{
    return (fv__conv_wish){ (int)a->algorithm, a->strict > 0,
                            a->max_workspace };
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

/* Scratch of one direction, packed weights before it; the answer's `bytes` at
 * least. */
static bool reserve(fv_inference *inference, const fv__geometry *g,
                    fv__direction direction, size_t *bytes)
{
    fv_context *context = inference->context;
    const fv__conv_wish wish = wish_of(inference->attributes);
    const fv__conv_algorithm *algorithm =
        fv__conv_choose(context, inference->name, &wish, g, direction);
    if (!algorithm) return false;
    size_t wanted = algorithm->packed(context, g, direction);
    if (wanted > SIZE_MAX - 64
        || !fv__add(fv__align(wanted),
                    algorithm->scratch(context, g, direction), &wanted)) {
        fv_fail(context, FV_LIMIT,
                "conv2d: the scratch of algorithm %s has no size that fits",
                algorithm->name);
        return false;
    }
    if (*bytes < wanted) *bytes = wanted;
    return true;
}

static bool scratch(fv_inference *inference, const fv__geometry *g)
{
    size_t *back = &inference->backward_scratch;
    if (!reserve(inference, g, FV__FORWARD, &inference->forward_scratch))
        return false;
    if (!inference->gradient) return true;
    *back = fv__columns_scratch(inference->context,
                                g->batch * g->out[0] * g->out[1], g->filters);
    return reserve(inference, g, FV__BACKWARD_DATA, back)
           && reserve(inference, g, FV__BACKWARD_WEIGHTS, back);
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *const *inputs = inference->inputs;
    if (!fv__operand(inference, 0, "input", 4)
        || !fv__operand(inference, 1, "weight", 4))
        return fv_failed(context);
    fv__geometry g = geometry_of(inputs[0], inputs[1], inference->attributes);
    if (!channels_fit(inference, &g)
        || !fv__operand_vector(inference, 2, "bias", g.filters, "filters")
        || fv__geometry_check(context, inference->name, false, &g) != FV_OK)
        return fv_failed(context);
    const int64_t shape[] = { g.batch, g.out[0], g.out[1], g.filters };
    fv__infer_output(inference, 4, shape);
    return scratch(inference, &g) ? FV_OK : fv_failed(context);
}

/* ---- the work ---------------------------------------------------------- */

/* What the algorithm gets; `y` has the shape of the result. */
static fv__conv_call conv_of(const fv_call *call, const fv_tensor *y,
                             fv__geometry *g)
{
    const fv_tensor *const *inputs = call->inputs;
    *g = geometry_of(inputs[0], inputs[1], call->attributes);
    g->out[0] = y->shape[1];
    g->out[1] = y->shape[2];
    return (fv__conv_call){ .context = call->context,
                            .geometry = g,
                            .x = inputs[0]->data,
                            .weight = inputs[1]->data };
}

static void run(const fv_call *call, fv__conv_call *conv,
                fv__direction direction)
{
    const fv__conv_wish wish = wish_of(call->attributes);
    const fv__conv_algorithm *algorithm = fv__conv_choose(
        call->context, "conv2d", &wish, conv->geometry, direction);
    if (!algorithm) return;
    size_t packed = algorithm->packed(call->context, conv->geometry, direction);
    conv->packed = call->scratch;
    conv->scratch = (unsigned char *)call->scratch + fv__align(packed);
    if (packed) algorithm->pack(conv, direction);
    algorithm->run(conv, direction);
}

static void forward(const fv_call *call)
{
    fv__geometry g;
    fv__conv_call conv = conv_of(call, call->output, &g);
    conv.finish.bias = call->num_inputs > 2 ? call->inputs[2]->data : NULL;
    conv.y = call->output->data;
    run(call, &conv, FV__FORWARD);
}

/* The bias alone: its weight is frozen. */
static void bias_grad(const fv_call *call, const fv__geometry *g, void *dbias)
{
    const fv__columns columns = { .term = FV__COLUMN_SUM,
                                  .m = g->batch * g->out[0] * g->out[1],
                                  .c = g->filters,
                                  .x = call->output_grad->data };
    fv__columns_add(call->context, &columns, dbias, call->scratch);
}

static void backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const bool bias = call->num_inputs > 2 && grads[2];
    fv__geometry g;
    fv__conv_call conv = conv_of(call, call->output_grad, &g);
    conv.dy = call->output_grad->data;
    if (grads[0]) {
        conv.dx = grads[0]->data;
        run(call, &conv, FV__BACKWARD_DATA);
    }
    if (grads[1]) {
        conv.dweight = grads[1]->data;
        conv.dbias = bias ? grads[2]->data : NULL;
        run(call, &conv, FV__BACKWARD_WEIGHTS);
    } else if (bias) {
        bias_grad(call, &g, grads[2]->data);
    }
}

const fv_operator fv__op_conv2d = {
    .size = sizeof(fv_operator),
    .name = "conv2d",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes_size = sizeof(fv_convolution),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Conv",
};

static void fill(int64_t pair[2], int64_t value)
{
    for (int i = 0; i < 2; i++)
        if (pair[i] == 0) pair[i] = value;
}

fv_variable *fv_conv2d(fv_variable *x, fv_variable *weight, fv_variable *bias,
                       const fv_convolution *geometry)
{
    fv_convolution full = geometry ? *geometry : (fv_convolution){ 0 };
    fill(full.stride, 1);
    fill(full.dilation, 1);
    if (full.groups == 0) full.groups = 1;
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_conv2d, &full, bias ? 3 : 2, inputs);
}
