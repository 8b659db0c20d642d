/* Operators on the rows of the last axis. */
#include "op/chunk.h"
#include "op/activation/rows.h"

static int64_t width_of(const fv_tensor *x) { return x->shape[x->rank - 1]; }

/* The units of work are rows. */
static fv__chunks chunks_of(const fv_tensor *x)
{
    const int64_t n = width_of(x);
    return (fv__chunks){ .units = fv__product(x->rank - 1, x->shape),
                         .each = fv__rows_per_chunk(n),
                         .cost = 16 * (double)n };
}

fv_status fv__rows_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand(inference, 0, "input", -1)) return fv_failed(context);
    if (width_of(x) < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no classes",
                       inference->name, FV__SHAPE(x));
    const fv__chunks chunks = chunks_of(x);
    inference->forward_scratch = fv__chunks_scratch(context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_same(inference);
}

static bool logarithm(const fv_call *call)
{
    return ((const fv__rows_operator *)call->attributes)->logarithm;
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const int64_t n = width_of(call->outputs[0]);
    (void)buffer;
    (void)sum;
    const fv__kernels *kernels = call->context->kernels;
    (logarithm(call) ? kernels->log_softmax : kernels->softmax)(
        (size_t)count, (size_t)n, fv__tensor_byte(call->inputs[0], first * n),
        fv__tensor_byte(call->outputs[0], first * n));
}

void fv__rows_forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const int64_t n = width_of(call->outputs[0]);
    (void)buffer;
    (void)sum;
    const fv__kernels *kernels = call->context->kernels;
    (logarithm(call) ? kernels->log_softmax_grad : kernels->softmax_grad)(
        (size_t)count, (size_t)n, fv__tensor_byte(call->outputs[0], first * n),
        fv__tensor_byte(call->output_grads[0], first * n),
        fv__tensor_byte(call->input_grads[0], first * n));
}

void fv__rows_backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

fv_variable *fv__apply_rows(const fv_operator *op, fv_variable *x,
                            bool logarithm)
{
    const fv__rows_operator function = { logarithm };
    return fv_apply(op, &function, 1, &x);
}

fv_variable *fv__apply_rows_axis(const fv_operator *op, fv_variable *x,
                                 bool logarithm, int32_t axis)
{
    if (!x || !fv__ok(x->context)) return NULL;
    const int32_t rank = x->value.rank;
    int32_t order[FV_MAX_RANK];
    if (!fv__tensor_axis(x->context, fv__who(x->context, op->name), rank,
                         &axis))
        return NULL;
    if (axis == rank - 1) return fv__apply_rows(op, x, logarithm);
    for (int32_t i = 0; i < rank; i++) order[i] = i;
    order[axis] = rank - 1;
    order[rank - 1] = axis;
    x = fv__apply_rows(op, fv_permute(x, order), logarithm);
    return fv_permute(x, order);
}
