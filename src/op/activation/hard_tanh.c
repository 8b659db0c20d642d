/* min(max(x, low), high) of each element; NaN passes, the gradient at low and
 * high is 0. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__unary_operator *function = inference->attributes;
    if (!(function->p < function->q))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: low %s is not below high %s", inference->name,
                       FV__NUMBER(function->p), FV__NUMBER(function->q));
    return fv__infer_same(inference);
}

const fv_operator fv__op_hard_tanh = { FV__UNARY_OPERATOR_INFER(
                                           "hard_tanh", FV_READS_OUTPUT, infer),
                                       .onnx = "Clip" };

fv_variable *fv_hard_tanh_of(fv_variable *a, double low, double high)
{
    return fv__apply_unary(&fv__op_hard_tanh, a, FV__CLAMP, low, high);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_hard_tanh_options, NUMBER, low), .usual = -1,
      .positional = true },
    { FV__FIELD(fv_hard_tanh_options, NUMBER, high), .usual = 1,
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_hard_tanh_options *options = layer->options;
    (void)count;
    return fv_hard_tanh_of(inputs[0], options->low, options->high);
}

const fv__layer_type fv__layer_hard_tanh = {
    .kind = "hard_tanh",
    .about = "min(max(x, low), high)",
    FV__LAYER_OPTIONS(fv_hard_tanh_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_hard_tanh_new(const fv_hard_tanh_options *options)
{
    return fv__layer_new(&fv__layer_hard_tanh, options);
}
