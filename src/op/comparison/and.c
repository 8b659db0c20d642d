/* Whether a and b hold: the layer. */
#include "op/op.h"

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_and(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_and = {
    .kind = "and",
    .about = "whether a and b hold; broadcast",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
