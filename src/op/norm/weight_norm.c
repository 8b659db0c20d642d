/* Weights that are functions of parameters: standardised, or of a direction and
 * a length for each filter. */
#include "op/op.h"

#include <inttypes.h>

/* The axes of a weight [filters, ...] without that of the filters; 0 after
 * recording that there are none. */
static int32_t axes_of(const char *who, fv_variable *weight)
{
    const fv_tensor *value = fv_variable_value(weight);
    if (value->rank > 1) return value->rank - 1;
    fv_fail(fv_variable_context(weight), FV_MISUSE,
            "%s: weight has rank %d, expected at least 2", who, value->rank);
    return 0;
}

fv_variable *fv_standardise_weight(fv_variable *weight, double epsilon)
{
    const int32_t axes = weight ? axes_of("standardise_weight", weight) : 0;
    return axes ? fv_layernorm_of(weight, NULL, NULL, axes, epsilon) : NULL;
}

fv_variable *fv_weight_norm(fv_variable *direction, fv_variable *length)
{
    if (!direction || !length) return NULL;
    const int32_t axes = axes_of("weight_norm", direction);
    const fv_tensor *g = fv_variable_value(length);
    if (!axes) return NULL;
    int64_t shape[FV_MAX_RANK] = { fv_variable_value(direction)->shape[0] };
    if (fv_tensor_count(g) != shape[0]) {
        fv_fail(fv_variable_context(direction), FV_MISUSE,
                "weight_norm: the length has %" PRId64
                " numbers, expected one for each of %" PRId64 " filters",
                fv_tensor_count(g), shape[0]);
        return NULL;
    }
    for (int32_t i = 1; i <= axes; i++) shape[i] = 1;
    return fv_mul(fv_l2norm_of(direction, axes, 0),
                  fv_reshape(length, axes + 1, shape));
}
