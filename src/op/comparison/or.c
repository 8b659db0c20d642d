/* Whether a or b holds: the layer. */
#include "op/op.h"

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_or(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_or = {
    .kind = "or",
    .about = "whether a or b holds; broadcast",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
