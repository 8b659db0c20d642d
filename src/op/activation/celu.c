/* x where x > 0, else alpha (e^(x / alpha) - 1), of each element. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__unary_operator *function = inference->attributes;
    if (!(function->p > 0))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: alpha %s is not above 0", inference->name,
                       FV__NUMBER(function->p));
    return fv__infer_same(inference);
}

const fv_operator fv__op_celu = {
    FV__UNARY_OPERATOR_INFER("celu", FV_READS_INPUT(0) | FV_READS_OUTPUT,
                             infer),
    .onnx = "Celu"
};

fv_variable *fv_celu_of(fv_variable *a, double alpha)
{
    return fv__apply_unary(&fv__op_celu, a, FV__CELU, alpha, 0);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_celu_options, NUMBER, alpha), .usual = 1,
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_celu_options *options = layer->options;
    (void)count;
    return fv_celu_of(inputs[0], options->alpha);
}

const fv__layer_type fv__layer_celu = {
    .kind = "celu",
    .about = "x > 0 ? x : alpha (exp(x / alpha) - 1)",
    FV__LAYER_OPTIONS(fv_celu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_celu_new(const fv_celu_options *options)
{
    return fv__layer_new(&fv__layer_celu, options);
}
