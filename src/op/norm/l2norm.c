/* The elements along the last axes divided by their Euclidean length. */
#include "op/norm/rownorm.h"

const fv_operator fv__op_l2norm = {
    FV__ROWNORM_OPERATOR("l2norm", 1),
};

fv_variable *fv_l2norm_of(fv_variable *x, int32_t axes, double epsilon)
{
    const fv__rownorm attributes = { FV__BY_LENGTH, axes, epsilon };
    return fv__apply_affine(&fv__op_l2norm, &attributes, x, NULL, NULL);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_l2norm_options, COUNT, axes), .usual = 1, .positional = true,
      .positive = true },
    { FV__FIELD(fv_l2norm_options, NUMBER, epsilon), .usual = 1e-12,
      .positive = true, .range = FV__ABOVE_0_TO_1 },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_l2norm_options *options = layer->options;
    (void)count;
    return fv__affine_declare(layer, &inputs[0], options->axes, false, false);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_l2norm_options *options = layer->options;
    (void)count;
    return fv_l2norm_of(inputs[0], (int32_t)options->axes, options->epsilon);
}

const fv__layer_type fv__layer_l2norm = {
    .kind = "l2norm",
    .about = "y = x / max(sqrt(sum of x^2), epsilon) over the last axes, with "
             "1 the channels",
    FV__LAYER_OPTIONS(fv_l2norm_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_l2norm_new(const fv_l2norm_options *options)
{
    return fv__layer_new(&fv__layer_l2norm, options);
}
