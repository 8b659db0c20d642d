/* Slices by vectors of indices: the layer. */
#include "op/op.h"

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_gather_nd(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_gather_nd = {
    .kind = "gather_nd",
    .about = "slices of the first input, whose indices of the first axes are "
             "vectors in the second",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
