/* Instance normalisation: each channel of each image shifted and scaled to mean
 * 0 and variance 1, then by beta and gamma. */
#include "op/norm/groupnorm.h"

const fv_operator fv__op_instancenorm = {
    FV__GROUPNORM_OPERATOR("instancenorm"),
    .onnx = "InstanceNormalization",
};

fv_variable *fv_instancenorm_of(fv_variable *x, fv_variable *gamma,
                                fv_variable *beta, double epsilon)
{
    const fv__groupnorm attributes = { 1, epsilon, true };
    return fv__apply_affine(&fv__op_instancenorm, &attributes, x, gamma, beta);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_instancenorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD(fv_instancenorm_options, SWITCH, affine) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_instancenorm_options *options = layer->options;
    (void)count;
    return fv__affine_declare(layer, &inputs[0], 1, options->affine,
                              options->affine);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_instancenorm_options *options = layer->options;
    (void)count;
    return fv_instancenorm_of(inputs[0], fv__affine_weight(layer),
                              fv__affine_bias(layer), options->epsilon);
}

const fv__layer_type fv__layer_instancenorm = {
    .kind = "instancenorm",
    .about = "y = (x - mean) / sqrt(variance + epsilon), with affine=yes "
             "weight y + bias; mean and variance of each channel of an image",
    FV__LAYER_OPTIONS(fv_instancenorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_instancenorm_new(const fv_instancenorm_options *options)
{
    return fv__layer_new(&fv__layer_instancenorm, options);
}
