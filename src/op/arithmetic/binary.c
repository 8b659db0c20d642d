/* Operators that are a function of two elements, broadcast to one shape. */
#include "op/op.h"

typedef struct binary_job {
    const fv_context *context;
    fv__binary f;
    const void *a, *b;
    void *y;
} binary_job;

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const binary_job *job = argument;
    const fv_context *context = job->context;
    context->kernels->binary(
        job->f, (size_t)row->n, fv__number_in(context, job->a, row->at[0]),
        (size_t)row->step[0], fv__number_in(context, job->b, row->at[1]),
        (size_t)row->step[1], fv__number_at(context, job->y, row->first));
}

void fv__binary_all(fv_context *context, fv__binary f, const fv_tensor *a,
                    const fv_tensor *b, const fv_tensor *y)
{
    const fv_tensor *operands[] = { a, b };
    const binary_job job = {
        .context = context, .f = f, .a = a->data, .b = b->data, .y = y->data
    };
    fv__broadcast_rows(context, y, 2, operands, f == FV__POW ? 30 : 2, run_row,
                       &job);
}

fv_status fv__binary_infer(fv_inference *inference)
{
    const fv__binary_operator *function = inference->attributes;
    fv_status status = function->f == FV__PRELU ? fv__infer_floats(inference)
                                                : fv__infer_numbers(inference);
    if (!status)
        status =
            fv__infer_broadcast_type(inference, 0, inference->inputs[0]->dtype);
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
    const bool real = fv__dtype_is_real(call->outputs[0]->dtype);
    (real ? fv__binary_all : fv__integers_all)(call->context, function->f,
                                               call->inputs[0], call->inputs[1],
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
