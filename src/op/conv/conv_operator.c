/* The operators of convolutions of one to three axes, by the algorithm that
 * fits the shape, with what follows it: normalisation, a residual, a clamp. */
#include "op/conv/conv2d.h"
#include "op/columns.h"
#include "op/shape/padding.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

fv__geometry fv__convolution_geometry(const fv_tensor *x,
                                      const fv_tensor *weight,
                                      const fv_convolution *a)
{
    const int32_t axes = x->rank - 2;
    fv__geometry g = { .batch = x->shape[0],
                       .in = { 1, 1, 1 },
                       .channels = x->shape[axes + 1],
                       .filters = weight->shape[0],
                       .kernel = { 1, 1, 1 },
                       .stride = { 1, 1, 1 },
                       .dilation = { 1, 1, 1 },
                       .groups = a->groups };
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        g.in[axis] = x->shape[1 + i];
        g.kernel[axis] = weight->shape[1 + i];
        g.stride[axis] = a->stride[i];
        g.dilation[axis] = a->dilation[i];
        g.begin[axis] = a->padding_begin[i];
        g.end[axis] = a->padding_end[i];
    }
    if (a->auto_pad == FV_AUTO_PAD_CAUSAL) {
        const int64_t reach[] = { g.kernel[FV__COLUMNS] - 1,
                                  g.dilation[FV__COLUMNS] };
        g.begin[FV__COLUMNS] = fv__product(2, reach);
        g.end[FV__COLUMNS] = 0;
    } else {
        fv__auto_pad(a->auto_pad, &g);
    }
    return g;
}

void fv__convolution_shape(int32_t axes, int64_t batch,
                           const int64_t extents[FV__AXES], int64_t channels,
                           int64_t shape[FV_MAX_RANK])
{
    shape[0] = batch;
    for (int32_t i = 0; i < axes; i++)
        shape[1 + i] = extents[fv__axis_of(axes, i)];
    shape[axes + 1] = channels;
}

fv__conv_request fv__convolution_request(const fv_convolution *a)
{
    return (fv__conv_request){ (int)a->algorithm, a->strict != 0,
                               a->max_workspace };
}

fv__conv_places fv__conv_places_of(const fv__conv2d *a)
{
    fv__conv_places p = { -1, -1, -1, 2 };
    if (a->bias) p.bias = p.count++;
    if (a->normalised) p.gamma = p.count, p.count += 4;
    if (a->residual) p.residual = p.count++;
    return p;
}

/* ---- the shape rule ---------------------------------------------------- */

static bool channels_fit(const fv_inference *inference, const fv__geometry *g)
{
    const fv_tensor *weight = inference->inputs[1];
    const int64_t expected = weight->shape[weight->rank - 1];
    const int64_t channels[] = { expected, g->groups };
    if (g->groups < 1 || fv__product(2, channels) == g->channels) return true;
    fv_fail(inference->context, FV_MISUSE,
            "%s: input has %" PRId64 " channel%s, weight %s with %" PRId64
            " group%s expects %" PRId64,
            inference->name, g->channels, g->channels == 1 ? "" : "s",
            FV__SHAPE(weight), g->groups, g->groups == 1 ? "" : "s",
            fv__product(2, channels));
    return false;
}

/* What the shape rule resolves for all calls of a node. Where padding is not
 * zeros, the batch is cut into slices of equally many images, whose padded copy
 * is in scratch, and the geometry is that of a slice, without padding. */
typedef struct resolved {
    fv__geometry geometry;
    fv__conv_descriptor forward, data, weights; /* gradients if wanted */
    int64_t slices;
    bool copies;
    fv__padding padding;
    fv_tensor slice, padded;            /* without data */
    size_t forward_copy, backward_copy; /* where the copy is in scratch */
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
    const fv_tensor *weight = inference->inputs[1];
    const size_t weights = fv__align(
        fv__real_bytes(context, fv__product(weight->rank, weight->shape)));
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
                            r->slices * fv__convolution_pixels(g), g->filters),
    };
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        if (inference->backward_scratch < bytes[i])
            inference->backward_scratch = bytes[i];
}

/* Bytes of the padded copy of a slice, on average: small enough for a cache,
 * large enough for all threads. */
enum { SLICE_BYTES = 1 << 21 };

/* The largest number of images of a slice that divides the batch and is not
 * over SLICE_BYTES, or 1. */
static int64_t images_of(const fv_inference *inference, int64_t batch,
                         const int64_t padded[], int32_t rank)
{
    const size_t image =
        fv__real_bytes(inference->context, fv__product(rank - 1, padded + 1));
    int64_t images =
        fv__min(batch, (int64_t)(SLICE_BYTES / (image ? image : 1)));
    while (images > 1 && batch % images) images--;
    return fv__max(images, 1);
}

/* Resolves a padding that is not zeros; the geometry becomes that of a slice.
 */
static fv_status resolve_padding(const fv_inference *inference, resolved *r)
{
    const fv_tensor *x = inference->inputs[0];
    const fv__conv2d *a = inference->attributes;
    fv__geometry *g = &r->geometry;
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    int64_t out[FV_MAX_RANK];
    for (int32_t i = 0; i < x->rank - 2; i++) {
        const int32_t axis = fv__axis_of(x->rank - 2, i);
        begin[1 + i] = g->begin[axis];
        end[1 + i] = g->end[axis];
        r->copies |= g->begin[axis] || g->end[axis];
        g->in[axis] += g->begin[axis] + g->end[axis];
        g->begin[axis] = g->end[axis] = 0;
    }
    if (!r->copies) return FV_OK;
    fv__convolution_shape(x->rank - 2, 1, g->in, g->channels, out);
    const int64_t images = images_of(inference, g->batch, out, x->rank);
    r->slice = *x;
    r->slice.data = NULL;
    r->slice.shape[0] = images;
    r->slices = g->batch / images;
    g->batch = images;
    const fv_status status =
        fv__padding_resolve(inference, &r->slice, begin, end,
                            a->convolution.padding_mode, &r->padding, out);
    r->padded = fv_tensor_of(NULL, x->dtype, x->rank, out);
    return status;
}

/* Adds room for the padded copy behind the scratch of a pass. */
static void reserve_copy(const fv_inference *inference, const resolved *r,
                         size_t *at, size_t *scratch)
{
    *at = fv__align(*scratch);
    if (r->copies)
        *scratch = fv__bytes_sum(
            *at, fv__real_bytes(inference->context,
                                fv__product(r->padded.rank, r->padded.shape)));
}

static fv_status resolve(fv_inference *inference, const fv__geometry *whole)
{
    const fv__conv2d *a = inference->attributes;
    fv_context *context = inference->context;
    const fv__conv_request request = fv__convolution_request(&a->convolution);
    resolved *r = fv_inference_allocate(inference, sizeof *r);
    if (!r) return fv_failed(context);
    inference->resolved = r;
    r->geometry = *whole;
    r->slices = 1;
    if (a->convolution.padding_mode != FV_PAD_ZEROS
        && resolve_padding(inference, r) != FV_OK)
        return fv_failed(context);
    const fv__geometry *g = &r->geometry;
    fv__conv_resolve(context, inference->name, &request, g, FV__FORWARD,
                     &r->forward);
    reserve_forward(inference, r);
    reserve_copy(inference, r, &r->forward_copy, &inference->forward_scratch);
    if (!inference->gradient) return fv_failed(context);
    fv__conv_resolve(context, inference->name, &request, g, FV__BACKWARD_DATA,
                     &r->data);
    fv__conv_resolve(context, inference->name, &request, g,
                     FV__BACKWARD_WEIGHTS, &r->weights);
    reserve_backward(inference, r);
    reserve_copy(inference, r, &r->backward_copy, &inference->backward_scratch);
    return fv_failed(context);
}

static bool operands_fit(const fv_inference *inference, const fv__geometry *g)
{
    static const char *const names[] = { "gamma", "beta", "mean", "variance" };
    const fv__conv2d *a = inference->attributes;
    const fv__conv_places p = fv__conv_places_of(a);
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

fv_status fv__conv_infer(fv_inference *inference, int32_t axes)
{
    fv_context *context = inference->context;
    const fv__conv2d *a = inference->attributes;
    const fv_tensor *const *inputs = inference->inputs;
    if (!fv__operand(inference, 0, "input", axes + 2)
        || !fv__operand(inference, 1, "weight", axes + 2))
        return fv_failed(context);
    if (a->convolution.auto_pad == FV_AUTO_PAD_CAUSAL && axes > 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: causal padding is for one axis, the input has %d",
                       inference->name, axes);
    const int mode = (int)a->convolution.padding_mode;
    if (mode < 0 || mode > FV_PAD_CONSTANT)
        return fv_fail(context, FV_MISUSE,
                       "%s: padding_mode %d is unknown (0 to %d)",
                       inference->name, mode, FV_PAD_CONSTANT);
    fv__geometry g =
        fv__convolution_geometry(inputs[0], inputs[1], &a->convolution);
    if (!channels_fit(inference, &g) || !operands_fit(inference, &g)
        || fv__geometry_check(context, inference->name, false, &g) != FV_OK)
        return fv_failed(context);
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(axes, g.batch, g.out, g.filters, shape);
    fv__infer_output(inference, axes + 2, shape);
    fv__infer_window(inference, &g);
    inference->multiply_accumulates = fv__geometry_macs(&g);
    if (a->residual)
        fv__infer_shape(inference, fv__conv_places_of(a).residual, axes + 2,
                        shape);
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

void fv__conv_fold(const fv_call *call, void *weights, void *biases)
{
    fv_context *context = call->context;
    const fv__conv2d *a = call->attributes;
    const fv_tensor *const *norm = call->inputs + fv__conv_places_of(a).gamma;
    const int64_t filters = call->inputs[1]->shape[0];
    const int64_t span = fv_tensor_count(call->inputs[1]) / filters;
    for (int64_t f = 0; f < filters; f++) {
        const double scale =
            fv__real_get(context, norm[0]->data, f)
            / sqrt(fv__real_get(context, norm[3]->data, f) + a->epsilon);
        const double bias =
            a->bias ? fv__real_get(
                context, call->inputs[fv__conv_places_of(a).bias]->data, f)
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
    if (a->bias)
        conv->epilogue.bias = call->inputs[fv__conv_places_of(a).bias]->data;
    if (a->normalised) conv->epilogue.bias = biases;
    const bool packs = d->packed > 0;
    void *folded = packs ? call->scratch : conv->packed;
    if (a->normalised && !call->cache_valid)
        fv__conv_fold(call, folded, biases);
    if (a->normalised) conv->weight = folded;
    if (packs && !call->cache_valid) d->algorithm->pack(conv, FV__FORWARD);
    if (a->normalised && packs) conv->weight = NULL; /* scratch from now on */
}

/* Runs a direction, slice by slice where the padding is copied. */
static void run(const fv_call *call, const fv__conv_call *whole,
                const fv__conv_descriptor *d)
{
    const fv__conv2d *a = call->attributes;
    const resolved *r = call->resolved;
    const bool back = d->direction == FV__BACKWARD_DATA;
    fv_tensor slice = r->slice, padded = r->padded;
    if (!r->copies) {
        d->algorithm->run(whole, d->direction);
        return;
    }
    padded.data =
        (unsigned char *)call->scratch
        + (d->direction == FV__FORWARD ? r->forward_copy : r->backward_copy);
    for (int64_t i = 0; i < r->slices; i++) {
        fv__conv_call conv = *whole;
        const int64_t in = i * fv_tensor_count(&slice);
        const int64_t out =
            i * fv__convolution_pixels(&r->geometry) * r->geometry.filters;
        const void *residual = conv.epilogue.residual;
        conv.x = conv.dx = padded.data;
        if (back) {
            conv.overwrite = true;
        } else {
            slice.data = fv__tensor_byte(call->inputs[0], in);
            fv__padding_fill(call->context, &r->padding, &slice, &padded,
                             a->convolution.padding_mode == FV_PAD_CONSTANT
                                 ? a->convolution.padding_value
                                 : 0);
        }
        if (conv.y) conv.y = fv__number_at(call->context, conv.y, out);
        if (conv.dy) conv.dy = fv__number_in(call->context, conv.dy, out);
        if (residual)
            conv.epilogue.residual =
                fv__number_in(call->context, residual, out);
        d->algorithm->run(&conv, d->direction);
        if (!back || !call->input_grads[0]) continue;
        slice.data = fv__tensor_byte(call->input_grads[0], in);
        fv__padding_gather(call->context, &r->padding, &padded, &slice,
                           whole->overwrite ? FV__STORE : FV__ACCUMULATE);
    }
}

void fv__conv_forward(const fv_call *call)
{
    const fv__conv2d *a = call->attributes;
    const resolved *r = call->resolved;
    fv__conv_call conv = conv_of(call);
    prepare(call, &conv);
    if (a->residual)
        conv.epilogue.residual =
            call->inputs[fv__conv_places_of(a).residual]->data;
    conv.epilogue.clamp = a->clamp;
    conv.epilogue.low = a->low;
    conv.epilogue.high = a->high;
    conv.y = call->outputs[0]->data;
    run(call, &conv, &r->forward);
}

void fv__conv_pack_in_scratch(const fv_call *call, fv__conv_call *conv,
                              const fv__conv_descriptor *d)
{
    conv->packed = call->scratch;
    conv->scratch = (unsigned char *)call->scratch + fv__align(d->packed);
    if (d->packed) d->algorithm->pack(conv, d->direction);
}

static void run_back(const fv_call *call, fv__conv_call *conv,
                     const fv__conv_descriptor *d)
{
    fv__conv_pack_in_scratch(call, conv, d);
    run(call, conv, d);
}

/* The bias alone: its weight is frozen. */
static void bias_grad(const fv_call *call, const resolved *r, void *dbias)
{
    const fv__columns columns = { .m = r->slices
                                       * fv__convolution_pixels(&r->geometry),
                                  .c = r->geometry.filters,
                                  .x = call->output_grads[0]->data };
    fv__columns_add(call->context, &columns, dbias, call->scratch);
}

void fv__conv_backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const fv__conv2d *a = call->attributes;
    const int32_t place = fv__conv_places_of(a).bias;
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
    if (bias) fv__clear_fresh(call, place);
    if (grads[1]) {
        fv__clear_fresh(call, 1);
        conv.dweight = grads[1]->data;
        conv.dbias = bias ? grads[place]->data : NULL;
        run_back(call, &conv, &r->weights);
    } else if (bias) {
        bias_grad(call, r, grads[place]->data);
    }
}

fv_variable *fv__conv_apply(const fv_operator *op, fv_variable *x,
                            fv_variable *weight, fv_variable *bias,
                            const fv_convolution *geometry)
{
    const int64_t one[FV__AXES] = { 1, 1, 1 };
    fv__conv2d full = { .bias = bias != NULL };
    fv_convolution *a = &full.convolution;
    if (geometry) *a = *geometry;
    fv__option_axes(FV__AXES, a->stride, 0, one);
    fv__option_axes(FV__AXES, a->dilation, 0, one);
    a->groups = fv__option_count(a->groups, 1);
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(op, &full, bias ? 3 : 2, inputs);
}
