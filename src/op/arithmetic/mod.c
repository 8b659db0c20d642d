/* The remainder of a quotient, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_mod = { FV__BINARY_OPERATOR("mod", FV_READS_INPUTS),
                                 .onnx = "Mod" };

fv_variable *fv_mod(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mod, FV__REMAINDER, a, b);
}

fv_variable *fv_fmod(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_mod, FV__FMOD, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(1);

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_mod, NULL);
}

const fv__layer_type fv__layer_mod = {
    FV__ARITHMETIC_LAYER("mod"),
    .about = "the remainder of the first input by the second, or by a number, "
             "with its sign",
};
