/* Regions of images, pooled to one size: RoIAlign (He et al. 2017). Each output
 * pixel is the mean of samples between pixels or, as ONNX has it, the largest
 * of their four weighted pixels. */
#include "op/operand.h"
#include "op/tensor_layer.h"

#include <inttypes.h>
#include <math.h>

enum { MOST_SAMPLES = 1024, CHANNELS = 64 };

static fv_status check_numbers(const fv_inference *inference)
{
    const fv_roi_pooling *a = inference->attributes;
    fv_context *context = inference->context;
    const char *name = inference->name;
    if (a->height < 1 || a->width < 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: size %" PRId64 "x%" PRId64 " is below 1", name,
                       a->height, a->width);
    if (a->samples < 0 || a->samples > MOST_SAMPLES)
        return fv_fail(context, FV_MISUSE,
                       "%s: %" PRId64 " samples are not 0 to %d", name,
                       a->samples, MOST_SAMPLES);
    if (!(a->scale > 0) || !isfinite(a->scale))
        return fv_fail(context, FV_MISUSE,
                       "%s: scale %s is not above 0 and finite", name,
                       FV__NUMBER(a->scale));
    return FV_OK;
}

static fv_status infer(fv_inference *inference)
{
    const fv_roi_pooling *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *boxes = inference->inputs[1];
    const fv_tensor *images = inference->inputs[2];
    fv_context *context = inference->context;
    if (check_numbers(inference) != FV_OK
        || !fv__operand(inference, 0, "input", 4)
        || !fv__operand(inference, 1, "regions", 2))
        return fv_failed(context);
    if (x->shape[1] < 1 || x->shape[2] < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no pixels",
                       inference->name, FV__SHAPE(x));
    if (boxes->shape[1] != 4)
        return fv_fail(context, FV_MISUSE,
                       "%s: regions %s have %" PRId64 " numbers, expected 4",
                       inference->name, FV__SHAPE(boxes), boxes->shape[1]);
    if (fv__infer_indices(inference, 2) != FV_OK) return fv_failed(context);
    if (images->rank != 1 || images->shape[0] != boxes->shape[0])
        return fv_fail(context, FV_MISUSE,
                       "%s: images %s of %" PRId64 " regions", inference->name,
                       FV__SHAPE(images), boxes->shape[0]);
    const int64_t shape[] = { boxes->shape[0], a->height, a->width,
                              x->shape[3] };
    inference->window[0] = inference->window[1] = 0;
    return fv__infer_output(inference, 4, shape);
}

/* ---- samples ---------------------------------------------------------------
 */

/* A region in pixels: where it begins, the size of a bin, samples of each. */
typedef struct region {
    int64_t image; /* -1: none of the batch, or no region */
    double begin[2], bin[2];
    int64_t samples[2];
} region;

static region region_of(const fv_call *call, int64_t k)
{
    const fv_roi_pooling *a = call->attributes;
    const int64_t size[] = { a->height, a->width };
    const int64_t image = fv__index_get(call->inputs[2], k);
    region r = { .image = image };
    for (int i = 0; i < 2; i++) {
        /* x first in the operand, rows first here */
        const double shift = a->aligned ? 0.5 : 0;
        const double from =
            fv__real_get(call->context, call->inputs[1]->data, 4 * k + 1 - i);
        const double to =
            fv__real_get(call->context, call->inputs[1]->data, 4 * k + 3 - i);
        r.begin[i] = from * a->scale - shift;
        double extent = to * a->scale - shift - r.begin[i];
        if (!a->aligned) extent = fmax(extent, 1);
        r.bin[i] = extent / (double)size[i];
        r.samples[i] =
            a->samples ? a->samples
                       : (int64_t)fmin(fmax(ceil(r.bin[i]), 0), MOST_SAMPLES);
        if (!isfinite(r.begin[i]) || !isfinite(extent)) r.image = -1;
    }
    if (r.image >= call->inputs[0]->shape[0]) r.image = -1;
    return r;
}

/* The four pixels of a sample, as positions in a plane, and their weights. */
typedef struct corners {
    int64_t at[4];
    double weight[4];
} corners;

/* The pixels around a coordinate, and the weight of the second; false: it is
 * farther than a pixel outside. */
static bool between(double at, int64_t extent, int64_t pixel[2], double *weight)
{
    if (!(at >= -1 && at <= (double)extent)) return false;
    at = fmax(at, 0);
    pixel[0] = fv__min((int64_t)at, extent - 1);
    pixel[1] = fv__min(pixel[0] + 1, extent - 1);
    *weight = pixel[0] == pixel[1] ? 0 : at - (double)pixel[0];
    return true;
}

/* Sample i, j of output pixel row, column. */
static bool find_corners(const region *r, const int64_t *x, const int64_t o[2],
                         const int64_t sample[2], corners *c)
{
    int64_t pixel[2][2];
    double weight[2];
    for (int i = 0; i < 2; i++) {
        const double in = ((double)sample[i] + 0.5) / (double)r->samples[i];
        const double at = r->begin[i] + ((double)o[i] + in) * r->bin[i];
        if (!between(at, x[1 + i], pixel[i], &weight[i])) return false;
    }
    for (int k = 0; k < 4; k++) {
        c->at[k] = pixel[0][k / 2] * x[2] + pixel[1][k % 2];
        c->weight[k] = (k / 2 ? weight[0] : 1 - weight[0])
                       * (k % 2 ? weight[1] : 1 - weight[1]);
    }
    return true;
}

/* What is done with each sample of an output pixel. */
typedef void sample_use(void *user, const corners *c);

static void each_sample(const region *r, const int64_t *x, const int64_t o[2],
                        sample_use *use, void *user)
{
    corners c;
    for (int64_t i = 0; i < r->samples[0]; i++)
        for (int64_t j = 0; j < r->samples[1]; j++)
            if (find_corners(r, x, o, (const int64_t[]){ i, j }, &c))
                use(user, &c);
}

static double share_of(const region *r)
{
    return 1 / (double)fv__max(r->samples[0] * r->samples[1], 1);
}

/* ---- forward ---------------------------------------------------------------
 */

/* Some channels of an output pixel: y of an image x, or their gradients. */
typedef struct pixel {
    const fv_context *context;
    const void *x;
    void *y;
    int64_t channels, first, count; /* of x; those that are taken */
    double share;
    bool any;       /* a sample has been seen */
    const void *dy; /* of y */
    void *dx;       /* of x */
    double best;    /* of one channel, the largest pixel and where it is */
    double weight;
    int64_t where;
} pixel;

static void add_mean(void *user, const corners *c)
{
    const pixel *p = user;
    for (int k = 0; k < 4; k++)
        p->context->kernels->axpy(
            (size_t)p->count, c->weight[k] * p->share,
            fv__number_in(p->context, p->x, c->at[k] * p->channels), p->y);
}

static void take_largest(void *user, const corners *c)
{
    pixel *p = user;
    for (int64_t i = 0; i < p->count; i++)
        for (int k = 0; k < 4; k++) {
            const double v =
                c->weight[k]
                * fv__real_get(p->context, p->x, c->at[k] * p->channels + i);
            if ((k || p->any) && !(v > fv__real_get(p->context, p->y, i)))
                continue;
            fv__real_set(p->context, p->y, i, v);
        }
    p->any = true;
}

/* One row of a region. */
static void pool_row(void *argument, size_t item, size_t worker)
{
    const fv_call *call = argument;
    const fv_roi_pooling *a = call->attributes;
    const fv_context *context = call->context;
    const int64_t *x = call->inputs[0]->shape, channels = x[3];
    const region r = region_of(call, (int64_t)item / a->height);
    int64_t o[] = { (int64_t)item % a->height, 0 };
    (void)worker;
    for (; o[1] < a->width; o[1]++) {
        pixel p = { .context = context,
                    .y = fv__tensor_byte(call->outputs[0],
                                         ((int64_t)item * a->width + o[1])
                                             * channels),
                    .channels = channels,
                    .count = channels,
                    .share = share_of(&r) };
        context->kernels->fill((size_t)channels, r.image < 0 ? (double)NAN : 0,
                               p.y);
        if (r.image < 0) continue;
        p.x =
            fv__tensor_byte(call->inputs[0], r.image * x[1] * x[2] * channels);
        each_sample(&r, x, o, a->largest ? take_largest : add_mean, &p);
    }
}

static void forward(const fv_call *call)
{
    const fv_roi_pooling *a = call->attributes;
    const int64_t rows = call->inputs[1]->shape[0] * a->height;
    const double samples = a->samples ? (double)(a->samples * a->samples) : 4;
    if (!fv_tensor_count(call->outputs[0])) return;
    fv__parallel(call->context, (size_t)rows,
                 8 * samples * (double)fv_tensor_count(call->outputs[0]),
                 pool_row, (void *)(uintptr_t)call);
}

/* ---- backward --------------------------------------------------------------
 */

static void spread_mean(void *user, const corners *c)
{
    const pixel *p = user;
    for (int k = 0; k < 4; k++)
        p->context->kernels->axpy(
            (size_t)p->count, c->weight[k] * p->share, p->dy,
            fv__number_at(p->context, p->dx,
                          c->at[k] * p->channels + p->first));
}

static void find_largest(void *user, const corners *c)
{
    pixel *p = user;
    for (int k = 0; k < 4; k++) {
        const double v =
            c->weight[k]
            * fv__real_get(p->context, p->x, c->at[k] * p->channels + p->first);
        if (p->any && !(v > p->best)) continue;
        p->any = true;
        p->best = v;
        p->weight = c->weight[k];
        p->where = c->at[k] * p->channels + p->first;
    }
}

/* Regions meet in an image, so an item is some channels of all of them. */
typedef struct job {
    const fv_call *call;
    int64_t pieces;
} job;

static void spread_pixel(const job *j, const region *r, const int64_t o[2],
                         pixel p)
{
    const fv_roi_pooling *a = j->call->attributes;
    const int64_t *x = j->call->inputs[0]->shape, end = p.first + p.count;
    if (!a->largest) {
        each_sample(r, x, o, spread_mean, &p);
        return;
    }
    for (int64_t i = 0; p.first < end; i++, p.first++) {
        p.any = false;
        each_sample(r, x, o, find_largest, &p);
        if (!p.any) continue;
        const double d = p.weight * fv__real_get(p.context, p.dy, i);
        fv__real_set(p.context, p.dx, p.where,
                     fv__real_get(p.context, p.dx, p.where) + d);
    }
}

static void spread_channels(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const fv_call *call = j->call;
    const fv_roi_pooling *a = call->attributes;
    const int64_t *x = call->inputs[0]->shape;
    const int64_t n = (int64_t)item / j->pieces;
    const int64_t first = (int64_t)item % j->pieces * CHANNELS;
    const int64_t plane = x[1] * x[2] * x[3];
    (void)worker;
    for (int64_t k = 0; k < call->inputs[1]->shape[0]; k++) {
        const region r = region_of(call, k);
        if (r.image != n) continue;
        for (int64_t i = 0; i < a->height * a->width; i++) {
            const int64_t o[] = { i / a->width, i % a->width };
            const int64_t at = (k * a->height * a->width + i) * x[3] + first;
            spread_pixel(
                j, &r, o,
                (pixel){ .context = call->context,
                         .x = fv__tensor_byte(call->inputs[0], n * plane),
                         .dx = fv__tensor_byte(call->input_grads[0], n * plane),
                         .dy = fv__tensor_byte(call->output_grads[0], at),
                         .channels = x[3],
                         .first = first,
                         .count = fv__min(CHANNELS, x[3] - first),
                         .share = share_of(&r) });
        }
    }
}

static void backward(const fv_call *call)
{
    const int64_t *x = call->inputs[0]->shape;
    const fv_roi_pooling *a = call->attributes;
    job j = { call, fv__divide_up(x[3], CHANNELS) };
    const double samples = a->samples ? (double)(a->samples * a->samples) : 4;
    if (!call->input_grads[0] || x[0] * j.pieces == 0) return;
    fv__parallel(call->context, (size_t)(x[0] * j.pieces),
                 8 * samples * (double)fv_tensor_count(call->output_grads[0]),
                 spread_channels, &j);
}

const fv_operator fv__op_roi_align = {
    .size = sizeof(fv_operator),
    .name = "roi_align",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes_size = sizeof(fv_roi_pooling),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "RoiAlign",
};

fv_variable *fv_roi_align(fv_variable *x, fv_variable *regions,
                          fv_variable *images, const fv_roi_pooling *pooling)
{
    fv_variable *const inputs[] = { x, regions, images };
    return fv_apply(&fv__op_roi_align, pooling, 3, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t height, width, samples;
    double scale;
    int32_t aligned, mode;
} options;

static const char *const modes[] = { "mean", "max", NULL };

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, height), .positional = true },
    { FV__FIELD(options, COUNT, width), .positional = true },
    { FV__FIELD(options, COUNT, samples), .positive = true, .optional = true },
    { FV__FIELD(options, NUMBER, scale), .usual = 1, .positive = true,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, SWITCH, aligned) },
    { FV__FIELD(options, WORD, mode), .words = modes },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_roi_align(inputs[0], inputs[1], inputs[2],
                        &(fv_roi_pooling){ .height = o->height,
                                           .width = o->width,
                                           .samples = o->samples,
                                           .scale = o->scale,
                                           .aligned = o->aligned,
                                           .largest = o->mode == 1 });
}

const fv__layer_type fv__layer_roi_align = {
    .kind = "roi_align",
    .about =
        "regions x1, y1, x2, y2 of the first input, each of an image whose "
        "number is in the third, pooled to one size",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 3,
    .max_inputs = 3,
    .forward = apply,
};
