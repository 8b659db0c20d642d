/* min(max(a, low), high). Limits that are known numbers make a function of one
 * element, whose gradient is 0 at both; others the minimum of a maximum. */
#include "op/op.h"

#include <math.h>

const fv_operator fv__op_clip = { FV__UNARY_OPERATOR("clip", FV_READS_OUTPUT),
                                  .onnx = "Clip" };

/* Whether a limit is absent or one known number that nothing trains; if so, its
 * value, or `none`. */
static bool is_number(const fv_variable *limit, double none, double *value)
{
    *value = none;
    if (!limit) return true;
    const fv_tensor *at = &limit->value;
    if (limit->requires_grad || !at->data || fv_tensor_count(at) != 1
        || at->dtype != limit->context->dtype)
        return false;
    fv__load_doubles(at->dtype, at->data, 1, 1, value);
    return !isnan(*value);
}

fv_variable *fv_clip(fv_variable *a, fv_variable *low, fv_variable *high)
{
    double least, most;
    if (!a) return NULL;
    if (fv__dtype_is_real(a->value.dtype)
        && is_number(low, -(double)INFINITY, &least)
        && is_number(high, (double)INFINITY, &most) && least <= most)
        return fv__apply_unary(&fv__op_clip, a, FV__CLAMP, least, most);
    if (low) a = fv_maximum(a, low);
    return high ? fv_minimum(a, high) : a;
}
