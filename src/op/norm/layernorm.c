/* Layer normalisation: the elements along the last axes shifted and scaled to
 * mean 0 and variance 1, then by beta and gamma. */
#include "op/norm/rownorm.h"

const fv_operator fv__op_layernorm = {
    FV__ROWNORM_OPERATOR("layernorm", 3),
    .onnx = "LayerNormalization",
};

fv_variable *fv_layernorm_of(fv_variable *x, fv_variable *gamma,
                             fv_variable *beta, int32_t axes, double epsilon)
{
    const fv__rownorm attributes = { FV__BY_MOMENTS, axes, epsilon };
    return fv__apply_affine(&fv__op_layernorm, &attributes, x, gamma, beta);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_layernorm_options, COUNT, axes), .usual = 1,
      .positional = true, .positive = true },
    { FV__FIELD(fv_layernorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD_AS("affine", fv_layernorm_options, LACK, no_affine) },
    { FV__FIELD_AS("bias", fv_layernorm_options, LACK, no_bias) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_layernorm_options *options = layer->options;
    (void)count;
    return fv__affine_declare(layer, &inputs[0], options->axes,
                              !options->no_affine,
                              !options->no_affine && !options->no_bias);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_layernorm_options *options = layer->options;
    (void)count;
    return fv_layernorm_of(inputs[0], fv__affine_weight(layer),
                           fv__affine_bias(layer), (int32_t)options->axes,
                           options->epsilon);
}

const fv__layer_type fv__layer_layernorm = {
    .kind = "layernorm",
    .about = "y = weight (x - mean) / sqrt(variance + epsilon) + bias; mean "
             "and variance over the last axes, with 1 the channels",
    FV__LAYER_OPTIONS(fv_layernorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_layernorm_new(const fv_layernorm_options *options)
{
    return fv__layer_new(&fv__layer_layernorm, options);
}
