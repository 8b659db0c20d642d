/* What reductions share: applying them, the shape of the result with the axes
 * that are reduced, and sums along axes. */
#include "op/op.h"

fv_variable *fv__apply_reduction(const fv_operator *op, fv_variable *a)
{
    const fv__reduction reduction = { 0 };
    return fv_apply(op, &reduction, 1, &a);
}

fv_variable *fv__apply_reduction_axis(const fv_operator *op, fv_variable *a,
                                      int32_t axis)
{
    const fv__reduction reduction = { .count = 1, .keep = 1, .axes = { axis } };
    return fv_apply(op, &reduction, 1, &a);
}

fv_tensor fv__reduction_kept(const fv__reduction *reduction,
                             const fv_tensor *tensor)
{
    fv_tensor kept = *tensor;
    for (int32_t i = 0; i < tensor->rank && reduction->count == 0; i++)
        kept.shape[i] = 1;
    for (int32_t i = 0; i < reduction->count; i++) {
        const int32_t axis = reduction->axes[i];
        kept.shape[axis < 0 ? axis + tensor->rank : axis] = 1;
    }
    fv__tensor_strides(&kept);
    return kept;
}

fv_tensor fv__reduction_of(const fv_call *call, const fv_tensor *result)
{
    fv_tensor kept = fv__reduction_kept(call->attributes, call->inputs[0]);
    kept.data = result->data;
    return kept;
}

fv__sum_to_shape fv__reduction_sum(fv_context *context, const fv_tensor *x,
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
    const fv_tensor y =
        fv__reduction_kept(inference->attributes, inference->inputs[0]);
    const fv__sum_to_shape sum =
        fv__reduction_sum(inference->context, inference->inputs[0], &y);
    inference->forward_scratch = fv__sum_to_shape_scratch(&sum);
    return FV_OK;
}

void fv__reduction_sum_forward(const fv_call *call)
{
    const fv_tensor y = fv__reduction_of(call, call->outputs[0]);
    const fv__sum_to_shape sum =
        fv__reduction_sum(call->context, call->inputs[0], &y);
    fv__sum_to_shape_run(&sum, call->scratch);
}
