/* Axes read backwards: a slice of step -1. */
#include "op/op.h"

fv_variable *fv_flip(fv_variable *a, int32_t count, const int32_t axes[])
{
    int64_t starts[FV_MAX_RANK], stops[FV_MAX_RANK], steps[FV_MAX_RANK];
    for (int32_t i = 0; i < FV_MAX_RANK; i++) {
        starts[i] = -1;
        stops[i] = INT64_MIN;
        steps[i] = -1;
    }
    return fv_slice_axes(a, count, starts, stops, axes, steps);
}
