/* Operators that are a function of two elements, broadcast to one shape. */
#include "op/op.h"

enum { CUT = 16384 };

typedef struct binary_job {
    const fv_context *context;
    fv__binary f;
    fv__broadcast_iterator iterator;
    const void *a, *b;
    void *y;
    int64_t n;
} binary_job;

/* Computes one chunk of the flat result, row by row of the last axis of the
 * iterator. */
static void run_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const binary_job *job = argument;
    const fv_context *context = job->context;
    const fv__broadcast_iterator *iterator = &job->iterator;
    int32_t last = iterator->rank - 1;
    int64_t row = iterator->extent[last];
    int64_t at = (int64_t)item * CUT, end = fv__min(at + CUT, job->n);
    int64_t column = at % row;
    int64_t a_step = iterator->step[0][last], b_step = iterator->step[1][last];
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(iterator, 0, last, at / row, &place);
    while (at < end) {
        int64_t run = fv__min(row - column, end - at);
        int64_t a = place.at[0] + column * a_step;
        int64_t b = place.at[1] + column * b_step;
        context->kernels->binary(
            job->f, (size_t)run, fv__number_in(context, job->a, a),
            (size_t)a_step, fv__number_in(context, job->b, b), (size_t)b_step,
            fv__number_at(context, job->y, at));
        at += run;
        column = 0;
        fv__broadcast_next(iterator, 0, last, &place);
    }
}

void fv__binary_all(fv_context *context, fv__binary f, const fv_tensor *a,
                    const fv_tensor *b, const fv_tensor *y)
{
    const fv_tensor *operands[] = { a, b };
    binary_job job = { .context = context,
                       .f = f,
                       .a = a->data,
                       .b = b->data,
                       .y = y->data,
                       .n = fv_tensor_count(y) };
    if (job.n == 0) return;
    fv__broadcast_begin(&job.iterator, y, 2, operands);
    double cost = (double)job.n * (f == FV__POW ? 30 : 2);
    fv__parallel(context, (size_t)fv__divide_up(job.n, CUT), cost, run_chunk,
                 &job);
}

fv_status fv__binary_infer(fv_inference *inference)
{
    const fv__binary_operator *function = inference->attributes;
    fv_status status = fv__infer_broadcast(inference);
    if (status || !inference->gradient) return status;
    /* The sums below count elements, so the number of elements must be valid.
     */
    const fv_tensor *output = &inference->outputs[0];
    if (fv__product(output->rank, output->shape) < 0) return FV_OK;
    for (int operand = 0; operand < 2; operand++) {
        const fv__sum_to_shape sum = { .context = inference->context,
                                       .f = function->f,
                                       .operand = operand,
                                       .a = inference->inputs[0],
                                       .b = inference->inputs[1],
                                       .dy = output,
                                       .d = inference->inputs[operand] };
        size_t bytes = fv__sum_to_shape_scratch(&sum);
        if (inference->backward_scratch < bytes)
            inference->backward_scratch = bytes;
    }
    return FV_OK;
}

void fv__binary_forward(const fv_call *call)
{
    const fv__binary_operator *function = call->attributes;
    fv__binary_all(call->context, function->f, call->inputs[0], call->inputs[1],
                   call->outputs[0]);
}

void fv__binary_backward(const fv_call *call)
{
    const fv__binary_operator *function = call->attributes;
    for (int operand = 0; operand < 2; operand++) {
        if (!call->input_grads[operand]) continue;
        const fv__sum_to_shape sum = { .context = call->context,
                                       .f = function->f,
                                       .operand = operand,
                                       .accumulation =
                                           fv__accumulation_of(call, operand),
                                       .a = call->inputs[0],
                                       .b = call->inputs[1],
                                       .dy = call->output_grads[0],
                                       .d = call->input_grads[operand] };
        fv__sum_to_shape_run(&sum, call->scratch);
    }
}

fv_variable *fv__apply_binary(const fv_operator *op, fv__binary f,
                              fv_variable *a, fv_variable *b)
{
    const fv__binary_operator function = { f };
    fv_variable *const operands[] = { a, b };
    return fv_apply(op, &function, 2, operands);
}
