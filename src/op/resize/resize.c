/* Resizes images, one axis after the other. */
#include "op/resize/resize.h"

#include <inttypes.h>
#include <math.h>

enum { AXES = 3, PIECE = 16384 }; /* elements of an item of work */

typedef fv__resize_plan resize_plan;

/* ---- the shape rule ------------------------------------------------------ */

static fv_status check_words(const fv_inference *inference, int32_t axes)
{
    const fv_resizing *a = inference->attributes;
    fv_context *context = inference->context;
    const char *name = inference->name;
    const struct {
        const char *word;
        int is, most;
    } words[] = {
        { "mode", (int)a->mode, FV_RESIZE_CUBIC },
        { "coordinates", (int)a->coordinates, FV_RESIZE_CROP },
        { "rounding", (int)a->rounding, FV_RESIZE_CEIL },
        { "fit", (int)a->fit, FV_RESIZE_NOT_SMALLER },
        { "antialias", (int)a->antialias, FV_RESIZE_SMOOTH_BORDER },
    };
    for (int i = 0; i < 5; i++)
        if (words[i].is < 0 || words[i].is > words[i].most)
            return fv_fail(context, FV_MISUSE, "%s: %s %d is unknown (0 to %d)",
                           name, words[i].word, words[i].is, words[i].most);
    if (!isfinite(a->cubic_coefficient))
        return fv_fail(context, FV_MISUSE,
                       "%s: cubic_coefficient %s is not finite", name,
                       FV__NUMBER(a->cubic_coefficient));
    if (a->mode == FV_RESIZE_CUBIC && axes > 2)
        return fv_fail(context, FV_MISUSE,
                       "%s: cubic is for 1 or 2 axes, input %s has 3", name,
                       FV__SHAPE(inference->inputs[0]));
    if (a->antialias && a->mode == FV_RESIZE_NEAREST)
        return fv_fail(context, FV_MISUSE,
                       "%s: antialias is for linear and cubic, not for nearest",
                       name);
    if (a->antialias && a->coordinates != FV_RESIZE_HALF_PIXEL)
        return fv_fail(context, FV_MISUSE,
                       "%s: antialias is for the coordinates half_pixel alone",
                       name);
    return FV_OK;
}

/* Whether a number is given for any axis; those that are missing repeat the
 * first. */
static bool complete(int32_t axes, fv_resizing *a, bool *scaled)
{
    bool sized = *scaled = false;
    for (int32_t i = 0; i < axes; i++) {
        if (!a->sizes[i]) a->sizes[i] = a->sizes[0];
        if (a->scales[i] == 0) a->scales[i] = a->scales[0];
        sized |= a->sizes[i] != 0;
        *scaled |= a->scales[i] != 0;
    }
    return sized;
}

/* Whether the numbers of a region are finite. */
static fv_status check_region(const fv_inference *inference,
                              const fv_resizing *a, int32_t axes)
{
    for (int32_t i = 0; i < axes; i++)
        if (!isfinite(a->region_begin[i]) || !isfinite(a->region_end[i]))
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: the region %s to %s is not finite",
                           inference->name, FV__NUMBER(a->region_begin[i]),
                           FV__NUMBER(a->region_end[i]));
    return FV_OK;
}

/* Replaces sizes that the image shall fit by one scale and the sizes that
 * follow from it. */
static void fit(const fv_tensor *x, int32_t axes, fv_resizing *a)
{
    double scale = 0;
    if (a->fit == FV_RESIZE_STRETCH) return;
    for (int32_t i = 0; i < axes; i++) {
        if (a->sizes[i] < 1 || x->shape[i + 1] < 1) continue;
        const double of = (double)a->sizes[i] / (double)x->shape[i + 1];
        const bool less =
            a->fit == FV_RESIZE_NOT_LARGER ? of < scale : of > scale;
        if (scale == 0 || less) scale = of;
    }
    for (int32_t i = 0; i < axes; i++) {
        if (a->sizes[i] < 1 || x->shape[i + 1] < 1) continue;
        const double size = scale * (double)x->shape[i + 1];
        a->scales[i] = scale;
        a->sizes[i] = (int64_t)fmin(fmax(floor(size + 0.5), 1), 0x1p62);
    }
}

static fv_status axis_size(const fv_inference *inference, const fv_resizing *a,
                           int32_t i, bool scaled, int64_t *out)
{
    const int64_t in = inference->inputs[0]->shape[i + 1];
    fv_context *context = inference->context;
    *out = a->sizes[i] == FV_OPEN ? in : a->sizes[i];
    if (in < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no pixels",
                       inference->name, FV__SHAPE(inference->inputs[0]));
    if (scaled && !(a->scales[i] > 0 && isfinite(a->scales[i])))
        return fv_fail(context, FV_MISUSE,
                       "%s: scale %s is not above 0 and finite",
                       inference->name, FV__NUMBER(a->scales[i]));
    const double grown = floor((double)in * a->scales[i]);
    if (scaled && grown < 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: scale %s leaves nothing of %" PRId64 " pixels",
                       inference->name, FV__NUMBER(a->scales[i]), in);
    if (scaled) *out = (int64_t)fmin(grown, 0x1p62);
    if (*out < 1)
        return fv_fail(context, FV_MISUSE, "%s: size %" PRId64 " is below 1",
                       inference->name, *out);
    if (*out > INT32_MAX || in > INT32_MAX)
        return fv_fail(context, FV_LIMIT,
                       "%s: size %" PRId64 " is over %" PRId32, inference->name,
                       *out > in ? *out : in, INT32_MAX);
    return FV_OK;
}

static fv_status sizes(const fv_inference *inference, fv_resizing *a,
                       int64_t *shape)
{
    const fv_tensor *x = inference->inputs[0];
    fv_context *context = inference->context;
    const int32_t axes = x->rank - 2;
    if (!fv__operand(inference, 0, "input", -1)) return fv_failed(context);
    if (axes < 1 || axes > AXES)
        return fv_fail(context, FV_MISUSE,
                       "%s: input %s has rank %d, expected 3 to 5",
                       inference->name, FV__SHAPE(x), x->rank);
    if (check_words(inference, axes) != FV_OK) return fv_failed(context);
    bool scaled;
    const bool sized = complete(axes, a, &scaled);
    if (sized == scaled)
        return fv_fail(context, FV_MISUSE,
                       sized ? "%s: both size and scale are given"
                             : "%s: neither size nor scale is given",
                       inference->name);
    if (check_region(inference, a, axes) != FV_OK) return fv_failed(context);
    if (sized) fit(x, axes, a);
    for (int32_t i = 0; i < x->rank; i++) shape[i] = x->shape[i];
    for (int32_t i = 0; i < axes; i++)
        if (axis_size(inference, a, i, scaled, &shape[i + 1]) != FV_OK)
            return fv_failed(context);
    return FV_OK;
}

/* Puts the passes in order, and notes the shapes between them. */
static void order(resize_plan *p, const fv_tensor *x, const int64_t *out)
{
    p->rank = x->rank;
    for (int32_t i = (int32_t)fv__min(x->rank, 5) - 3; i >= 0; i--) {
        if (p->axes[i].same) continue;
        int32_t at = p->passes++;
        for (; at > 0; at--) {
            const int32_t before = p->axis[at - 1];
            if ((double)out[i + 1] / (double)x->shape[i + 1]
                >= (double)out[before + 1] / (double)x->shape[before + 1])
                break;
            p->axis[at] = before;
        }
        p->axis[at] = i;
    }
    for (int32_t k = 0; k <= p->passes; k++)
        for (int32_t i = 0; i < x->rank; i++)
            p->shape[k][i] = k ? p->shape[k - 1][i] : x->shape[i];
    for (int32_t k = 0; k < p->passes; k++)
        for (int32_t later = k + 1; later <= p->passes; later++)
            p->shape[later][p->axis[k] + 1] = out[p->axis[k] + 1];
}

/* Bytes of the image after pass k. */
static size_t between(const fv_context *context, const resize_plan *p,
                      int32_t k)
{
    return fv__align(
        fv__real_bytes(context, fv__product(p->rank, p->shape[k + 1])));
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    fv_resizing a = *(const fv_resizing *)inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int64_t out[FV_MAX_RANK] = { 0 };
    if (sizes(inference, &a, out) != FV_OK) return fv_failed(context);
    fv__infer_output(inference, x->rank, out);
    if (fv__product(x->rank, out) < 0) return FV_OK; /* refused by the graph */
    resize_plan *p = fv_inference_allocate(inference, sizeof *p);
    if (!p) return fv_failed(context);
    for (int32_t i = 0; i < x->rank - 2; i++)
        if (!fv__resize_axis_make(inference, &a, i, x->shape[i + 1], out[i + 1],
                                  a.scales[i], &p->axes[i]))
            return fv_failed(context);
    order(p, x, out);
    for (int32_t k = 0; k + 1 < p->passes; k++)
        inference->forward_scratch =
            fv__bytes_sum(inference->forward_scratch, between(context, p, k));
    inference->backward_scratch = inference->forward_scratch;
    for (int32_t i = 0; i < 2 && x->rank == 4; i++) {
        inference->window[i] = p->axes[i].taps.width;
        inference->step[i] =
            fv__max(x->shape[i + 1] / fv__max(out[i + 1], 1), 1);
    }
    inference->resolved = p;
    return FV_OK;
}

/* ---- the work ------------------------------------------------------------ */

/* One pass over all lines: x [lines][inputs][inner]. */
typedef struct pass {
    const fv_context *context;
    fv__resample resample;
    int64_t lines, each; /* outputs of all lines for each item */
} pass;

static void run_item(void *argument, size_t item, size_t worker)
{
    const pass *p = argument;
    const fv__taps *taps = p->resample.taps;
    const int64_t inner = (int64_t)p->resample.inner, n = taps->outputs;
    const int64_t end = fv__min(((int64_t)item + 1) * p->each, p->lines * n);
    int64_t at = (int64_t)item * p->each;
    (void)worker;
    while (at < end) {
        const int64_t line = at / n;
        fv__resample r = p->resample;
        r.begin = at - line * n;
        r.end = fv__min(n, r.begin + end - at);
        r.x = fv__number_in(p->context, r.x, line * taps->inputs * inner);
        r.y = fv__number_at(p->context, r.y, line * n * inner);
        p->context->kernels->resample(&r);
        at += r.end - r.begin;
    }
}

static void run_pass(fv_context *context, const resize_plan *plan, int32_t k,
                     const fv__taps *taps, const void *x, void *y, bool add)
{
    const int64_t *shape = plan->shape[k];
    const int32_t axis = plan->axis[k] + 1;
    const int64_t inner = fv__product(plan->rank - axis - 1, shape + axis + 1);
    pass p = { .context = context,
               .resample = { .taps = taps,
                             .inner = (size_t)inner,
                             .x = x,
                             .y = y,
                             .add = add },
               .lines = fv__product(axis, shape),
               .each = fv__max(PIECE / fv__max(inner, 1), 1) };
    const int64_t outputs = p.lines * taps->outputs;
    if (outputs * inner == 0) return;
    fv__parallel(context, (size_t)fv__divide_up(outputs, p.each),
                 (double)outputs * (double)inner * (double)(taps->width + 1),
                 run_item, &p);
}

/* The image after pass k in the scratch memory. */
static void *image_after(const fv_call *call, const resize_plan *p, int32_t k)
{
    unsigned char *at = call->scratch;
    for (int32_t i = 0; i < k; i++) at += between(call->context, p, i);
    return at;
}

static void forward(const fv_call *call)
{
    const resize_plan *p = call->resolved;
    if (!p->passes)
        fv__copy_all(call->context, call->outputs[0], call->inputs[0]);
    for (int32_t k = 0; k < p->passes; k++)
        run_pass(call->context, p, k, &p->axes[p->axis[k]].taps,
                 k ? image_after(call, p, k - 1) : call->inputs[0]->data,
                 k + 1 < p->passes ? image_after(call, p, k)
                                   : call->outputs[0]->data,
                 false);
}

static void backward(const fv_call *call)
{
    const resize_plan *p = call->resolved;
    const fv_tensor *dx = call->input_grads[0], *dy = call->output_grads[0];
    const bool add = fv__accumulation_of(call, 0) == FV__ACCUMULATE;
    if (!p->passes && add)
        fv__add_all(call->context, dx, dy);
    else if (!p->passes)
        fv__copy_all(call->context, dx, dy);
    for (int32_t k = p->passes - 1; k >= 0; k--)
        run_pass(call->context, p, k, &p->axes[p->axis[k]].transposed,
                 k + 1 < p->passes ? image_after(call, p, k) : dy->data,
                 k ? image_after(call, p, k - 1) : dx->data, add && !k);
}

const fv_operator fv__op_resize = {
    .size = sizeof(fv_operator),
    .name = "resize",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv_resizing),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Resize",
};

fv_variable *fv_resize_of(fv_variable *x, const fv_resizing *resizing)
{
    static const fv_resizing none = { 0 };
    return fv_apply(&fv__op_resize, resizing ? resizing : &none, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
static const char *const coordinates[] = { "half_pixel", "align_corners",
                                           "asymmetric", "pytorch_half_pixel",
                                           "symmetric",  "tf_half_pixel",
                                           "crop",       NULL };
static const char *const roundings[] = { "round_prefer_floor",
                                         "round_prefer_ceil", "floor", "ceil",
                                         NULL };
static const char *const filters[] = { "no", "yes", "border", NULL };
static const char *const fits[] = { "stretch", "not_larger", "not_smaller",
                                    NULL };

static const fv__field fields[] = {
    { FV__FIELD_AS("size", fv_resize_options, EXTENTS, sizes),
      .positional = true, .positive = true, .optional = true },
    { FV__FIELD(fv_resize_options, NUMBER, scale), .range = FV__AT_LEAST_0 },
    { FV__FIELD(fv_resize_options, NUMBERS, scales) },
    { FV__FIELD(fv_resize_options, NUMBERS, region) },
    { FV__FIELD(fv_resize_options, WORD, mode), .words = modes },
    { FV__FIELD(fv_resize_options, WORD, coordinates), .words = coordinates },
    { FV__FIELD(fv_resize_options, WORD, rounding), .words = roundings },
    { FV__FIELD(fv_resize_options, WORD, antialias), .words = filters },
    { FV__FIELD(fv_resize_options, SWITCH, exclude_outside) },
    { FV__FIELD(fv_resize_options, WORD, fit), .words = fits },
    { FV__FIELD(fv_resize_options, NUMBER, cubic_coefficient) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_resize_options *options = layer->options;
    const fv_shape given = fv__shape_of(options->sizes);
    const int32_t axes = inputs[0].rank - 1;
    const struct {
        const char *what;
        int64_t is, expected;
    } lists[] = { { "sizes", given.rank > 1 ? given.rank : 0, axes },
                  { "scales", options->scales.count, axes },
                  { "numbers of the region", options->region.count,
                    2 * axes } };
    (void)count;
    for (int i = 0; i < 3; i++)
        if (lists[i].is && lists[i].is != lists[i].expected)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: %" PRId64
                           " %s are given, the input has %d axes besides "
                           "channels",
                           layer->name, lists[i].is, lists[i].what, axes);
    return FV_OK;
}

/* The numbers of the second input: sizes or, if they are real, scales. */
static bool read_input(const fv_layer *layer, const fv_variable *from,
                       int32_t axes, fv_resizing *resizing)
{
    const bool real = fv__dtype_is_real(from->value.dtype);
    const int64_t n = fv_tensor_count(&from->value);
    if (n != axes || from->value.rank > 1 || axes > AXES) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: %s %s for an input of %d axes besides channels",
                layer->name, real ? "scales" : "sizes", FV__SHAPE(&from->value),
                axes);
        return false;
    }
    if (!real) {
        int64_t sizes[FV__MOST_KNOWN];
        int32_t known;
        if (!fv__known_list(layer->name, "the size", from, &known, sizes))
            return false;
        for (int32_t i = 0; i < known; i++) resizing->sizes[i] = sizes[i];
        return true;
    }
    if (!fv__is_known(from)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: the scales must be known when the plan is made",
                layer->name);
        return false;
    }
    fv__load_doubles(from->value.dtype, from->value.data, 1, n,
                     resizing->scales);
    return true;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_resize_options *o = layer->options;
    const int32_t axes = inputs[0]->value.rank - 2;
    fv_resizing resizing = { .scales = { o->scale },
                             .mode = o->mode,
                             .coordinates = o->coordinates,
                             .rounding = o->rounding,
                             .antialias = o->antialias,
                             .exclude_outside = o->exclude_outside,
                             .fit = o->fit,
                             .cubic_coefficient = o->cubic_coefficient,
                             .region_end = { 1, 1, 1 } };
    for (int32_t i = 0; i < AXES; i++) resizing.sizes[i] = o->sizes[i];
    for (int32_t i = 0; i < fv__min(o->scales.count, AXES); i++)
        resizing.scales[i] = o->scales.at[i];
    for (int32_t i = 0; i < axes && o->region.count == 2 * axes && i < AXES;
         i++) {
        resizing.region_begin[i] = o->region.at[i];
        resizing.region_end[i] = o->region.at[axes + i];
    }
    if (count > 1 && !read_input(layer, inputs[1], axes, &resizing))
        return NULL;
    return fv_resize_of(inputs[0], &resizing);
}

const fv__layer_type fv__layer_resize = {
    .kind = "resize",
    .about =
        "the image in other sizes, or sizes times `scale`, by the nearest "
        "pixel, linear or cubic interpolation; a second input may give the "
        "sizes or, of real numbers, the scales",
    FV__LAYER_OPTIONS(fv_resize_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_resize_new(const fv_resize_options *options)
{
    return fv__layer_new(&fv__layer_resize, options);
}
