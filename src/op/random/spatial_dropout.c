/* Drops whole channels of an image at random in training. */
#include "op/random/random.h"

#include <math.h>

static int64_t channels_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

/* The units of work are pixels. */
static fv__chunks chunks_of(const fv_tensor *x)
{
    const int64_t c = channels_of(x);
    return (fv__chunks){ .units = fv__product(x->rank - 1, x->shape),
                         .each = fv__rows_per_chunk(c),
                         .cost = 2 * (double)c };
}

/* Scratch of the chunks, a factor for each channel of each image, then zeros
 * for each channel. */
static void *factors_of(const fv_call *call, const fv__chunks *chunks)
{
    return (unsigned char *)call->scratch
           + fv__align(fv__chunks_scratch(call->context, chunks));
}

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0];
    fv_context *context = inference->context;
    if (!fv__operand(inference, 0, "input", -1)) return fv_failed(context);
    if (x->rank < 2)
        return fv_fail(context, FV_MISUSE,
                       "%s: input %s has rank 1, expected 2 or more",
                       inference->name, FV__SHAPE(x));
    if (fv__dropout_check(inference) != FV_OK) return fv_failed(context);
    const fv__chunks chunks = chunks_of(x);
    const size_t numbers = fv__real_bytes(
        context,
        fv__product(2, (const int64_t[]){ x->shape[0] + 1, channels_of(x) }));
    inference->forward_scratch =
        fv__bytes_sum(fv__align(fv__chunks_scratch(context, &chunks)), numbers);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

/* Draws the factors 0 and 1 / (1 - probability). */
static void draw(const fv_call *call, const fv_tensor *x,
                 const fv__chunks *chunks)
{
    const fv_context *context = call->context;
    const int64_t c = channels_of(x), count = x->shape[0] * c;
    void *factors = factors_of(call, chunks);
    context->kernels->fill((size_t)count, 1, factors);
    fv__dropout_apply(call, 0, count, factors, factors);
    context->kernels->fill((size_t)c, 0,
                           fv__number_at(context, factors, count));
}

/* y = x times the factors, or dx (+)= dy times them, of some pixels. */
static void scale(const fv_call *call, const fv_tensor *shape, int64_t first,
                  int64_t count, const void *from, void *to, bool add)
{
    const fv_context *context = call->context;
    const int64_t c = channels_of(shape);
    const int64_t image = fv__product(shape->rank - 2, shape->shape + 1);
    const fv__chunks chunks = chunks_of(shape);
    const void *factors = factors_of(call, &chunks);
    const void *zeros = fv__number_in(context, factors, shape->shape[0] * c);
    for (int64_t done = 0, some; done < count; done += some) {
        const int64_t n = (first + done) / image;
        some = fv__min(count - done, (n + 1) * image - first - done);
        const fv__normal normal = { .mean = zeros,
                                    .a = fv__number_in(context, factors, n * c),
                                    .b = zeros,
                                    .low = -(double)INFINITY,
                                    .high = (double)INFINITY };
        context->kernels->column_normalise_grad(
            (size_t)some, (size_t)c, &normal, NULL, NULL,
            fv__number_in(context, from, done * c), NULL,
            fv__number_at(context, to, done * c),
            add ? FV__ACCUMULATE : FV__STORE);
    }
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const int64_t c = channels_of(y);
    (void)buffer, (void)sum;
    scale(call, y, first, count, fv__tensor_byte(x, first * c),
          fv__tensor_byte(y, first * c), false);
}

static void forward(const fv_call *call)
{
    const fv_tensor *y = call->outputs[0];
    const fv__chunks chunks = chunks_of(y);
    if (!fv__dropout_drops(call)) {
        fv__random_pass(call);
        return;
    }
    draw(call, y, &chunks);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv_tensor *dy = call->output_grads[0], *dx = call->input_grads[0];
    const int64_t c = channels_of(dy);
    (void)buffer, (void)sum;
    scale(call, dy, first, count, fv__tensor_byte(dy, first * c),
          fv__tensor_byte(dx, first * c),
          fv__accumulation_of(call, 0) == FV__ACCUMULATE);
}

static void backward(const fv_call *call)
{
    const fv_tensor *dy = call->output_grads[0];
    const fv__chunks chunks = chunks_of(dy);
    if (fv__dropout_drops(call)) {
        draw(call, dy, &chunks);
        fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
    } else {
        fv__random_pass_grad(call);
    }
}

const fv_operator fv__op_spatial_dropout = {
    FV__RANDOM_OPERATOR("spatial_dropout"),
    .attributes_size = sizeof(fv__dropout),
};

fv_variable *fv_spatial_dropout_of(fv_variable *x, double probability)
{
    const fv__dropout attributes = { probability };
    return fv_apply(&fv__op_spatial_dropout, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_dropout_options *options = layer->options;
    (void)count;
    return fv_spatial_dropout_of(inputs[0], options->probability);
}

const fv__layer_type fv__layer_spatial_dropout = {
    .kind = "spatial_dropout",
    .about = "in training sets whole channels of an image to 0 with that "
             "probability and divides the others by 1 - probability; in "
             "evaluation y = x",
    FV__RANDOM_LAYER(fv_dropout_options),
    .fields = fv__dropout_fields,
};

fv_layer *fv_spatial_dropout_new(const fv_dropout_options *options)
{
    return fv__layer_new(&fv__layer_spatial_dropout, options);
}
