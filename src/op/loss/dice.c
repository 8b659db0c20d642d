/* Dice loss: 1 - (2 sum p t + s) / (sum p + sum t + s) for each image and
 * class. */
#include "op/loss/loss.h"

#include <math.h>

typedef struct fv__dice {
    double smooth;
    fv_reduction reduction;
} fv__dice;

static const fv__dice *dice_of(const fv_call *call) { return call->attributes; }

/* Rows of pixels of a chunk of an image are summed at a time. */
enum { PIXELS = 256 };

static int64_t classes_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

static int64_t pixels_of(const fv_tensor *x)
{
    return fv__product(x->rank - 2, x->shape + 1);
}

/* The units of work are images. The buffer of a worker holds rows of targets,
 * and of products, then the sums of p, t and p t, and two rows of slopes. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t c = classes_of(x);
    return (fv__chunks){ .units = x->shape[0],
                         .each = 1,
                         .buffer =
                             fv__real_bytes(context, (2 * PIXELS + 6) * c),
                         .cost = 6 * (double)(pixels_of(x) * c) };
}

static fv_status infer(fv_inference *inference)
{
    const fv__dice *a = inference->attributes;
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    const fv_tensor *t = inference->inputs[FV__TARGET];
    fv_context *context = inference->context;
    if (!fv__operand(inference, FV__LOGITS, "input", x->rank))
        return fv_failed(context);
    if (x->rank < 2)
        return fv_fail(context, FV_MISUSE,
                       "%s: input %s has rank %d, expected at least 2",
                       inference->name, FV__SHAPE(x), x->rank);
    bool fits = t->rank == x->rank - !fv__dtype_is_real(t->dtype);
    for (int32_t i = 0; fits && i < t->rank; i++)
        fits = t->shape[i] == x->shape[i];
    if (!fits)
        return fv_fail(context, FV_MISUSE,
                       "%s: target %s does not fit the input %s",
                       inference->name, FV__SHAPE(t), FV__SHAPE(x));
    const fv__chunks chunks = chunks_of(context, x);
    fv__loss_infer(inference, &chunks, a->reduction, 2);
    if (a->reduction == FV_REDUCTION_NONE)
        inference->outputs[0].shape[1] = classes_of(x);
    return fv_failed(context);
}

/* ---- one image ----------------------------------------------------------- */

typedef struct image {
    const fv_call *call;
    size_t c;
    int64_t first, pixels; /* pixels before those of the image, and its own */
    void *rows, *products, *sums[3], *slope, *offset;
} image;

static image image_of(const fv_call *call, int64_t number, void *buffer)
{
    const fv_tensor *x = call->inputs[FV__LOGITS];
    const int64_t c = classes_of(x);
    image i = { .call = call,
                .c = (size_t)c,
                .first = number * pixels_of(x),
                .pixels = pixels_of(x),
                .rows = buffer };
    void **parts[] = { &i.products, &i.sums[0], &i.sums[1],
                       &i.sums[2],  &i.slope,   &i.offset };
    ptrdiff_t at = (ptrdiff_t)(PIXELS * c);
    for (int k = 0; k < 6; k++) {
        *parts[k] = fv__number_at(call->context, buffer, at);
        at += (ptrdiff_t)(k ? c : PIXELS * c);
    }
    return i;
}

/* Targets of some pixels as rows; labels become rows with a one. */
static const void *targets_of(const image *i, int64_t first, int64_t count)
{
    const fv_tensor *t = i->call->inputs[FV__TARGET];
    if (fv__dtype_is_real(t->dtype))
        return fv__tensor_byte(t, first * (int64_t)i->c);
    i->call->context->kernels->fill((size_t)count * i->c, 0, i->rows);
    for (int64_t k = 0; k < count; k++) {
        int64_t label;
        fv__load_integers(t->dtype, fv__tensor_byte(t, first + k), 1, 1,
                          &label);
        if (label >= 0 && label < (int64_t)i->c)
            fv__real_set(i->call->context, i->rows, k * (int64_t)i->c + label,
                         1);
    }
    return i->rows;
}

static void sum(const image *i)
{
    const fv__kernels *kernels = i->call->context->kernels;
    for (int k = 0; k < 3; k++) kernels->fill(i->c, 0, i->sums[k]);
    for (int64_t at = 0; at < i->pixels; at += PIXELS) {
        const int64_t count = fv__min(i->pixels - at, PIXELS);
        const size_t n = (size_t)count * i->c;
        const void *p = fv__tensor_byte(i->call->inputs[FV__LOGITS],
                                        (i->first + at) * (int64_t)i->c);
        const void *t = targets_of(i, i->first + at, count);
        kernels->binary(FV__MUL, n, p, 1, t, 1, i->products);
        kernels->column_sum((size_t)count, i->c, p, i->sums[0]);
        kernels->column_sum((size_t)count, i->c, t, i->sums[1]);
        kernels->column_sum((size_t)count, i->c, i->products, i->sums[2]);
    }
}

/* Twice the intersection and the sum of both, with the smooth term. */
static void terms_of(const image *i, int64_t j, double *both, double *all)
{
    const fv_context *context = i->call->context;
    const double s = dice_of(i->call)->smooth;
    *both = 2 * fv__real_get(context, i->sums[2], j) + s;
    *all = fv__real_get(context, i->sums[0], j)
           + fv__real_get(context, i->sums[1], j) + s;
}

static double divisor_of(const fv_call *call)
{
    const fv_tensor *x = call->inputs[FV__LOGITS];
    return fv__loss_divisor(call, dice_of(call)->reduction,
                            (double)(x->shape[0] * classes_of(x)));
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *total)
{
    const image i = image_of(call, first, buffer);
    const bool whole = dice_of(call)->reduction == FV_REDUCTION_NONE;
    (void)count;
    sum(&i);
    for (int64_t j = 0; j < (int64_t)i.c; j++) {
        double both, all;
        terms_of(&i, j, &both, &all);
        const double loss = 1 - both / all;
        *total += loss;
        if (whole)
            fv__real_set(call->context, call->outputs[0]->data,
                         first * (int64_t)i.c + j, loss);
    }
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__loss_forward(call, &chunks, dice_of(call)->reduction, divisor_of(call),
                     chunk_forward);
}

/* d/dp = (both / all - 2 t) / all */
static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *total)
{
    const fv__kernels *kernels = call->context->kernels;
    const image i = image_of(call, first, buffer);
    const bool whole = dice_of(call)->reduction == FV_REDUCTION_NONE;
    const int64_t c = (int64_t)i.c;
    const double scale =
        fv__loss_scale(call, dice_of(call)->reduction, divisor_of(call));
    (void)count, (void)total;
    sum(&i);
    for (int64_t j = 0; j < c; j++) {
        double both, all, up = scale;
        terms_of(&i, j, &both, &all);
        if (whole)
            up = fv__real_get(call->context, call->output_grads[0]->data,
                              first * c + j);
        fv__real_set(call->context, i.slope, j, -2 * up / all);
        fv__real_set(call->context, i.offset, j, up * both / all / all);
    }
    kernels->fill(i.c, 0, i.sums[0]);
    const fv__normal line = { .a = i.slope,
                              .mean = i.sums[0],
                              .b = i.offset,
                              .low = -(double)INFINITY,
                              .high = (double)INFINITY };
    for (int64_t at = 0; at < i.pixels; at += PIXELS) {
        const int64_t rows = fv__min(i.pixels - at, PIXELS);
        const void *t = targets_of(&i, i.first + at, rows);
        kernels->column_normalise((size_t)rows, i.c, &line, t, i.products);
        kernels->axpy(
            (size_t)rows * i.c, 1, i.products,
            fv__tensor_byte(call->input_grads[FV__LOGITS], (i.first + at) * c));
    }
}

static void backward(const fv_call *call)
{
    if (!call->input_grads[FV__LOGITS]) return;
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_dice = {
    .size = sizeof(fv_operator),
    .name = "dice",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(fv__dice),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_dice_of(fv_variable *x, fv_variable *target, double smooth,
                        fv_reduction reduction)
{
    fv_variable *inputs[] = { x, target };
    const fv__dice dice = { smooth,
                            fv__reduction_or(reduction, FV_REDUCTION_MEAN) };
    if (x && target && fv_variable_requires_grad(target))
        fv_fail(fv_variable_context(x), FV_MISUSE,
                "dice: the target requires a gradient, but has none");
    return fv_apply(&fv__op_dice, &dice, 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_dice_options, NUMBER, smooth), .positive = true, .usual = 1,
      .range = FV__ABOVE_0 },
    { FV__REDUCTION_FIELD(fv_dice_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_dice_options *o = layer->options;
    (void)count;
    return fv_dice_of(inputs[0], inputs[1], o->smooth, o->reduction);
}

const fv__layer_type fv__layer_dice = {
    .kind = "dice",
    .about = "the mean over images and classes of "
             "1 - (2 sum p t + s) / (sum p + sum t + s)",
    FV__LAYER_OPTIONS(fv_dice_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_CLASSES,
    .forward = apply,
};

fv_layer *fv_dice_new(const fv_dice_options *options)
{
    return fv__layer_new(&fv__layer_dice, options);
}
