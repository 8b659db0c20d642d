/* x / s of each element: a true fv__quotient, not a product with 1 / s. */
#include "op/op.h"

static void forward(const fv_call *call)
{
    const fv__quotient *attributes = call->attributes;
    fv__number memory;
    fv_tensor s = fv__scalar(call->context, attributes->divisor, &memory);
    fv__binary_all(call->context, FV__DIV, call->inputs[0], &s,
                   call->outputs[0]);
}

static void backward(const fv_call *call)
{
    const fv__quotient *attributes = call->attributes;
    fv__axpy_all(call->context, fv__count(call->outputs[0]),
                 1 / attributes->divisor, call->output_grads[0]->data,
                 call->input_grads[0]->data);
}

const fv_operator fv__op_div_number = { .size = sizeof(fv_operator),
                                        .name = "div_number",
                                        .min_inputs = 1,
                                        .max_inputs = 1,
                                        .attributes_size = sizeof(fv__quotient),
                                        .infer = fv__infer_same,
                                        .forward = forward,
                                        .backward = backward };

fv_variable *fv_div_number(fv_variable *a, double s)
{
    const fv__quotient attributes = { s };
    return fv_apply(&fv__op_div_number, &attributes, 1, &a);
}
