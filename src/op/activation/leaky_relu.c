/* x where x > 0, else slope x, of each element. */
#include "op/op.h"

const fv_operator fv__op_leaky_relu = {
    FV__UNARY_OPERATOR("leaky_relu", FV_READS_INPUT(0)), .onnx = "LeakyRelu"
};

fv_variable *fv_leaky_relu_of(fv_variable *a, double slope)
{
    return fv__apply_unary(&fv__op_leaky_relu, a, FV__LEAKY_RELU, slope, 0);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_leaky_relu_options, NUMBER, slope), .usual = 0.01,
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_leaky_relu_options *options = layer->options;
    (void)count;
    return fv_leaky_relu_of(inputs[0], options->slope);
}

const fv__layer_type fv__layer_leaky_relu = {
    .kind = "leaky_relu",
    .about = "x > 0 ? x : slope x",
    FV__LAYER_OPTIONS(fv_leaky_relu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_leaky_relu_new(const fv_leaky_relu_options *options)
{
    return fv__layer_new(&fv__layer_leaky_relu, options);
}
