/* a - b, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_sub = { FV__BINARY_OPERATOR_WITH(
                                     "sub", 0, FV_OVERWRITES | FV_IN_PLACE),
                                 .onnx = "Sub" };

fv_variable *fv_sub(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_sub, FV__SUB, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(0);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_sub, fv_sub_number);
}

const fv__layer_type fv__layer_sub = {
    FV__ARITHMETIC_LAYER("sub"),
    .about = "the first input less the others, or less a number; broadcast",
};
