/* The sum of |x| along axes. */
#include "op/tensor_layer.h"

extern const fv_operator fv__op_sum;

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    fv_variable *const of[] = { fv_abs(inputs[0]),
                                count > 1 ? inputs[1] : NULL };
    return fv__reduction_layer(layer, count, of, &fv__op_sum, FV_REDUCE_SUM);
}

const fv__layer_type fv__layer_reduce_l1 = {
    FV__REDUCTION_LAYER("reduce_l1"),
    .about =
        "the sum of |x| along axes: all but the batch unless they are given",
};
