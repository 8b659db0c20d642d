/* Operators that are a function of one element. */
#include "op/op.h"

fv_status fv__infer_same_numbers(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0];
    const fv_status status = fv__infer_numbers(inference);
    return status ? status : fv__infer_moved(inference, x->rank, x->shape);
}

void fv__unary_forward(const fv_call *call)
{
    const fv__unary_operator *function = call->attributes;
    if (!fv__dtype_is_real(call->inputs[0]->dtype)) {
        fv__integers_unary(call->context, function->f, call->inputs[0],
                           call->outputs[0]);
        return;
    }
    fv__unary_all(call->context, function->f, fv__count(call->outputs[0]),
                  call->inputs[0]->data, call->outputs[0]->data, function->p,
                  function->q);
}

void fv__unary_backward(const fv_call *call)
{
    const fv__unary_operator *function = call->attributes;
    /* The result of a clamp lies strictly between its limits exactly where the
     * operand does, so the operand is not read. */
    const fv_tensor *x =
        function->f == FV__CLAMP ? call->outputs[0] : call->inputs[0];
    fv__unary_grad_all(call->context, function->f, fv__count(call->outputs[0]),
                       x->data, call->outputs[0]->data,
                       call->output_grads[0]->data, call->input_grads[0]->data,
                       function->p, function->q, fv__accumulation_of(call, 0));
}

fv_variable *fv__apply_unary(const fv_operator *op, fv_variable *a, fv__unary f,
                             double p, double q)
{
    const fv__unary_operator function = { f, p, q };
    return fv_apply(op, &function, 1, &a);
}

fv_tensor fv__scalar(const fv_context *context, double value,
                     fv__number *memory)
{
    if (context->dtype == FV_F64)
        memory->f64 = value;
    else
        memory->f32 = (float)value;
    return (fv_tensor){ .data = memory, .dtype = context->dtype };
}
