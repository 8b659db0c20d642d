/* The smallest element; the first one gets the
 * gradient. */
#include "op/op.h"

static void forward(const fv_call *call) { fv__extreme_forward(call, false); }

const fv_operator fv__op_min = {
    FV__REDUCTION("min"), .infer = fv__extreme_infer,
    .forward = forward,   .backward = fv__extreme_backward,
    .onnx = "ReduceMin",
};

fv_variable *fv_min(fv_variable *a)
{
    return fv__apply_reduction(&fv__op_min, a);
}

fv_variable *fv_min_axis(fv_variable *a, int32_t axis)
{
    return fv__apply_reduction_axis(&fv__op_min, a, axis);
}
