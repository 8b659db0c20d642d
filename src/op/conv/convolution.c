/* A planned convolution on the caller's memory: no operator, but what one
 * computes with. */
#include "op/op.h"

#include <fovea/convolution.h>

#include <stdio.h>
#include <string.h>

enum { PASSES = FV_PASS_BACKWARD_WEIGHTS + 1 };

/* One direction. Those that read weights keep them packed. */
typedef struct pass {
    fv__conv_descriptor descriptor; /* its algorithm NULL: not wanted */
    void *packed;
    const void *packed_from; /* weights, if they are kept; NULL: none */
} pass;

struct fv_conv {
    fv__object object;
    fv_context *context;
    char *name;
    fv__geometry geometry;
    bool has_depth; /* images have an axis for it */
    fv__conv_request request;
    fv__epilogue epilogue; /* bias and residual come with each call */
    bool keeps;            /* packed weights, from call to call */
    pass passes[PASSES];
    void *block;          /* all memory */
    void *image, *result; /* NHWC images of an FV_NCHW context: in and out */
    void *scratch;
};

static void destroy(void *object)
{
    fv_conv *conv = object;

    fv__release(conv->context, conv->block);
    fv__release(conv->context, conv->name);
    fv__release(conv->context, conv);
}

void fv_conv_free(fv_conv *conv) { fv__destroy(conv); }

/* ---- making ------------------------------------------------------------- */

static fv__geometry geometry_of(const fv_context *context,
                                const fv_conv_options *o)
{
    bool first = context->layout == FV_NCHW; /* channels */
    const int64_t *in = o->in_shape;
    const int64_t one[] = { 1, 1 };
    fv__geometry g = { .batch = fv__option_count(o->batch, 1),
                       .in = { in[first], in[first + 1] },
                       .channels = in[first ? 0 : 2],
                       .filters = o->num_filters,
                       .groups = fv__option_count(o->groups, 1) };

    for (int i = 0; i < 2; i++) {
        g.kernel[i] = o->kernel[i];
        g.stride[i] = o->stride[i];
        g.dilation[i] = o->dilation[i];
        g.begin[i] = o->padding_begin[i];
        g.end[i] = o->padding_end[i];
    }
    fv__option_axes(2, g.kernel, 0, g.kernel);
    fv__option_axes(2, g.stride, 0, one);
    fv__option_axes(2, g.dilation, 0, one);
    g.in[FV__DEPTH] = o->in_depth;
    g.kernel[FV__DEPTH] = o->kernel_depth;
    g.stride[FV__DEPTH] = o->stride_depth;
    g.dilation[FV__DEPTH] = o->dilation_depth;
    g.begin[FV__DEPTH] = o->padding_depth[0];
    g.end[FV__DEPTH] = o->padding_depth[1];
    if (o->in_depth) {
        g.kernel[FV__DEPTH] = fv__option_count(o->kernel_depth, 1);
        g.stride[FV__DEPTH] = fv__option_count(o->stride_depth, 1);
        g.dilation[FV__DEPTH] = fv__option_count(o->dilation_depth, 1);
    }
    return g;
}

static fv_status set_clamp(fv_conv *conv, const double clamp[2])
{
    fv__epilogue *f = &conv->epilogue;

    f->low = clamp[0];
    f->high = clamp[1];
    f->clamp = clamp[0] != 0 || clamp[1] != 0;
    if (clamp[0] <= clamp[1]) return FV_OK;
    return fv_fail(conv->context, FV_MISUSE,
                   "%s: clamp from %s to %s, the first is not below the second",
                   conv->name, FV__NUMBER(clamp[0]), FV__NUMBER(clamp[1]));
}

/* Adds room for `bytes` to the block and says where it begins. */
static bool place(size_t bytes, size_t *whole, size_t *at)
{
    *at = *whole;
    return bytes <= SIZE_MAX - 64 && fv__add(*whole, fv__align(bytes), whole);
}

static size_t image_bytes(const fv_conv *conv, const int64_t extents[FV__AXES],
                          int64_t channels)
{
    const int64_t pixels = extents[FV__DEPTH] * extents[0] * extents[1];

    if (conv->context->layout == FV_NHWC) return 0;
    return (size_t)(conv->geometry.batch * pixels * channels)
           * fv__number_bytes(conv->context);
}

static fv_status allocate(fv_conv *conv)
{
    fv_context *context = conv->context;
    const fv__geometry *g = &conv->geometry;
    size_t whole = 0, scratch = 0, packed[PASSES], image, result, at;
    bool fits = true;

    for (int i = 0; i < PASSES; i++) {
        fits = fits
               && place(conv->passes[i].descriptor.packed, &whole, &packed[i]);
        if (scratch < conv->passes[i].descriptor.scratch)
            scratch = conv->passes[i].descriptor.scratch;
    }
    fits = fits && place(image_bytes(conv, g->in, g->channels), &whole, &image)
           && place(image_bytes(conv, g->out, g->filters), &whole, &result)
           && place(scratch, &whole, &at);
    if (!fits)
        return fv_fail(context, FV_LIMIT,
                       "%s: the scratch of algorithm %s has no size that fits",
                       conv->name, conv->passes[0].descriptor.algorithm->name);
    conv->block = fv__allocate(context, FV__RUN, whole);
    if (!conv->block) return fv_failed(context);
    for (int i = 0; i < PASSES; i++)
        conv->passes[i].packed = (char *)conv->block + packed[i];
    conv->image = (char *)conv->block + image;
    conv->result = (char *)conv->block + result;
    conv->scratch = (char *)conv->block + at;
    return FV_OK;
}

static fv_status begin(fv_conv *conv, const fv_conv_options *o)
{
    fv_context *context = conv->context;

    if (!conv->name || set_clamp(conv, o->clamp) != FV_OK)
        return fv_failed(context);
    conv->geometry = geometry_of(context, o);
    conv->has_depth = o->in_depth != 0;
    conv->keeps = o->weights_unchanged != 0;
    fv__geometry *g = &conv->geometry;
    if (fv__option_padding(context, conv->name, 2, o->padding, g->begin, g->end)
        != FV_OK)
        return fv_failed(context);
    conv->request = (fv__conv_request){ (int)o->algorithm, o->strict != 0,
                                        o->max_workspace };
    if (conv->geometry.batch < 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: a batch of %lld images, expected at least 1",
                       conv->name, (long long)conv->geometry.batch);
    if (fv__geometry_check(context, conv->name, false, &conv->geometry)
        != FV_OK)
        return fv_failed(context);
    for (int i = 0; i < PASSES; i++)
        if ((i == FV_PASS_FORWARD || !o->forward_only)
            && fv__conv_resolve(context, conv->name, &conv->request, g,
                                (fv__direction)i, &conv->passes[i].descriptor)
                   != FV_OK)
            return fv_failed(context);
    return allocate(conv);
}

fv_conv *fv_conv_new(const fv_conv_options *options)
{
    fv_context *context = options ? options->context : NULL;
    fv_conv_options o;

    if (!fv__ok(context)) return NULL;
    if (!fv__options(context, "conv", options, &o, sizeof o)) return NULL;
    fv_conv *conv = fv__allocate_zero(context, FV__RUN, sizeof *conv);
    if (!conv) return NULL;
    const char *name = o.name ? o.name : "conv";
    conv->context = context;
    fv__adopt(context, &conv->object, destroy);
    conv->name = fv__copy_text(context, FV__RUN, name, strlen(name));
    if (begin(conv, &o) == FV_OK) return conv;
    fv_conv_free(conv);
    return NULL;
}

/* ---- facts -------------------------------------------------------------- */

static void append(fv_shape *shape, int64_t extent)
{
    shape->extent[shape->rank++] = extent;
}

/* Appends the depth, if images have one, the height and the width. */
static void append_axes(const fv_conv *conv, const int64_t extents[FV__AXES],
                        fv_shape *shape)
{
    if (conv->has_depth) append(shape, extents[FV__DEPTH]);
    append(shape, extents[0]);
    append(shape, extents[1]);
}

static fv_shape image_shape(const fv_conv *conv,
                            const int64_t extents[FV__AXES], int64_t channels)
{
    const bool first = conv->context->layout == FV_NCHW;
    fv_shape shape = { 0 };

    if (first) append(&shape, channels);
    append_axes(conv, extents, &shape);
    if (!first) append(&shape, channels);
    return shape;
}

fv_shape fv_conv_input_shape(const fv_conv *conv)
{
    if (!conv) return (fv_shape){ .rank = -1 };
    return image_shape(conv, conv->geometry.in, conv->geometry.channels);
}

fv_shape fv_conv_output_shape(const fv_conv *conv)
{
    if (!conv) return (fv_shape){ .rank = -1 };
    return image_shape(conv, conv->geometry.out, conv->geometry.filters);
}

fv_shape fv_conv_weight_shape(const fv_conv *conv)
{
    if (!conv) return (fv_shape){ .rank = -1 };
    const fv__geometry *g = &conv->geometry;
    fv_shape shape = { .rank = 1, .extent = { g->filters } };
    append_axes(conv, g->kernel, &shape);
    append(&shape, g->channels / g->groups);
    return shape;
}

static const pass *pass_of(const fv_conv *conv, fv_conv_pass which)
{
    bool known = conv && which >= FV_PASS_FORWARD && (int)which < PASSES;

    return known && conv->passes[which].descriptor.algorithm
               ? &conv->passes[which]
               : NULL;
}

/* Candidates are the algorithms that have a number. */
static fv__conv_candidate consider(const fv_conv *conv, fv_conv_pass which,
                                   int32_t index)
{
    return fv__conv_consider(conv->context, index + FV_CONV_AUTO + 1,
                             &conv->request, &conv->geometry,
                             (fv__direction)which);
}

fv_conv_facts fv_conv_pass_facts(const fv_conv *conv, fv_conv_pass which)
{
    const pass *p = pass_of(conv, which);
    int32_t candidates = 0;

    if (!p) return (fv_conv_facts){ 0 };
    while (consider(conv, which, candidates).algorithm) candidates++;
    int64_t macs = fv__geometry_macs(&conv->geometry);
    return (fv_conv_facts){
        .algorithm = p->descriptor.algorithm->name,
        .multiply_accumulates = macs,
        .performed = p->descriptor.algorithm->macs
                         ? p->descriptor.algorithm->macs(&conv->geometry,
                                                         (fv__direction)which)
                         : macs,
        .packed_bytes = p->descriptor.packed,
        .scratch_bytes = p->descriptor.scratch,
        .candidates = candidates,
    };
}

static const char *reason_of(fv__conv_verdict verdict, bool chosen, bool asked)
{
    switch (verdict) {
    case FV__CONV_NOT_PLAIN:
        return "rounds otherwise than plain sums, strict excludes it";
    case FV__CONV_TOO_LARGE:
        return "needs more than max_workspace";
    case FV__CONV_CAN:
        if (asked) return chosen ? "asked for" : "another is asked for";
        return chosen ? "the lowest cost" : "a higher cost";
    default:
        return "cannot do this geometry";
    }
}

fv_conv_candidate fv_conv_pass_candidate(const fv_conv *conv,
                                         fv_conv_pass which, int32_t index)
{
    const pass *p = pass_of(conv, which);

    if (!p || index < 0 || index == INT32_MAX) return (fv_conv_candidate){ 0 };
    const fv__conv_candidate c = consider(conv, which, index);
    if (!c.algorithm) return (fv_conv_candidate){ 0 };
    const bool chosen = c.algorithm == p->descriptor.algorithm;
    return (fv_conv_candidate){
        .algorithm = c.algorithm->name,
        .reason = reason_of(c.verdict, chosen,
                            conv->request.algorithm != FV_CONV_AUTO),
        .cost = c.cost,
        .workspace_bytes = c.workspace,
        .possible = c.verdict == FV__CONV_CAN,
        .chosen = chosen,
    };
}

/* ---- operands ----------------------------------------------------------- */

/* Says what is wrong with a tensor. */
static void refuse(const fv_conv *conv, const char *what,
                   const fv_tensor *tensor, const fv_tensor *wanted)
{
    fv_context *context = conv->context;
    char who[128], is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];

    snprintf(who, sizeof who, "%s: %s", conv->name, what);
    if (!fv__tensor_check(context, who, tensor) || !tensor) return;
    if (!fv_tensor_same_shape(tensor, wanted))
        fv_fail(context, FV_MISUSE, "%s has shape %s, expected %s", who,
                fv__shape_text(is, sizeof is, tensor->rank, tensor->shape),
                fv__shape_text(expected, sizeof expected, wanted->rank,
                               wanted->shape));
    else if (tensor->dtype != wanted->dtype)
        fv_fail(context, FV_MISUSE, "%s is %s, the context is %s", who,
                fv_dtype_name(tensor->dtype), fv_dtype_name(wanted->dtype));
    else
        fv_fail(context, FV_MISUSE, "%s is not contiguous", who);
}

/* The tensor is contiguous, of the context's type and that shape. */
static bool operand(const fv_conv *conv, const char *what,
                    const fv_tensor *tensor, fv_shape shape)
{
    fv_tensor wanted = { .rank = shape.rank, .dtype = conv->context->dtype };

    memcpy(wanted.shape, shape.extent, sizeof shape.extent);
    if (tensor && tensor->data && tensor->dtype == wanted.dtype
        && fv_tensor_same_shape(tensor, &wanted)
        && fv_tensor_is_contiguous(tensor))
        return true;
    refuse(conv, what, tensor, &wanted);
    return false;
}

static bool image(const fv_conv *conv, const char *what,
                  const fv_tensor *tensor, fv_shape shape)
{
    fv_shape batch = { .rank = 1, .extent = { conv->geometry.batch } };

    for (int32_t i = 0; i < shape.rank; i++) append(&batch, shape.extent[i]);
    return operand(conv, what, tensor, batch);
}

static bool input(const fv_conv *conv, const char *what, const fv_tensor *x)
{
    return image(conv, what, x, fv_conv_input_shape(conv));
}

static bool output(const fv_conv *conv, const char *what, const fv_tensor *y)
{
    return image(conv, what, y, fv_conv_output_shape(conv));
}

static bool weights(const fv_conv *conv, const char *what,
                    const fv_tensor *weight)
{
    return operand(conv, what, weight, fv_conv_weight_shape(conv));
}

static bool vector(const fv_conv *conv, const char *what, const fv_tensor *bias)
{
    const fv_shape shape = { .rank = 1, .extent = { conv->geometry.filters } };

    return !bias || operand(conv, what, bias, shape);
}

/* Whether a result has no byte in common with what is read, or with another
 * result. NULL has none. */
static bool apart(const fv_conv *conv, const char *what,
                  const fv_tensor *result, const char *from,
                  const fv_tensor *other)
{
    if (!result || !other || !fv__tensor_overlap(result, other)) return true;
    fv_fail(conv->context, FV_MISUSE, "%s: %s overlaps %s", conv->name, what,
            from);
    return false;
}

/* The channels-last image at `inside`, as the tensor outside is ordered. */
static fv_tensor seen(const fv_conv *conv, const fv_tensor *outside,
                      void *inside)
{
    const int32_t last = outside->rank - 1;
    fv_shape shape = { .rank = 1, .extent = { outside->shape[0] } };
    int32_t order[FV_MAX_RANK] = { 0, last };

    for (int32_t i = 2; i <= last; i++) {
        append(&shape, outside->shape[i]);
        order[i] = i - 1;
    }
    append(&shape, outside->shape[1]);
    const fv_tensor x =
        fv_tensor_of(inside, conv->context->dtype, shape.rank, shape.extent);
    return fv_tensor_permute(conv->context, &x, order);
}

/* Where the convolution reads an image: its own memory, or a copy. */
static const void *take(const fv_conv *conv, const fv_tensor *tensor,
                        void *inside)
{
    if (conv->context->layout == FV_NHWC) return tensor->data;
    fv_tensor copy = seen(conv, tensor, inside);
    fv__copy_all(conv->context, &copy, tensor);
    return inside;
}

/* Where it writes one; give() brings it to the tensor. */
static void *room(const fv_conv *conv, const fv_tensor *tensor, void *inside)
{
    return conv->context->layout == FV_NHWC ? tensor->data : inside;
}

static void give(const fv_conv *conv, const fv_tensor *tensor, void *inside)
{
    if (conv->context->layout == FV_NHWC) return;
    fv_tensor result = seen(conv, tensor, inside);
    fv__copy_all(conv->context, tensor, &result);
}

/* ---- running ------------------------------------------------------------ */

/* Whether the direction can run now; if not, why is recorded. */
static bool ready(const fv_conv *conv, fv_conv_pass which)
{
    if (!conv || !fv__ok(conv->context)) return false;
    if (conv->passes[which].descriptor.algorithm) return true;
    fv_fail(conv->context, FV_MISUSE,
            "%s: made with forward_only, it has no gradients", conv->name);
    return false;
}

static fv_status status(const fv_conv *conv)
{
    return conv ? fv_failed(conv->context) : FV_MISUSE;
}

static void run(fv_conv *conv, fv__conv_call *call, fv__direction direction)
{
    pass *p = &conv->passes[direction];

    call->context = conv->context;
    call->geometry = &conv->geometry;
    call->overwrite = true;
    call->packed = p->packed;
    call->scratch = conv->scratch;
    if (p->descriptor.packed
        && (!conv->keeps || p->packed_from != call->weight)) {
        p->descriptor.algorithm->pack(call, direction);
        p->packed_from = call->weight;
    }
    p->descriptor.algorithm->run(call, direction);
}

fv_status fv_conv_forward(fv_conv *conv, const fv_tensor *x,
                          const fv_tensor *weight, const fv_tensor *bias,
                          const fv_tensor *residual, const fv_tensor *y)
{
    if (!ready(conv, FV_PASS_FORWARD) || !input(conv, "x", x)
        || !weights(conv, "weight", weight) || !vector(conv, "bias", bias)
        || (residual && !output(conv, "residual", residual))
        || !output(conv, "y", y) || !apart(conv, "y", y, "x", x)
        || !apart(conv, "y", y, "weight", weight)
        || !apart(conv, "y", y, "bias", bias)
        || !apart(conv, "y", y, "residual", residual))
        return status(conv);
    if (residual && conv->context->layout == FV_NCHW)
        return fv_fail(conv->context, FV_UNSUPPORTED,
                       "%s: a residual needs an NHWC context", conv->name);
    fv__conv_call call = { .x = take(conv, x, conv->image),
                           .weight = weight->data,
                           .y = room(conv, y, conv->result),
                           .epilogue = conv->epilogue };
    call.epilogue.bias = bias ? bias->data : NULL;
    call.epilogue.residual = residual ? residual->data : NULL;
    call.epilogue.residual_row = (size_t)conv->geometry.filters;
    run(conv, &call, FV__FORWARD);
    give(conv, y, conv->result);
    return FV_OK;
}

fv_status fv_conv_backward_data(fv_conv *conv, const fv_tensor *dy,
                                const fv_tensor *weight, const fv_tensor *dx)
{
    if (!ready(conv, FV_PASS_BACKWARD_DATA) || !output(conv, "dy", dy)
        || !weights(conv, "weight", weight) || !input(conv, "dx", dx)
        || !apart(conv, "dx", dx, "dy", dy)
        || !apart(conv, "dx", dx, "weight", weight))
        return status(conv);
    fv__conv_call call = { .dy = take(conv, dy, conv->result),
                           .weight = weight->data,
                           .dx = room(conv, dx, conv->image) };
    run(conv, &call, FV__BACKWARD_DATA);
    give(conv, dx, conv->image);
    return FV_OK;
}

fv_status fv_conv_backward_weights(fv_conv *conv, const fv_tensor *x,
                                   const fv_tensor *dy,
                                   const fv_tensor *dweight,
                                   const fv_tensor *dbias)
{
    if (!ready(conv, FV_PASS_BACKWARD_WEIGHTS) || !input(conv, "x", x)
        || !output(conv, "dy", dy) || !weights(conv, "dweight", dweight)
        || !vector(conv, "dbias", dbias)
        || !apart(conv, "dweight", dweight, "x", x)
        || !apart(conv, "dweight", dweight, "dy", dy)
        || !apart(conv, "dbias", dbias, "x", x)
        || !apart(conv, "dbias", dbias, "dy", dy)
        || !apart(conv, "dbias", dbias, "dweight", dweight))
        return status(conv);
    fv__conv_call call = { .x = take(conv, x, conv->image),
                           .dy = take(conv, dy, conv->result),
                           .dweight = dweight->data,
                           .dbias = dbias ? dbias->data : NULL };
    run(conv, &call, FV__BACKWARD_WEIGHTS);
    return FV_OK;
}

void fv_conv_weights_changed(fv_conv *conv)
{
    for (int i = 0; conv && i < PASSES; i++) conv->passes[i].packed_from = NULL;
}
