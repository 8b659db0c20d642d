/* log(1 + e^(beta x)) / beta of each element, and x itself where beta x is
 * above a threshold. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__unary_operator *function = inference->attributes;
    if (function->p == 0)
        return fv_fail(inference->context, FV_MISUSE, "%s: beta is 0",
                       inference->name);
    return fv__infer_same(inference);
}

const fv_operator fv__op_softplus = { FV__UNARY_OPERATOR_INFER(
                                          "softplus", FV_READS_INPUT(0), infer),
                                      .onnx = "Softplus" };

fv_variable *fv_softplus_of(fv_variable *a, double beta, double threshold)
{
    return fv__apply_unary(&fv__op_softplus, a, FV__SOFTPLUS, beta, threshold);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_softplus_options, NUMBER, beta), .usual = 1,
      .positive = true },
    { FV__FIELD(fv_softplus_options, NUMBER, threshold), .usual = 20,
      .positive = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_softplus_options *options = layer->options;
    (void)count;
    return fv_softplus_of(inputs[0], options->beta, options->threshold);
}

const fv__layer_type fv__layer_softplus = {
    .kind = "softplus",
    .about = "log(1 + exp(beta x)) / beta; x where beta x is above threshold",
    FV__LAYER_OPTIONS(fv_softplus_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_softplus_new(const fv_softplus_options *options)
{
    return fv__layer_new(&fv__layer_softplus, options);
}
