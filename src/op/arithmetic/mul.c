/* a b of each pair of elements, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_mul = { FV__BINARY_OPERATOR("mul", FV_READS_INPUTS),
                                 .onnx = "Mul" };

fv_variable *fv_mul(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mul, FV__MUL, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(1);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_mul, fv_mul_number);
}

const fv__layer_type fv__layer_mul = {
    FV__ARITHMETIC_LAYER("mul"),
    .about = "the product of inputs, or of one and a number; broadcast",
};
