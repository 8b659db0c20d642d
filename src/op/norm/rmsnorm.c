/* Root mean square normalisation: the elements along the last axes divided by
 * the root of their mean square, then scaled by gamma. */
#include "op/norm/rownorm.h"

const fv_operator fv__op_rmsnorm = {
    FV__ROWNORM_OPERATOR("rmsnorm", 2),
    .onnx = "RMSNormalization",
};

fv_variable *fv_rmsnorm_of(fv_variable *x, fv_variable *gamma, int32_t axes,
                           double epsilon)
{
    const fv__rownorm attributes = { FV__BY_MEAN_SQUARE, axes, epsilon };
    return fv__apply_affine(&fv__op_rmsnorm, &attributes, x, gamma, NULL);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_rmsnorm_options, COUNT, axes), .usual = 1,
      .positional = true, .positive = true },
    { FV__FIELD(fv_rmsnorm_options, NUMBER, epsilon), .usual = 1e-5,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD_AS("affine", fv_rmsnorm_options, LACK, no_affine) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_rmsnorm_options *options = layer->options;
    (void)count;
    return fv__affine_declare(layer, &inputs[0], options->axes,
                              !options->no_affine, false);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_rmsnorm_options *options = layer->options;
    (void)count;
    return fv_rmsnorm_of(inputs[0], fv__affine_weight(layer),
                         (int32_t)options->axes, options->epsilon);
}

const fv__layer_type fv__layer_rmsnorm = {
    .kind = "rmsnorm",
    .about = "y = weight x / sqrt(mean of x^2 + epsilon) over the last axes, "
             "with 1 the channels",
    FV__LAYER_OPTIONS(fv_rmsnorm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_rmsnorm_new(const fv_rmsnorm_options *options)
{
    return fv__layer_new(&fv__layer_rmsnorm, options);
}
