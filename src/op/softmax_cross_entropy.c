/* Cross entropy of the softmax of rows of logits against class indices or
 * rows of weights, averaged over the rows. */
#include "op/loss.h"

#include <inttypes.h>

/* The units of work are rows. The buffer of a worker holds the labels of a
 * chunk, then its terms. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *logits)
{
    const int64_t classes = logits->shape[1];
    const int64_t each = fv__min(fv__rows_per_chunk(classes), 256);
    return (fv__chunks){ .units = logits->shape[0],
                         .each = each,
                         .buffer = (size_t)each * sizeof(int64_t)
                                   + fv__real_bytes(context, each),
                         .cost = 32 * (double)classes };
}

/* ---- the shape rule ---------------------------------------------------- */

static bool target_fits(const fv_inference *inference)
{
    const fv_tensor *logits = inference->inputs[FV__LOGITS];
    const fv_tensor *target = inference->inputs[FV__TARGET];
    if (fv__dtype_is_real(target->dtype))
        return fv__operand(inference, FV__TARGET, "target", 2)
               && fv__operands_alike(inference, FV__LOGITS, "input", FV__TARGET,
                                     "target");
    if (target->rank == 1 && target->shape[0] == logits->shape[0]) return true;
    fv_fail(inference->context, FV_MISUSE,
            "softmax_cross_entropy: %" PRId64
            " rows of logits, class indices %s",
            logits->shape[0], FV__SHAPE(target));
    return false;
}

static fv_status infer(fv_inference *inference)
{
    if (!fv__operand(inference, FV__LOGITS, "input", 2)
        || !target_fits(inference))
        return fv_failed(inference->context);
    const fv__chunks chunks =
        chunks_of(inference->context, inference->inputs[FV__LOGITS]);
    return fv__loss_infer(inference, &chunks);
}

/* ---- the work ---------------------------------------------------------- */

/* The targets of rows from `first` on, as labels or as weights; the other is
 * NULL. */
typedef struct targets {
    const int64_t *labels;
    const void *weights;
} targets;

static targets targets_of(const fv_call *call, int64_t first, int64_t count,
                          void *buffer)
{
    const fv_tensor *target = call->inputs[FV__TARGET];
    if (fv__dtype_is_real(target->dtype))
        return (targets){ .weights = fv__tensor_byte(
                              target, first * target->shape[1]) };
    fv__load_integers(target->dtype, fv__tensor_byte(target, first), 1, count,
                      buffer);
    return (targets){ .labels = buffer };
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv_tensor *logits = call->inputs[FV__LOGITS];
    const int64_t classes = logits->shape[1];
    const targets t = targets_of(call, first, count, buffer);
    void *terms = (int64_t *)buffer + count;
    kernels->cross_entropy((size_t)count, (size_t)classes,
                           fv__tensor_byte(logits, first * classes), t.labels,
                           t.weights, terms);
    *sum = kernels->sum((size_t)count, terms);
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__loss_forward(call, &chunks, chunks.units, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv_tensor *logits = call->inputs[FV__LOGITS];
    const int64_t classes = logits->shape[1];
    const targets t = targets_of(call, first, count, buffer);
    (void)sum;
    call->context->kernels->cross_entropy_grad(
        (size_t)count, (size_t)classes,
        fv__tensor_byte(logits, first * classes), t.labels, t.weights,
        fv__loss_scale(call, logits->shape[0]),
        fv__tensor_byte(call->input_grads[FV__LOGITS], first * classes));
}

static void backward(const fv_call *call)
{
    if (!call->input_grads[FV__LOGITS]) return;
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_softmax_cross_entropy = {
    .size = sizeof(fv_operator),
    .name = "softmax_cross_entropy",
    .min_inputs = 2,
    .max_inputs = 2,
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "SoftmaxCrossEntropyLoss",
};

/* ---- the public face --------------------------------------------------- */

/* Class indices whose values are known must be in range. In a plan they are not
 * known yet; one that is out of range makes the loss NaN there. */
static bool labels_fit(fv_context *context, const fv_tensor *logits,
                       const fv_tensor *target)
{
    if (!target->data || fv__dtype_is_real(target->dtype) || target->rank != 1
        || logits->rank != 2)
        return true;
    for (int64_t i = 0; i < target->shape[0]; i++) {
        int64_t label;
        fv__load_integers(target->dtype, fv__tensor_byte(target, i), 1, 1,
                          &label);
        if (label >= 0 && label < logits->shape[1]) continue;
        fv_fail(context, FV_MISUSE,
                "softmax_cross_entropy: label %" PRId64 " of row %" PRId64
                " is outside 0..%" PRId64,
                label, i, logits->shape[1] - 1);
        return false;
    }
    return true;
}

fv_variable *fv_softmax_cross_entropy_of(fv_variable *logits,
                                         fv_variable *target)
{
    fv_variable *inputs[] = { logits, target };
    if (logits && target) {
        fv_context *context = fv_variable_context(logits);
        if (fv_variable_requires_grad(target))
            fv_fail(context, FV_MISUSE,
                    "softmax_cross_entropy: the target requires a gradient, "
                    "but has none");
        else
            labels_fit(context, fv_variable_value(logits),
                       fv_variable_value(target));
    }
    return fv_apply(&fv__op_softmax_cross_entropy, NULL, 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_vector(layer, &inputs[0]);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_softmax_cross_entropy_of(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_softmax_cross_entropy = {
    .kind = "softmax_cross_entropy",
    .about = "the mean over the batch of -log softmax(x) at the class, or of "
             "cross-entropy with a distribution",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_CLASSES,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_softmax_cross_entropy_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_softmax_cross_entropy, options);
}
