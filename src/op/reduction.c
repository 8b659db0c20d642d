/* What sum, mean, max and min share: applying them, and sums along axes. */
#include "op/op.h"

fv_variable *fv__apply_reduction(const fv_operator *op, fv_variable *a)
{
    const fv__reduction reduction = { .all = 1 };
    return fv_apply(op, &reduction, 1, &a);
}

fv_variable *fv__apply_reduction_axis(const fv_operator *op, fv_variable *a,
                                      int32_t axis)
{
    const fv__reduction reduction = { .axis = axis };
    return fv_apply(op, &reduction, 1, &a);
}

/* The sum of x over the axes along which y has extent 1 or that it lacks. */
static fv__sum_to_shape sum_of(fv_context *context, const fv_tensor *x,
                               const fv_tensor *y)
{
    return (fv__sum_to_shape){
        .context = context, .f = FV__ADD, .a = x, .b = x, .dy = x, .d = y
    };
}

fv_status fv__reduction_sum_infer(fv_inference *inference, bool any)
{
    fv_status status = fv__infer_reduction(inference, any);
    if (status) return status;
    const fv__sum_to_shape sum = sum_of(
        inference->context, inference->inputs[0], &inference->outputs[0]);
    inference->forward_scratch = fv__sum_to_shape_scratch(&sum);
    return FV_OK;
}

void fv__reduction_sum_forward(const fv_call *call)
{
    const fv__sum_to_shape sum =
        sum_of(call->context, call->inputs[0], call->outputs[0]);
    fv__sum_to_shape_run(&sum, call->scratch);
}
