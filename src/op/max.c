/* The largest element; the first one gets the
 * gradient. */
#include "op/op.h"

static void forward(const fv_call *call) { fv__extreme_forward(call, true); }

const fv_operator fv__op_max = {
    FV__REDUCTION("max"), .infer = fv__extreme_infer,
    .forward = forward,   .backward = fv__extreme_backward,
    .onnx = "ReduceMax",
};

fv_variable *fv_max(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_max, a);
}

fv_variable *fv_max_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_max, a, axis);
}
