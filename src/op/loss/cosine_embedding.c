/* Cosine embedding loss of pairs of rows: 1 - cos where they are alike, else
 * max(0, cos - margin). */
#include "op/loss/loss.h"

#include <inttypes.h>
#include <math.h>

enum { SECOND = 1, ALIKE = 2 };

typedef struct fv__cosine {
    double margin;
    fv_reduction reduction;
} fv__cosine;

static const fv__cosine *cosine_of(const fv_call *call)
{
    return call->attributes;
}

static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t each = fv__rows_per_chunk(x->shape[1]);
    return (fv__chunks){ .units = x->shape[0],
                         .each = each,
                         .buffer = fv__real_bytes(context, each),
                         .cost = 6 * (double)x->shape[1] };
}

static fv_status infer(fv_inference *inference)
{
    const fv__cosine *a = inference->attributes;
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    const fv_tensor *t = inference->inputs[ALIKE];
    if (!fv__operand(inference, FV__LOGITS, "input", 2)
        || !fv__operand(inference, SECOND, "second input", 2)
        || !fv__operands_alike(inference, FV__LOGITS, "input", SECOND,
                               "second input"))
        return fv_failed(inference->context);
    if (t->rank != 1 || t->shape[0] != x->shape[0])
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: target %s does not fit %" PRId64 " pairs",
                       inference->name, FV__SHAPE(t), x->shape[0]);
    const fv__chunks chunks = chunks_of(inference->context, x);
    return fv__loss_infer(inference, &chunks, a->reduction, 1);
}

/* ---- one pair ------------------------------------------------------------ */

/* As PyTorch's, the squares have 1e-12 added. */
typedef struct pair {
    size_t n;
    const void *x, *y;
    double xx, yy, cosine, root; /* root of the product of the squares */
    double sign; /* of the cosine in the loss; 0: the loss is 0 */
    double loss;
} pair;

static pair pair_of(const fv_call *call, int64_t row)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_tensor *t = call->inputs[ALIKE];
    const int64_t n = call->inputs[FV__LOGITS]->shape[1];
    pair p = { .n = (size_t)n,
               .x = fv__tensor_byte(call->inputs[FV__LOGITS], row * n),
               .y = fv__tensor_byte(call->inputs[SECOND], row * n) };
    double alike;
    fv__load_doubles(t->dtype, fv__tensor_byte(t, row), 1, 1, &alike);
    p.xx = kernels->dot(p.n, p.x, p.x) + 1e-12;
    p.yy = kernels->dot(p.n, p.y, p.y) + 1e-12;
    p.root = sqrt(p.xx * p.yy);
    p.cosine = kernels->dot(p.n, p.x, p.y) / p.root;
    const double beyond = p.cosine - cosine_of(call)->margin;
    p.sign = alike > 0 ? -1 : beyond > 0;
    p.loss = alike > 0 ? 1 - p.cosine : beyond > 0 ? beyond : 0;
    if (isnan(p.cosine)) p.loss = p.cosine;
    return p;
}

/* ---- the work ------------------------------------------------------------ */

static double divisor_of(const fv_call *call)
{
    return fv__loss_divisor(call, cosine_of(call)->reduction,
                            (double)call->inputs[FV__LOGITS]->shape[0]);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const bool whole = cosine_of(call)->reduction == FV_REDUCTION_NONE;
    void *terms = whole ? fv__tensor_byte(call->outputs[0], first) : buffer;
    for (int64_t i = 0; i < count; i++)
        fv__real_set(call->context, terms, i, pair_of(call, first + i).loss);
    if (!whole) *sum = call->context->kernels->sum((size_t)count, terms);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__loss_forward(call, &chunks, cosine_of(call)->reduction,
                     divisor_of(call), chunk_forward);
}

/* dx += scale (y / root - cos x / xx), and the same for y */
static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_reduction reduction = cosine_of(call)->reduction;
    const double all = fv__loss_scale(call, reduction, divisor_of(call));
    (void)buffer, (void)sum;
    for (int64_t i = first; i < first + count; i++) {
        const pair p = pair_of(call, i);
        double scale = all * p.sign;
        if (reduction == FV_REDUCTION_NONE)
            scale *=
                fv__real_get(call->context, call->output_grads[0]->data, i);
        for (int k = 0; k < 2; k++) {
            if (!call->input_grads[k] || p.sign == 0) continue;
            void *d = fv__tensor_byte(call->input_grads[k], i * (int64_t)p.n);
            kernels->axpy(p.n, scale / p.root, k ? p.x : p.y, d);
            kernels->axpy(p.n, -scale * p.cosine / (k ? p.yy : p.xx),
                          k ? p.y : p.x, d);
        }
    }
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_cosine_embedding = {
    .size = sizeof(fv_operator),
    .name = "cosine_embedding",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes_size = sizeof(fv__cosine),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_cosine_embedding_of(fv_variable *x, fv_variable *y,
                                    fv_variable *alike, double margin,
                                    fv_reduction reduction)
{
    fv_variable *inputs[] = { x, y, alike };
    const fv__cosine a = { margin,
                           fv__reduction_or(reduction, FV_REDUCTION_MEAN) };
    if (x && alike && fv_variable_requires_grad(alike))
        fv_fail(fv_variable_context(x), FV_MISUSE,
                "cosine_embedding: the target requires a gradient, but has "
                "none");
    return fv_apply(&fv__op_cosine_embedding, &a, 3, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_cosine_embedding_options, NUMBER, margin) },
    { FV__REDUCTION_FIELD(fv_cosine_embedding_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_cosine_embedding_options *o = layer->options;
    (void)count;
    return fv_cosine_embedding_of(inputs[0], inputs[1], inputs[2], o->margin,
                                  o->reduction);
}

const fv__layer_type fv__layer_cosine_embedding = {
    .kind = "cosine_embedding",
    .about = "the mean over pairs of 1 - cos where the label is above 0, else "
             "max(0, cos - margin)",
    FV__LAYER_OPTIONS(fv_cosine_embedding_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .target = FV__TARGET_LABELS,
    .forward = apply,
};

fv_layer *fv_cosine_embedding_new(const fv_cosine_embedding_options *options)
{
    return fv__layer_new(&fv__layer_cosine_embedding, options);
}
