/* Drops whole images at random in training: with a residual connection around
 * it, a network of random depth. */
#include "op/random/random.h"
#include "op/operand.h"

typedef struct stochastic_depth {
    fv__dropout dropout;
    fv_stochastic_depth_mode mode;
    int32_t reserved;
} stochastic_depth;

enum { PIECE = 16384 }; /* elements of an item of work */

static fv_status infer(fv_inference *inference)
{
    const stochastic_depth *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    fv_context *context = inference->context;
    if (!fv__operand(inference, 0, "input", -1)) return fv_failed(context);
    if (fv__dropout_check(inference) != FV_OK) return fv_failed(context);
    if (a->mode != FV_STOCHASTIC_DEPTH_ROW
        && a->mode != FV_STOCHASTIC_DEPTH_BATCH)
        return fv_fail(context, FV_MISUSE, "%s: mode %d is unknown (0 to 1)",
                       inference->name, (int)a->mode);
    inference->forward_scratch = fv__real_bytes(context, x->shape[0]);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

/* y = x times the factor of each image, or y += that. */
typedef struct job {
    const fv_context *context;
    const fv_tensor *x, *y;
    const void *factors; /* NULL: all are 1 */
    int64_t image, pieces;
    bool add;
} job;

static void run_piece(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const fv__kernels *kernels = j->context->kernels;
    const int64_t n = (int64_t)item / j->pieces;
    const int64_t at = (int64_t)item % j->pieces * PIECE;
    const size_t count = (size_t)fv__min(PIECE, j->image - at);
    const void *x = fv__tensor_byte(j->x, n * j->image + at);
    void *y = fv__tensor_byte(j->y, n * j->image + at);
    const double factor =
        j->factors ? fv__real_get(j->context, j->factors, n) : 1;
    (void)worker;
    if (factor == 0 && !j->add)
        kernels->fill(count, 0, y);
    else if (factor != 0 && j->add)
        kernels->axpy(count, factor, x, y);
    else if (factor != 0)
        kernels->unary(FV__SCALE_ADD, count, x, y, factor, -0.0);
}

static void run(const fv_call *call, const fv_tensor *x, const fv_tensor *y,
                bool add)
{
    const stochastic_depth *a = call->attributes;
    const fv_context *context = call->context;
    const int64_t n = y->shape[0];
    job j = { .context = context,
              .x = x,
              .y = y,
              .image = fv__product(y->rank - 1, y->shape + 1),
              .add = add };
    if (fv__dropout_drops(call)) {
        const bool batch = a->mode == FV_STOCHASTIC_DEPTH_BATCH;
        context->kernels->fill((size_t)n, 1, call->scratch);
        for (int64_t i = 0; i < n; i += batch ? 1 : n)
            fv__dropout_apply(call, 0, batch ? 1 : n,
                              fv__number_at(context, call->scratch, i),
                              fv__number_at(context, call->scratch, i));
        j.factors = call->scratch;
    }
    j.pieces = fv__divide_up(j.image, PIECE);
    if (n > 0 && j.pieces > 0)
        fv__parallel(call->context, (size_t)(n * j.pieces),
                     (double)fv_tensor_count(y), run_piece, &j);
}

static void forward(const fv_call *call)
{
    run(call, call->inputs[0], call->outputs[0], false);
}

static void backward(const fv_call *call)
{
    run(call, call->output_grads[0], call->input_grads[0],
        fv__accumulation_of(call, 0) == FV__ACCUMULATE);
}

const fv_operator fv__op_stochastic_depth = {
    FV__RANDOM_OPERATOR("stochastic_depth"),
    .attributes_size = sizeof(stochastic_depth),
};

fv_variable *fv_stochastic_depth_of(fv_variable *x, double probability,
                                    fv_stochastic_depth_mode mode)
{
    const stochastic_depth attributes = { { probability }, mode, 0 };
    return fv_apply(&fv__op_stochastic_depth, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const char *const modes[] = { "row", "batch", NULL };

static const fv__field fields[] = {
    { FV__FIELD(fv_stochastic_depth_options, NUMBER, probability), .usual = 0.2,
      .range = FV__0_TO_1, .positional = true },
    { FV__FIELD(fv_stochastic_depth_options, WORD, mode), .words = modes },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_stochastic_depth_options *options = layer->options;
    (void)count;
    return fv_stochastic_depth_of(inputs[0], options->probability,
                                  options->mode);
}

const fv__layer_type fv__layer_stochastic_depth = {
    .kind = "stochastic_depth",
    .about = "in training sets whole images to 0 with that probability and "
             "divides the others by 1 - probability; in evaluation y = x",
    FV__RANDOM_LAYER(fv_stochastic_depth_options),
    .fields = fields,
};

fv_layer *fv_stochastic_depth_new(const fv_stochastic_depth_options *options)
{
    return fv__layer_new(&fv__layer_stochastic_depth, options);
}
