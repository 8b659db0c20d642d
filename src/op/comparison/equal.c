/* Whether a = b: the layer. */
#include "op/tensor_layer.h"

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(0);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_equal, NULL);
}

const fv__layer_type fv__layer_equal = {
    FV__COMPARISON_LAYER("equal"),
    .about = "whether a = b, b a second input or a number; broadcast",
};
