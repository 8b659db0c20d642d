/* Convolution along one axis: sequences [n, l, c]. */
#include "op/conv/conv2d.h"

static fv_status infer(fv_inference *inference)
{
    return fv__conv_infer(inference, 1);
}

const fv_operator fv__op_conv1d = { FV__CONV_OPERATOR("conv1d") };

fv_variable *fv_conv1d(fv_variable *x, fv_variable *weight, fv_variable *bias,
                       const fv_convolution *geometry)
{
    return fv__conv_apply(&fv__op_conv1d, x, weight, bias, geometry);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__CONVOLUTION_FIELDS(fv_convolutional_options, 1),
    FV__PADDING_FIELDS_OF(fv_convolutional_options, 1, fv__auto_pad_words_1d),
    FV__CONVOLUTION_MORE_FIELDS(fv_convolutional_options, 1),
    FV__CONVOLUTION_OWN_FIELDS,
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__convolution_declare(layer, 1, &inputs[0]);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    return fv__convolution_apply(layer, fv_conv1d, inputs[0]);
}

const fv__layer_type fv__layer_conv1d = {
    .kind = "conv1d",
    .about = "y = conv(x, weight) + bias; weight [filters, k, c/groups]",
    FV__CONVOLUTION_LAYER,
};
