/* Truth values, FV_BOOL: and, or, exclusive or, broadcast, and not. */
#include "op/attributes.h"
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    fv_status status = FV_OK;
    for (int32_t k = 0; k < inference->num_inputs && !status; k++)
        status = fv__infer_truth(inference, k);
    return status ? status : fv__infer_broadcast_type(inference, 0, FV_BOOL);
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const fv__logic *l = call->attributes;
    const int32_t last = call->num_inputs - 1;
    const uint8_t *a = call->inputs[0]->data, *b = call->inputs[last]->data;
    call->context->kernels->connect(
        l->connective, (size_t)row->n, a + row->at[0], (size_t)row->step[0],
        b + row->at[last], (size_t)row->step[last],
        (uint8_t *)call->outputs[0]->data + row->first);
}

static void forward(const fv_call *call)
{
    fv__broadcast_rows(call->context, call->outputs[0], call->num_inputs,
                       call->inputs, 2, run_row, call);
}

const fv_operator fv__op_logic = { .size = sizeof(fv_operator),
                                   .name = "logic",
                                   .min_inputs = 1,
                                   .max_inputs = 2,
                                   .attributes_size = sizeof(fv__logic),
                                   .infer = infer,
                                   .forward = forward };

static fv_variable *apply(fv__connective c, int32_t count, fv_variable *a,
                          fv_variable *b)
{
    const fv__logic attributes = { c };
    fv_variable *const operands[] = { a, b };
    return fv_apply(&fv__op_logic, &attributes, count, operands);
}

fv_variable *fv_and(fv_variable *a, fv_variable *b)
{
    return apply(FV__AND, 2, a, b);
}

fv_variable *fv_or(fv_variable *a, fv_variable *b)
{
    return apply(FV__OR, 2, a, b);
}

fv_variable *fv_xor(fv_variable *a, fv_variable *b)
{
    return apply(FV__XOR, 2, a, b);
}

fv_variable *fv_not(fv_variable *a) { return apply(FV__NOR, 1, a, NULL); }
