/* scale x where x > 0, else scale alpha (e^x - 1), of each element. */
#include "op/op.h"

/* The fixed point of mean 0 and variance 1 of Klambauer et al., 2017. */
static const double scale = 1.0507009873554804934193349852946;
static const double alpha = 1.6732632423543772848170429916717;

const fv_operator fv__op_selu = {
    FV__UNARY_OPERATOR("selu", FV_READS_INPUT(0) | FV_READS_OUTPUT),
    .onnx = "Selu"
};

fv_variable *fv_selu_of(fv_variable *a)
{
    return fv__apply_unary(&fv__op_selu, a, FV__ELU, scale * alpha, scale);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_selu = {
    FV__PLAIN_LAYER("selu", fv_selu_of),
    .about = "scale (x > 0 ? x : alpha (exp(x) - 1)), scale 1.0507..., alpha "
             "1.6733..."
};

fv_layer *fv_selu_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_selu, options);
}
