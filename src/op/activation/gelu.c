/* x times the normal distribution up to x, of each element, exactly or by
 * tanh. */
#include "op/op.h"

const fv_operator fv__op_gelu = { FV__UNARY_OPERATOR("gelu", FV_READS_INPUT(0)),
                                  .onnx = "Gelu" };

fv_variable *fv_gelu_of(fv_variable *a, fv_gelu_approximation approximate)
{
    if (a && approximate != FV_GELU_EXACT && approximate != FV_GELU_TANH) {
        fv_fail(fv_variable_context(a), FV_MISUSE,
                "%s: approximate %d is unknown (0 to 1)", fv__op_gelu.name,
                (int)approximate);
        return NULL;
    }
    const fv__unary f = approximate == FV_GELU_TANH ? FV__GELU_TANH : FV__GELU;
    return fv__apply_unary(&fv__op_gelu, a, f, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

static const char *const approximations[] = { "none", "tanh", NULL };

static const fv__field fields[] = {
    { FV__FIELD(fv_gelu_options, WORD, approximate), .words = approximations },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_gelu_options *options = layer->options;
    (void)count;
    return fv_gelu_of(inputs[0], options->approximate);
}

const fv__layer_type fv__layer_gelu = {
    .kind = "gelu",
    .about = "x Phi(x), where Phi is the normal distribution: x (1 + erf(x / "
             "sqrt(2))) / 2, or its approximation by tanh",
    FV__LAYER_OPTIONS(fv_gelu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_gelu_new(const fv_gelu_options *options)
{
    return fv__layer_new(&fv__layer_gelu, options);
}
