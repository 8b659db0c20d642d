/* Comparisons of two tensors of one type, broadcast; the result is FV_BOOL. NaN
 * is neither equal to a number nor less or greater. */
#include "op/attributes.h"
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv_dtype type = inference->inputs[0]->dtype;
    const fv_status status = fv__dtype_is_real(type)
                                 ? fv__infer_floats(inference)
                                 : fv__infer_one_type(inference);
    return status ? status : fv__infer_broadcast_type(inference, 0, FV_BOOL);
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const fv__compare *c = call->attributes;
    const fv_tensor *a = call->inputs[0], *b = call->inputs[1];
    call->context->kernels->compare(
        a->dtype, c->relation, (size_t)row->n, fv__tensor_byte(a, row->at[0]),
        (size_t)row->step[0], fv__tensor_byte(b, row->at[1]),
        (size_t)row->step[1], (uint8_t *)call->outputs[0]->data + row->first);
}

static void forward(const fv_call *call)
{
    fv__broadcast_rows(call->context, call->outputs[0], 2, call->inputs, 2,
                       run_row, call);
}

const fv_operator fv__op_compare = { .size = sizeof(fv_operator),
                                     .name = "compare",
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .attributes_size = sizeof(fv__compare),
                                     .infer = infer,
                                     .forward = forward };

static fv_variable *apply(fv__relation r, fv_variable *a, fv_variable *b)
{
    const fv__compare attributes = { r };
    fv_variable *const operands[] = { a, b };
    return fv_apply(&fv__op_compare, &attributes, 2, operands);
}

fv_variable *fv_equal(fv_variable *a, fv_variable *b)
{
    return apply(FV__EQUAL, a, b);
}

fv_variable *fv_less(fv_variable *a, fv_variable *b)
{
    return apply(FV__LESS, a, b);
}

fv_variable *fv_less_or_equal(fv_variable *a, fv_variable *b)
{
    return apply(FV__LESS_OR_EQUAL, a, b);
}

fv_variable *fv_greater(fv_variable *a, fv_variable *b)
{
    return apply(FV__LESS, b, a);
}

fv_variable *fv_greater_or_equal(fv_variable *a, fv_variable *b)
{
    return apply(FV__LESS_OR_EQUAL, b, a);
}
