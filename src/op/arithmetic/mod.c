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

/* Begins as fv__arithmetic_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    double number;
    int32_t truncated; /* the sign is that of the first input */
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, number), .usual = 1, .positional = true },
    { FV__FIELD(options, SWITCH, truncated) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    return fv__arithmetic(layer, count, inputs, o->truncated ? fv_fmod : fv_mod,
                          NULL);
}

const fv__layer_type fv__layer_mod = {
    .kind = "mod",
    .about = "the remainder of the first input by the second, or by a number, "
             "with its sign or, truncated, that of the first",
    FV__LAYER_OPTIONS(options),
    .min_inputs = 1,
    .max_inputs = FV__MAX_INPUTS,
    .fields = fields,
    .forward = apply,
};
