/* a^b, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_pow = { FV__BINARY_OPERATOR("pow", FV_READS_INPUTS),
                                 .onnx = "Pow" };

fv_variable *fv_pow(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_pow, FV__POW, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(1);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_pow, fv_pow_number);
}

const fv__layer_type fv__layer_pow = {
    FV__ARITHMETIC_LAYER("pow"),
    .about = "the first input to the power of the second, or of a number",
};
