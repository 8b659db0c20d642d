/* Hides the future: what lies above the diagonal of each matrix is minus
 * infinity. */
#include "op/chunk.h"

#include <math.h>
#include <string.h>

/* The units of work are rows of matrices [rows][columns]. */
static fv__chunks chunks_of(const fv_tensor *x)
{
    const int64_t columns = x->shape[x->rank - 1];
    return (fv__chunks){ .units = fv__product(x->rank - 1, x->shape),
                         .each = fv__rows_per_chunk(columns),
                         .cost = (double)columns };
}

static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__infer_least_rank(inference, 0, 2);
    if (!status) status = fv__infer_same(inference);
    if (status) return status;
    const fv__chunks chunks = chunks_of(inference->inputs[0]);
    inference->forward_scratch =
        fv__chunks_scratch(inference->context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return FV_OK;
}

/* Elements of a row of the matrix that are not hidden. */
static size_t visible(const fv_tensor *x, int64_t row)
{
    const int64_t *end = x->shape + x->rank;
    return (size_t)fv__min(row % end[-2] + 1, end[-1]);
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const int64_t columns = y->shape[y->rank - 1];
    const fv_context *context = call->context;
    (void)buffer, (void)sum;
    for (int64_t row = first; row < first + count; row++) {
        const size_t n = visible(y, row);
        const void *from = fv__tensor_byte(x, row * columns);
        void *to = fv__tensor_byte(y, row * columns);
        if (from != to) memcpy(to, from, n * fv__number_bytes(context));
        context->kernels->fill((size_t)columns - n, -(double)INFINITY,
                               fv__number_at(context, to, (ptrdiff_t)n));
    }
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->outputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv_tensor *dy = call->output_grads[0], *dx = call->input_grads[0];
    const int64_t columns = dy->shape[dy->rank - 1];
    (void)buffer, (void)sum;
    for (int64_t row = first; row < first + count; row++)
        call->context->kernels->axpy(visible(dy, row), 1,
                                     fv__tensor_byte(dy, row * columns),
                                     fv__tensor_byte(dx, row * columns));
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->output_grads[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_causal_mask = {
    .size = sizeof(fv_operator),
    .name = "causal_mask",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_causal_mask(fv_variable *x)
{
    return fv_apply(&fv__op_causal_mask, NULL, 1, &x);
}
