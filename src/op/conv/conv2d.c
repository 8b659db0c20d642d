/* Convolution along two axes: images [n, h, w, c]. */
#include "op/conv/conv2d.h"

static fv_status infer(fv_inference *inference)
{
    return fv__conv_infer(inference, 2);
}

const fv_operator fv__op_conv2d = { FV__CONV_OPERATOR("conv2d") };

fv_variable *fv_conv2d(fv_variable *x, fv_variable *weight, fv_variable *bias,
                       const fv_convolution *geometry)
{
    return fv__conv_apply(&fv__op_conv2d, x, weight, bias, geometry);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__CONVOLUTION_FIELDS(fv_convolutional_options, 2),
    FV__PADDING_FIELDS(fv_convolutional_options, 2),
    FV__CONVOLUTION_MORE_FIELDS(fv_convolutional_options, 2),
    FV__CONVOLUTION_OWN_FIELDS,
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__convolution_declare(layer, 2, &inputs[0]);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    return fv__convolution_apply(layer, fv_conv2d, inputs[0]);
}

const fv__layer_type fv__layer_conv2d = {
    .kind = "conv2d",
    .about = "y = conv(x, weight) + bias; weight [filters, kh, kw, c/groups]",
    FV__CONVOLUTION_LAYER,
};
