/* Group normalisation: the channels of each group of an image shifted and
 * scaled to mean 0 and variance 1, then each channel by beta and gamma.
 *
 * Blocks of pixels are summed for each channel; these sums are merged for each
 * channel of an image, then for each group. The columns of an image are then
 * normalised as in batch normalisation. */
#include "op/norm/groupnorm.h"
#include "op/chunk.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { X, GAMMA, BETA };

/* n images of p pixels with c channels in groups of `group` */
typedef struct sizes {
    int64_t n, p, c, group;
    int64_t rows, blocks; /* pixels of a block, blocks of an image */
} sizes;

/* The sums of a block of pixels are computed while the block is in the cache.
 */
enum { BLOCK_ELEMENTS = 1 << 14, BLOCK_ROWS = 32 };

int64_t fv__groupnorm_rows(int64_t channels)
{
    return fv__max(BLOCK_ELEMENTS / channels, BLOCK_ROWS);
}

static sizes sizes_of(const fv__groupnorm *a, const fv_tensor *x)
{
    sizes s = { .n = x->shape[0], .c = x->shape[x->rank - 1] };
    s.p = fv__product(x->rank - 2, x->shape + 1);
    s.group = a->single ? 1 : s.c / a->groups;
    s.rows = fv__groupnorm_rows(s.c);
    s.blocks = fv__divide_up(s.p, s.rows);
    return s;
}

/* ---- the shape rule ------------------------------------------------------ */

static bool shapes_fit(const fv_inference *inference)
{
    const fv__groupnorm *a = inference->attributes;
    const fv_tensor *x = inference->inputs[X];
    fv_context *context = inference->context;
    if (!fv__operand(inference, X, "input", -1)) return false;
    const int64_t c = x->shape[x->rank - 1];
    if (x->rank < 2)
        fv_fail(context, FV_MISUSE,
                "%s: input %s has rank 1, expected at least 2", inference->name,
                FV__SHAPE(x));
    else if (fv__product(x->rank - 1, x->shape + 1) < 1)
        fv_fail(context, FV_MISUSE, "%s: images of input %s are empty",
                inference->name, FV__SHAPE(x));
    else if (!a->single && a->groups < 1)
        fv_fail(context, FV_MISUSE, "%s: groups %" PRId64 " is below 1",
                inference->name, a->groups);
    else if (!a->single && c % a->groups)
        fv_fail(context, FV_MISUSE,
                "%s: groups %" PRId64 " does not divide channels %" PRId64,
                inference->name, a->groups, c);
    else
        return fv__operand_vector(inference, GAMMA, "gamma", c, "channels")
               && fv__operand_vector(inference, BETA, "beta", c, "channels");
    return false;
}

/* Rows of c numbers for each image. MEAN and INVERSE, the inverse of the
 * deviation, are saved, the others are scratch.
 *     dx (+)= SCALE dy + SLOPE (x - mean) + OFFSET
 * SUM is the sum of dy, DOT that of dy (x - mean) INVERSE. */
enum { MEAN, INVERSE, SAVED_ROWS };
enum {
    SCALE,
    FORWARD_ROWS,
    SLOPE = FORWARD_ROWS,
    OFFSET,
    SUM,
    DOT,
    BACKWARD_ROWS
};
/* Single rows: zeros, and the sums of a parameter's gradient. */
enum { ZEROS, TOTAL, SINGLE_ROWS };

static size_t rows_bytes(const fv_context *context, int64_t rows, int64_t n,
                         int64_t c)
{
    const int64_t extents[] = { rows, n, c };
    return fv__align(fv__real_bytes(context, fv__product(3, extents)));
}

/* Scratch: rows, single rows, then two sums of each block. */
static size_t scratch_bytes(const fv_context *context, const sizes *s, int rows)
{
    const size_t many = rows_bytes(context, rows, s->n, s->c);
    const size_t single = rows_bytes(context, SINGLE_ROWS, 1, s->c);
    const size_t sums = rows_bytes(context, 2 * s->blocks, s->n, s->c);
    return fv__bytes_sum(many, fv__bytes_sum(single, sums));
}

fv_status fv__groupnorm_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__groupnorm *a = inference->attributes;
    if (!fv__epsilon_fits(inference, a->epsilon) || !shapes_fit(inference))
        return fv_failed(context);
    const sizes s = sizes_of(a, inference->inputs[X]);
    inference->window[0] = inference->window[1] = 0;
    const size_t saved = rows_bytes(context, SAVED_ROWS, s.n, s.c);
    inference->saved = saved;
    inference->forward_scratch =
        fv__bytes_sum(scratch_bytes(context, &s, FORWARD_ROWS), saved);
    inference->backward_scratch = scratch_bytes(context, &s, BACKWARD_ROWS);
    return fv__infer_same(inference);
}

/* ---- memory and work items ----------------------------------------------- */

/* A call with its sizes and its memory. */
typedef struct work {
    const fv_call *call;
    const fv__kernels *kernels;
    sizes s;
    bool nontemporal;
    unsigned char *rows, *single, *sums, *saved;
} work;

static work work_of(const fv_call *call, const fv_tensor *y, int rows)
{
    const fv_context *context = call->context;
    const sizes s = sizes_of(call->attributes, y);
    const int64_t count = fv_tensor_count(y);
    work w = { .call = call,
               .kernels = context->kernels,
               .s = s,
               .nontemporal = fv__is_nontemporal(context, count, count) };
    w.rows = call->scratch;
    w.single = w.rows + rows_bytes(context, rows, s.n, s.c);
    w.sums = w.single + rows_bytes(context, SINGLE_ROWS, 1, s.c);
    w.saved = call->saved
                  ? call->saved
                  : w.sums + rows_bytes(context, 2 * s.blocks, s.n, s.c);
    memset(w.single, 0, fv__real_bytes(context, s.c));
    return w;
}

static void *row_at(const work *w, void *base, int64_t row)
{
    return fv__number_at(w->call->context, base, row * w->s.c);
}
static void *scratch_row(const work *w, int row, int64_t image)
{
    return row_at(w, w->rows, row * w->s.n + image);
}
static void *saved_row(const work *w, int row, int64_t image)
{
    return row_at(w, w->saved, row * w->s.n + image);
}
/* The first or second sum of the first block of an image. */
static void *sums_at(const work *w, int which, int64_t image)
{
    return row_at(w, w->sums, (which * w->s.n + image) * w->s.blocks);
}

static const void *parameter(const work *w, int32_t k)
{
    return k < w->call->num_inputs ? w->call->inputs[k]->data : NULL;
}

/* y = a (x - mean) + b of the columns of an image */
static fv__normal normal_of(const work *w, int64_t image)
{
    const void *beta = parameter(w, BETA);
    return (fv__normal){ .mean = saved_row(w, MEAN, image),
                         .a = parameter(w, GAMMA)
                                  ? scratch_row(w, SCALE, image)
                                  : saved_row(w, INVERSE, image),
                         .b = beta ? beta : row_at(w, w->single, ZEROS),
                         .low = -(double)INFINITY,
                         .high = (double)INFINITY,
                         .nontemporal = w->nontemporal };
}

static void find_scale(const work *w, int64_t image)
{
    const void *gamma = parameter(w, GAMMA);
    if (gamma)
        w->kernels->binary(FV__MUL, (size_t)w->s.c,
                           saved_row(w, INVERSE, image), 1, gamma, 1,
                           scratch_row(w, SCALE, image));
}

/* A block of pixels. */
typedef struct block {
    int64_t image, index; /* of the block in its image */
    int64_t at;           /* its first element */
    size_t rows, c;
} block;

static block block_at(const work *w, int64_t number)
{
    const sizes *s = &w->s;
    const int64_t image = number / s->blocks, index = number % s->blocks;
    const int64_t pixel = index * s->rows;
    return (block){ .image = image,
                    .index = index,
                    .at = (image * s->p + pixel) * s->c,
                    .rows = (size_t)fv__min(s->p - pixel, s->rows),
                    .c = (size_t)s->c };
}

/* A pass works on blocks first .. end - 1, numbered over all images, or on
 * images first .. end - 1. */
typedef void pass(const work *w, int64_t first, int64_t end);

/* Sums over the blocks; what is made of them for each image; the results of the
 * blocks, NULL: none are wanted. `first` is the first image of those at work.
 */
typedef struct passes {
    const work *w;
    pass *sum, *merge, *apply;
    int64_t first;
} passes;

/* Several small images share an item, and images that the cache of a core holds
 * are an item each, so that their elements are read from memory once. Otherwise
 * each block is an item of each pass, and the passes follow each other for as
 * many images as a third-level cache holds: WAVE elements, or one. */
enum { SMALL = 1 << 14, CACHED = 1 << 18, MANY = 8, WAVE = 1 << 20 };

static bool by_images(const sizes *s)
{
    const int64_t elements = s->p * s->c;
    return elements <= (s->n < MANY ? SMALL : CACHED);
}

static void images_item(void *argument, size_t item, size_t worker)
{
    const passes *p = argument;
    const sizes *s = &p->w->s;
    const int64_t each = fv__rows_per_chunk(s->p * s->c);
    const int64_t first = (int64_t)item * each;
    const int64_t end = fv__min(first + each, s->n);
    (void)worker;
    p->sum(p->w, first * s->blocks, end * s->blocks);
    p->merge(p->w, first, end);
    if (p->apply) p->apply(p->w, first * s->blocks, end * s->blocks);
}

static void sum_item(void *argument, size_t item, size_t worker)
{
    const passes *p = argument;
    const int64_t at = p->first * p->w->s.blocks + (int64_t)item;
    (void)worker;
    p->sum(p->w, at, at + 1);
}

static void merge_item(void *argument, size_t item, size_t worker)
{
    const passes *p = argument;
    const int64_t image = p->first + (int64_t)item;
    (void)worker;
    p->merge(p->w, image, image + 1);
}

static void apply_item(void *argument, size_t item, size_t worker)
{
    const passes *p = argument;
    const int64_t at = p->first * p->w->s.blocks + (int64_t)item;
    (void)worker;
    p->apply(p->w, at, at + 1);
}

/* All passes of so many images from p.first on. */
static void run_wave(passes p, int64_t count)
{
    const sizes *s = &p.w->s;
    fv_context *context = p.w->call->context;
    const size_t images = (size_t)count, blocks = images * (size_t)s->blocks;
    const double cost = 2 * (double)count * (double)s->p * (double)s->c;
    fv__parallel(context, blocks, cost, sum_item, &p);
    fv__parallel(context, images,
                 4 * (double)count * (double)s->blocks * (double)s->c,
                 merge_item, &p);
    if (p.apply) fv__parallel(context, blocks, cost, apply_item, &p);
}

static void run(passes p)
{
    const sizes *s = &p.w->s;
    fv_context *context = p.w->call->context;
    if (by_images(s)) {
        const int64_t each = fv__rows_per_chunk(s->p * s->c);
        fv__parallel(context, (size_t)fv__divide_up(s->n, each),
                     4 * (double)s->n * (double)s->p * (double)s->c,
                     images_item, &p);
        return;
    }
    const int64_t wave = fv__max(WAVE / (s->p * s->c), 1);
    for (; p.first < s->n; p.first += wave)
        run_wave(p, fv__min(wave, s->n - p.first));
}

/* ---- forward ------------------------------------------------------------- */

static void sum_moments(const work *w, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        const block b = block_at(w, i);
        w->kernels->column_moments(b.rows, b.c,
                                   fv__tensor_byte(w->call->inputs[X], b.at),
                                   row_at(w, sums_at(w, 0, b.image), b.index),
                                   row_at(w, sums_at(w, 1, b.image), b.index));
    }
}

/* Replaces mean and squares of the channels of a group, in `mean` and
 * `inverse`, by mean and inverse deviation of the group. */
static void merge_group(const work *w, int64_t first, void *mean, void *inverse)
{
    const fv_context *context = w->call->context;
    const fv__groupnorm *a = w->call->attributes;
    const int64_t end = first + w->s.group;
    const double p = (double)w->s.p, count = (double)w->s.group;
    double sum = 0, squares = 0;
    for (int64_t j = first; j < end; j++) sum += fv__real_get(context, mean, j);
    const double middle = sum / count;
    for (int64_t j = first; j < end; j++) {
        const double off = fv__real_get(context, mean, j) - middle;
        squares += fv__real_get(context, inverse, j) + p * off * off;
    }
    const double factor = 1 / sqrt(squares / (p * count) + a->epsilon);
    for (int64_t j = first; j < end; j++) {
        fv__real_set(context, mean, j, middle);
        fv__real_set(context, inverse, j, factor);
    }
}

static void merge_image(const work *w, int64_t image)
{
    const sizes *s = &w->s;
    void *mean = saved_row(w, MEAN, image);
    void *inverse = saved_row(w, INVERSE, image);
    w->kernels->column_merge((size_t)s->p, (size_t)s->rows, (size_t)s->c,
                             sums_at(w, 0, image), sums_at(w, 1, image), mean,
                             inverse);
    for (int64_t first = 0; first < s->c; first += s->group)
        merge_group(w, first, mean, inverse);
    find_scale(w, image);
}

static void merge(const work *w, int64_t first, int64_t end)
{
    for (int64_t image = first; image < end; image++) merge_image(w, image);
}

static void normalise(const work *w, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        const block b = block_at(w, i);
        const fv__normal normal = normal_of(w, b.image);
        w->kernels->column_normalise(
            b.rows, b.c, &normal, fv__tensor_byte(w->call->inputs[X], b.at),
            fv__tensor_byte(w->call->outputs[0], b.at));
    }
}

void fv__groupnorm_forward(const fv_call *call)
{
    const work w = work_of(call, call->outputs[0], FORWARD_ROWS);
    run((passes){ &w, sum_moments, merge, normalise, 0 });
}

/* ---- backward ------------------------------------------------------------ */

static void sum_slopes(const work *w, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        const block b = block_at(w, i);
        const fv__normal normal = normal_of(w, b.image);
        w->kernels->column_slopes(
            b.rows, b.c, &normal,
            fv__tensor_byte(w->call->output_grads[0], b.at),
            fv__tensor_byte(w->call->inputs[X], b.at),
            row_at(w, sums_at(w, 0, b.image), b.index),
            row_at(w, sums_at(w, 1, b.image), b.index));
    }
}

/* With u = (x - mean) / deviation and g = gamma dy, over the group:
 *     dx (+)= (g - mean(g) - u mean(g u)) / deviation */
static void group_slopes(const work *w, int64_t image, int64_t first)
{
    const fv_context *context = w->call->context;
    const void *gamma = parameter(w, GAMMA);
    const int64_t end = first + w->s.group;
    const double count = (double)w->s.p * (double)w->s.group;
    const double inverse =
        fv__real_get(context, saved_row(w, INVERSE, image), first);
    void *sums = scratch_row(w, SUM, image), *dots = scratch_row(w, DOT, image);
    double sum = 0, dot = 0;
    for (int64_t j = first; j < end; j++) {
        const double scale = gamma ? fv__real_get(context, gamma, j) : 1;
        const double part = fv__real_get(context, dots, j) * inverse;
        sum += scale * fv__real_get(context, sums, j);
        dot += scale * part;
        fv__real_set(context, dots, j, part);
    }
    for (int64_t j = first; j < end; j++) {
        fv__real_set(context, scratch_row(w, SLOPE, image), j,
                     -inverse * inverse * dot / count);
        fv__real_set(context, scratch_row(w, OFFSET, image), j,
                     -inverse * sum / count);
    }
}

static void image_slopes(const work *w, int64_t image)
{
    const sizes *s = &w->s;
    const int rows[] = { SUM, DOT };
    for (int i = 0; i < 2; i++)
        w->kernels->column_total((size_t)s->blocks, (size_t)s->c,
                                 sums_at(w, i, image),
                                 scratch_row(w, rows[i], image));
    for (int64_t first = 0; first < s->c; first += s->group)
        group_slopes(w, image, first);
    find_scale(w, image);
}

static void find_slopes(const work *w, int64_t first, int64_t end)
{
    for (int64_t image = first; image < end; image++) image_slopes(w, image);
}

/* The sum over the images of a row of each. */
static void parameter_grad(const work *w, int32_t k, int row)
{
    const fv_call *call = w->call;
    void *total = row_at(w, w->single, TOTAL);
    if (k >= call->num_inputs || !call->input_grads[k]) return;
    fv__clear_fresh(call, k);
    w->kernels->column_total((size_t)w->s.n, (size_t)w->s.c,
                             scratch_row(w, row, 0), total);
    w->kernels->axpy((size_t)w->s.c, 1, total, call->input_grads[k]->data);
}

static void input_grad(const work *w, int64_t first, int64_t end)
{
    const fv_call *call = w->call;
    for (int64_t i = first; i < end; i++) {
        const block b = block_at(w, i);
        const fv__normal normal = normal_of(w, b.image);
        w->kernels->column_normalise_grad(
            b.rows, b.c, &normal, scratch_row(w, SLOPE, b.image),
            scratch_row(w, OFFSET, b.image),
            fv__tensor_byte(call->output_grads[0], b.at),
            fv__tensor_byte(call->inputs[X], b.at),
            fv__tensor_byte(call->input_grads[X], b.at),
            fv__accumulation_of(call, X));
    }
}

void fv__groupnorm_backward(const fv_call *call)
{
    const work w = work_of(call, call->output_grads[0], BACKWARD_ROWS);
    run((passes){ &w, sum_slopes, find_slopes,
                  call->input_grads[X] ? input_grad : NULL, 0 });
    parameter_grad(&w, GAMMA, DOT);
    parameter_grad(&w, BETA, SUM);
}

const fv_operator fv__op_groupnorm = {
    FV__GROUPNORM_OPERATOR("groupnorm"),
    .onnx = "GroupNormalization",
};

fv_variable *fv_groupnorm_of(fv_variable *x, fv_variable *gamma,
                             fv_variable *beta, int64_t groups, double epsilon)
{
    const fv__groupnorm attributes = { groups, epsilon, false };
    return fv__apply_affine(&fv__op_groupnorm, &attributes, x, gamma, beta);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_groupnorm_options, COUNT, groups), .positional = true },
    { FV__FIELD(fv_groupnorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD_AS("affine", fv_groupnorm_options, LACK, no_affine) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_groupnorm_options *options = layer->options;
    (void)count;
    return fv__affine_declare(layer, &inputs[0], 1, !options->no_affine,
                              !options->no_affine);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_groupnorm_options *options = layer->options;
    (void)count;
    return fv_groupnorm_of(inputs[0], fv__affine_weight(layer),
                           fv__affine_bias(layer), options->groups,
                           options->epsilon);
}

const fv__layer_type fv__layer_groupnorm = {
    .kind = "groupnorm",
    .about = "y = weight (x - mean) / sqrt(variance + epsilon) + bias; mean "
             "and variance of the channels of each group of an image",
    FV__LAYER_OPTIONS(fv_groupnorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_groupnorm_new(const fv_groupnorm_options *options)
{
    return fv__layer_new(&fv__layer_groupnorm, options);
}
