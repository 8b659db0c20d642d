/* The logarithm of the sum along axes. */
#include "op/tensor_layer.h"

extern const fv_operator fv__op_sum;

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv_log(fv__reduction_layer(layer, count, inputs, &fv__op_sum,
                                      FV_REDUCE_LOG_SUM));
}

const fv__layer_type fv__layer_log_sum = {
    FV__REDUCTION_LAYER("log_sum"),
    .about = "the logarithm of the sum along axes: all but the batch unless "
             "they are given",
};
