/* a / b, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_div = { FV__BINARY_OPERATOR("div", FV_READS_INPUTS),
                                 .onnx = "Div" };

fv_variable *fv_div(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_div, FV__DIV, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(1);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_div, fv_div_number);
}

const fv__layer_type fv__layer_div = {
    FV__ARITHMETIC_LAYER("div"),
    .about = "the first input divided by the others, or by a number; broadcast",
};
