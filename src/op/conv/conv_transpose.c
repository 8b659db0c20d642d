/* Transposed convolution: the input gradient of a convolution, whose output is
 * its input. Its own gradients are that convolution and its weight gradient. */
#include "op/conv/conv_transpose.h"
#include "op/columns.h"
#include "op/operand.h"

#include <inttypes.h>

/* ---- the shape rule ------------------------------------------------------ */

/* What the shape rule resolves for all calls of a node; data runs forward. */
typedef struct resolved {
    fv__geometry geometry;
    fv__conv_descriptor data, forward, weights; /* gradients if wanted */
} resolved;

/* Whether the numbers of an axis may be calculated with; if not,
 * fv__geometry_check refuses them. */
static bool is_sane(const fv__geometry *g, int32_t axis)
{
    const int64_t most = (int64_t)1 << 47;
    const int64_t above_0[] = { g->out[axis], g->kernel[axis], g->stride[axis],
                                g->dilation[axis] };
    for (int i = 0; i < 4; i++)
        if (above_0[i] < 1 || above_0[i] >= most) return false;
    return g->begin[axis] >= 0 && g->begin[axis] < most && g->end[axis] >= 0
           && g->end[axis] < most;
}

/* Sets the padding unless it is explicit: the output has `stride` times the
 * extent of the input, and what output_padding adds. */
static void auto_pad(fv_auto_pad mode, fv__geometry *g, int32_t axis,
                     int64_t span, int64_t *more)
{
    if (mode == FV_AUTO_PAD_EXPLICIT) return;
    const int64_t total =
        mode == FV_AUTO_PAD_VALID ? 0 : fv__max(span - g->stride[axis], 0);
    const bool lower = mode == FV_AUTO_PAD_SAME_LOWER;
    g->begin[axis] = lower ? total - total / 2 : total / 2;
    g->end[axis] = total - g->begin[axis];
    if (mode != FV_AUTO_PAD_VALID) *more += fv__max(g->stride[axis] - span, 0);
}

/* in = (out - 1) stride + span - padding + output_padding */
static fv_status set_axis(fv_context *context, const char *who,
                          const fv__conv_transpose *a, int32_t i, int32_t axis,
                          fv__geometry *g)
{
    int64_t more = a->output_padding[i];
    g->in[axis] = 1;
    if (!is_sane(g, axis)) return FV_OK;
    const int64_t stride = g->stride[axis], dilation = g->dilation[axis];
    if (more < 0 || more >= fv__max(stride, dilation))
        return fv_fail(
            context, FV_MISUSE,
            "%s: output_padding %" PRId64 " is not in 0..%" PRId64
            ", below the larger of stride %" PRId64 " and dilation %" PRId64,
            who, more, fv__max(stride, dilation) - 1, stride, dilation);
    const int64_t reach[] = { g->kernel[axis] - 1, dilation };
    const int64_t steps[] = { g->out[axis] - 1, stride };
    const int64_t span = fv__saturated_sum(fv__saturated_product(2, reach), 1);
    auto_pad(a->convolution.auto_pad, g, axis, span, &more);
    g->in[axis] =
        fv__saturated_sum(
            fv__saturated_sum(fv__saturated_product(2, steps), span), more)
        - g->begin[axis] - g->end[axis];
    return FV_OK;
}

static fv_status refuse_empty(fv_context *context, const char *who,
                              const fv__geometry *g)
{
    char out[FV__EXTENTS_TEXT], in[FV__EXTENTS_TEXT];
    for (int axis = 0; axis < FV__AXES; axis++)
        if (g->in[axis] < 1)
            return fv_fail(context, FV_MISUSE,
                           "%s: input %s gives an output of %s, the padding "
                           "takes all of it",
                           who, fv__name_extents(g, g->out, in),
                           fv__name_extents(g, g->in, out));
    return FV_OK;
}

fv_status fv__conv_transpose_geometry(fv_context *context, const char *who,
                                      const fv_tensor *x,
                                      const fv_tensor *weight,
                                      const fv__conv_transpose *a,
                                      fv__geometry *g)
{
    const fv_convolution *c = &a->convolution;
    const int32_t axes = x->rank - 2;
    const int64_t channels[] = { weight->shape[axes + 1], c->groups };
    int64_t out[FV__AXES] = { 1, 1, 1 };
    *g = (fv__geometry){ .batch = x->shape[0],
                         .in = { 1, 1, 1 },
                         .out = { 1, 1, 1 },
                         .channels = fv__product(2, channels),
                         .filters = x->shape[axes + 1],
                         .kernel = { 1, 1, 1 },
                         .stride = { 1, 1, 1 },
                         .dilation = { 1, 1, 1 },
                         .groups = c->groups };
    if (c->auto_pad == FV_AUTO_PAD_CAUSAL)
        return fv_fail(context, FV_MISUSE,
                       "%s: causal padding is for convolutions", who);
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        g->out[axis] = out[axis] = x->shape[1 + i];
        g->kernel[axis] = weight->shape[1 + i];
        g->stride[axis] = c->stride[i];
        g->dilation[axis] = c->dilation[i];
        g->begin[axis] = c->padding_begin[i];
        g->end[axis] = c->padding_end[i];
        if (out[axis] < 1)
            return fv_fail(context, FV_MISUSE,
                           "%s: input %" PRId64 " is below 1", who, out[axis]);
        if (set_axis(context, who, a, i, axis, g) != FV_OK)
            return fv_failed(context);
    }
    if (refuse_empty(context, who, g) != FV_OK
        || fv__geometry_check(context, who, false, g) != FV_OK)
        return fv_failed(context);
    /* an output padding of a stride or more would be further pixels of x */
    for (int axis = 0; axis < FV__AXES; axis++) g->out[axis] = out[axis];
    return FV_OK;
}

static size_t backward_bytes(const fv_inference *inference, const resolved *r)
{
    const fv_context *context = inference->context;
    const fv__geometry *g = &r->geometry;
    const fv_tensor *x = inference->inputs[0];
    const int64_t pixels = g->batch * g->in[FV__DEPTH] * g->in[0] * g->in[1];
    const size_t bytes[] = {
        /* an input gradient that is added is made in scratch first */
        fv__bytes_sum(fv__align(r->forward.packed)
                          + fv__align(r->forward.scratch),
                      fv__real_bytes(context, fv__product(x->rank, x->shape))),
        fv__align(r->weights.scratch),
        fv__columns_scratch(context, pixels, g->channels),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        if (most < bytes[i]) most = bytes[i];
    return most;
}

static fv_status resolve(fv_inference *inference, const fv__geometry *g)
{
    const fv__conv_transpose *a = inference->attributes;
    fv_context *context = inference->context;
    const char *who = inference->name;
    const fv__conv_request request = fv__convolution_request(&a->convolution);
    resolved *r = fv_inference_allocate(inference, sizeof *r);
    if (!r) return fv_failed(context);
    inference->resolved = r;
    r->geometry = *g;
    fv__conv_resolve(context, who, &request, g, FV__BACKWARD_DATA, &r->data);
    inference->cached = fv__align(r->data.packed);
    inference->forward_scratch = fv__align(r->data.scratch);
    if (!inference->gradient) return fv_failed(context);
    fv__conv_resolve(context, who, &request, g, FV__FORWARD, &r->forward);
    fv__conv_resolve(context, who, &request, g, FV__BACKWARD_WEIGHTS,
                     &r->weights);
    inference->backward_scratch = backward_bytes(inference, r);
    return fv_failed(context);
}

static bool operands_fit(const fv_inference *inference, int32_t axes)
{
    fv_context *context = inference->context;
    const fv__conv_transpose *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *w = inference->inputs[1];
    if (axes < 1 || axes > FV__AXES) {
        fv_fail(context, FV_MISUSE, "%s: input %s has rank %d, expected 3 to 5",
                inference->name, FV__SHAPE(x), x->rank);
        return false;
    }
    if (!fv__operand(inference, 0, "input", axes + 2)
        || !fv__operand(inference, 1, "weight", axes + 2))
        return false;
    if (w->shape[0] != x->shape[axes + 1]) {
        fv_fail(context, FV_MISUSE,
                "%s: input has %" PRId64 " channel%s, weight %s expects "
                "%" PRId64,
                inference->name, x->shape[axes + 1],
                x->shape[axes + 1] == 1 ? "" : "s", FV__SHAPE(w), w->shape[0]);
        return false;
    }
    const int64_t groups = a->convolution.groups;
    if (groups < 1) {
        fv_fail(context, FV_MISUSE, "%s: groups %" PRId64 " is below 1",
                inference->name, groups);
        return false;
    }
    if (w->shape[0] % groups) {
        fv_fail(context, FV_MISUSE,
                "%s: groups %" PRId64 " does not divide channels %" PRId64,
                inference->name, groups, w->shape[0]);
        return false;
    }
    const int64_t filters[] = { w->shape[axes + 1], groups };
    return fv__operand_vector(inference, 2, "bias", fv__product(2, filters),
                              "filters");
}

fv_status fv__conv_transpose_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__conv_transpose *a = inference->attributes;
    const fv_tensor *const *inputs = inference->inputs;
    const int32_t axes = inputs[0]->rank - 2;
    fv__geometry g;
    if (!operands_fit(inference, axes)
        || fv__conv_transpose_geometry(context, inference->name, inputs[0],
                                       inputs[1], a, &g)
               != FV_OK)
        return fv_failed(context);
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(axes, g.batch, g.in, g.channels, shape);
    fv__infer_output(inference, axes + 2, shape);
    for (int axis = 0; axis < 2; axis++) /* of rows and columns of zeros too */
        inference->window[axis] = fv__divide_up(
            g.dilation[axis] * (g.kernel[axis] - 1) + 1, g.stride[axis]);
    inference->multiply_accumulates = fv__geometry_macs(&g);
    return fv__ok(context) ? resolve(inference, &g) : fv_failed(context);
}

/* ---- the work ------------------------------------------------------------ */

void fv__conv_transpose_forward(const fv_call *call)
{
    const fv__conv_transpose *a = call->attributes;
    const resolved *r = call->resolved;
    const fv__conv_descriptor *d = &r->data;
    fv__conv_call conv = { .context = call->context,
                           .geometry = &r->geometry,
                           .weight = call->inputs[1]->data,
                           .dy = call->inputs[0]->data,
                           .dx = call->outputs[0]->data,
                           .overwrite = true,
                           .packed = call->cached,
                           .scratch = call->scratch };
    if (a->bias) conv.epilogue.bias = call->inputs[2]->data;
    conv.epilogue.clamp = a->clamp;
    conv.epilogue.low = a->low;
    conv.epilogue.high = a->high;
    if (d->packed && !call->cache_valid)
        d->algorithm->pack(&conv, d->direction);
    d->algorithm->run(&conv, d->direction);
}

/* The convolution of the gradient, made in scratch if it is added. */
static void input_grad(const fv_call *call, const fv__conv_call *given)
{
    const fv__conv_descriptor *d = &((const resolved *)call->resolved)->forward;
    const fv_tensor *dx = call->input_grads[0];
    const size_t used = fv__align(d->packed) + fv__align(d->scratch);
    const bool adds = fv__accumulation_of(call, 0) == FV__ACCUMULATE;
    fv_tensor made = *dx;
    fv__conv_call conv = *given;
    if (adds) made.data = (unsigned char *)call->scratch + used;
    conv.x = call->output_grads[0]->data;
    conv.y = made.data;
    fv__conv_pack_in_scratch(call, &conv, d);
    d->algorithm->run(&conv, d->direction);
    if (adds) fv__add_all(call->context, dx, &made);
}

static void bias_grad(const fv_call *call, const fv__geometry *g)
{
    const fv__columns columns = {
        .m = g->batch * g->in[FV__DEPTH] * g->in[0] * g->in[1],
        .c = g->channels,
        .x = call->output_grads[0]->data,
    };
    fv__clear_fresh(call, 2);
    fv__columns_add(call->context, &columns, call->input_grads[2]->data,
                    call->scratch);
}

void fv__conv_transpose_backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const fv__conv_transpose *a = call->attributes;
    const resolved *r = call->resolved;
    void *dy = call->output_grads[0]->data;
    const fv__conv_call conv = { .context = call->context,
                                 .geometry = &r->geometry,
                                 .weight = call->inputs[1]->data };
    if (a->clamp) /* nobody needs the gradient of the output afterwards */
        fv__unary_grad_all(call->context, FV__CLAMP,
                           fv__count(call->outputs[0]), call->outputs[0]->data,
                           call->outputs[0]->data, dy, dy, a->low, a->high,
                           FV__STORE);
    if (grads[0]) input_grad(call, &conv);
    if (grads[1]) {
        fv__conv_call weights = conv;
        weights.x = dy;
        weights.dy = call->inputs[0]->data;
        weights.dweight = grads[1]->data;
        fv__clear_fresh(call, 1);
        fv__conv_pack_in_scratch(call, &weights, &r->weights);
        r->weights.algorithm->run(&weights, FV__BACKWARD_WEIGHTS);
    }
    if (a->bias && grads[2]) bias_grad(call, &r->geometry);
}

const fv_operator fv__op_conv_transpose = {
    FV__CONV_TRANSPOSE_OPERATOR("conv_transpose"),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),
    .onnx = "ConvTranspose",
};

fv_variable *fv_conv_transpose_of(fv_variable *x, fv_variable *weight,
                                  fv_variable *bias,
                                  const fv_convolution *geometry,
                                  const int64_t output_padding[])
{
    const int64_t one[FV__AXES] = { 1, 1, 1 };
    const int32_t axes = x ? x->value.rank - 2 : 0;
    fv__conv_transpose full = { .bias = bias != NULL };
    fv_convolution *a = &full.convolution;
    if (geometry) *a = *geometry;
    fv__option_axes(FV__AXES, a->stride, 0, one);
    fv__option_axes(FV__AXES, a->dilation, 0, one);
    a->groups = fv__option_count(a->groups, 1);
    for (int32_t i = 0; output_padding && i < axes && i < FV__AXES; i++)
        full.output_padding[i] = output_padding[i];
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_conv_transpose, &full, bias ? 3 : 2, inputs);
}
