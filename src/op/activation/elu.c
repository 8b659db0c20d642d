/* x where x > 0, else alpha (e^x - 1), of each element. */
#include "op/op.h"

const fv_operator fv__op_elu = {
    FV__UNARY_OPERATOR("elu", FV_READS_INPUT(0) | FV_READS_OUTPUT),
    .onnx = "Elu"
};

fv_variable *fv_elu_of(fv_variable *a, double alpha)
{
    return fv__apply_unary(&fv__op_elu, a, FV__ELU, alpha, 1);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_elu_options, NUMBER, alpha), .usual = 1,
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_elu_options *options = layer->options;
    (void)count;
    return fv_elu_of(inputs[0], options->alpha);
}

const fv__layer_type fv__layer_elu = {
    .kind = "elu",
    .about = "x > 0 ? x : alpha (exp(x) - 1)",
    FV__LAYER_OPTIONS(fv_elu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_elu_new(const fv_elu_options *options)
{
    return fv__layer_new(&fv__layer_elu, options);
}
