/* Losses that are sums of a function of each element and its target. */
#include "op/loss/loss.h"

#include <inttypes.h>

enum { COST = 32 }; /* elementary operations per element */

static const fv__element_loss *attributes_of(const fv_call *call)
{
    return call->attributes;
}

/* The buffer of a worker holds terms, then two arrays of weights. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    fv__chunks chunks = fv__loss_elements(context, x, COST);
    chunks.buffer *= 3;
    return chunks;
}

/* ---- the shape rule ------------------------------------------------------ */

static int64_t width_of(const fv_tensor *x)
{
    return x->rank ? x->shape[x->rank - 1] : 1;
}

static fv_status check_list(const fv_inference *inference, const char *what,
                            const fv_numbers *list)
{
    const int64_t width = width_of(inference->inputs[FV__LOGITS]);
    if (list->count == 0 || list->count == 1 || list->count == width)
        return FV_OK;
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: %" PRId64 " %s do not fit the last axis, of %" PRId64,
                   inference->name, list->count, what, width);
}

/* The lists, copied to memory of the node. */
static const fv_numbers *copy_lists(fv_inference *inference,
                                    const fv__element_loss *loss)
{
    const fv_numbers *const from[] = { &loss->weights, &loss->positive };
    const size_t total = (size_t)(from[0]->count + from[1]->count);
    fv_numbers *lists = fv_inference_allocate(
        inference, 2 * sizeof *lists + total * sizeof(double));
    if (!lists) return NULL;
    double *at = (double *)(void *)(lists + 2);
    for (int k = 0; k < 2; k++) {
        lists[k] = (fv_numbers){ from[k]->count, at };
        for (int64_t i = 0; i < from[k]->count; i++) *at++ = from[k]->at[i];
    }
    return lists;
}

fv_status fv__element_loss_infer(fv_inference *inference)
{
    const fv__element_loss *loss = inference->attributes;
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    const int32_t least = loss->reduction == FV_REDUCTION_BATCH;
    if (fv__loss_check_elements(inference, least) != FV_OK
        || check_list(inference, "weights", &loss->weights) != FV_OK
        || check_list(inference, "positive weights", &loss->positive) != FV_OK)
        return fv_failed(inference->context);
    inference->resolved = copy_lists(inference, loss);
    const fv__chunks chunks = chunks_of(inference->context, x);
    return fv__loss_infer(inference, &chunks, loss->reduction, x->rank);
}

/* ---- the work ------------------------------------------------------------ */

/* Writes the numbers of elements first .. first + count - 1; NULL if the list
 * is empty. */
static const void *expand(const fv_call *call, const fv_numbers *list,
                          int64_t first, int64_t count, void *to)
{
    if (!list->count) return NULL;
    int64_t at = first % list->count;
    for (int64_t i = 0; i < count; i++) {
        fv__real_set(call->context, to, i, list->at[at]);
        if (++at == list->count) at = 0;
    }
    return to;
}

/* Elements of a chunk, and the weights of their terms. */
typedef struct part {
    size_t count;
    const void *x, *t, *weights, *positive;
} part;

static part part_of(const fv_call *call, int64_t first, int64_t count,
                    void *buffer)
{
    const fv_numbers *lists = call->resolved;
    const int64_t each = fv__rows_per_chunk(1);
    return (part){ .count = (size_t)count,
                   .x = fv__tensor_byte(call->inputs[FV__LOGITS], first),
                   .t = fv__tensor_byte(call->inputs[FV__TARGET], first),
                   .weights = expand(
                       call, &lists[0], first, count,
                       fv__number_at(call->context, buffer, (ptrdiff_t)each)),
                   .positive = expand(call, &lists[1], first, count,
                                      fv__number_at(call->context, buffer,
                                                    (ptrdiff_t)(2 * each))) };
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv__element_loss *loss = attributes_of(call);
    const part p = part_of(call, first, count, buffer);
    const bool whole = loss->reduction == FV_REDUCTION_NONE;
    void *terms = whole ? fv__tensor_byte(call->outputs[0], first) : buffer;
    kernels->loss(loss->f, p.count, p.x, p.t, p.positive, loss->p, loss->q,
                  terms);
    if (p.weights)
        kernels->binary(FV__MUL, p.count, terms, 1, p.weights, 1, terms);
    if (!whole) *sum = kernels->sum(p.count, terms);
}

static double divisor_of(const fv_call *call)
{
    return fv__loss_divisor(call, attributes_of(call)->reduction,
                            (double)fv_tensor_count(call->inputs[FV__LOGITS]));
}

void fv__element_loss_forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__loss_forward(call, &chunks, attributes_of(call)->reduction,
                     divisor_of(call), chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *slope, double *sum)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv__element_loss *loss = attributes_of(call);
    const part p = part_of(call, first, count, slope);
    const double scale =
        fv__loss_scale(call, loss->reduction, divisor_of(call));
    (void)sum;
    for (int operand = 0; operand < 2; operand++) {
        if (!call->input_grads[operand]) continue;
        kernels->loss_slope(loss->f, operand, p.count, p.x, p.t, p.positive,
                            loss->p, loss->q, slope);
        if (p.weights)
            kernels->binary(FV__MUL, p.count, slope, 1, p.weights, 1, slope);
        if (loss->reduction == FV_REDUCTION_NONE)
            kernels->binary(FV__MUL, p.count, slope, 1,
                            fv__tensor_byte(call->output_grads[0], first), 1,
                            slope);
        kernels->axpy(p.count, scale, slope,
                      fv__tensor_byte(call->input_grads[operand], first));
    }
}

void fv__element_loss_backward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(call->context, call->inputs[FV__LOGITS]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

fv_variable *fv__element_loss_apply(const fv_operator *op, fv_variable *x,
                                    fv_variable *target,
                                    const fv__element_loss *attributes)
{
    fv_variable *inputs[] = { x, target };
    return fv_apply(op, attributes, 2, inputs);
}

fv_variable *fv__element_mean(const fv_operator *op, fv_variable *x,
                              fv_variable *target, fv__loss f, double p,
                              fv_reduction reduction)
{
    const fv__element_loss loss = {
        .f = f,
        .reduction = fv__reduction_or(reduction, FV_REDUCTION_MEAN),
        .p = p,
    };
    return fv__element_loss_apply(op, x, target, &loss);
}
