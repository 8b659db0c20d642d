/* Transposed convolution along two axes: images [n, h, w, c]. */
#include "op/conv/conv_transpose.h"

static const fv__field fields[] = {
    FV__CONV_TRANSPOSE_FIELDS(2),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__conv_transpose_declare(layer, 2, &inputs[0]);
}

const fv__layer_type fv__layer_conv_transpose2d = {
    .kind = "conv_transpose2d",
    .about = "transposed convolution; weight [c, kh, kw, filters/groups]",
    FV__CONV_TRANSPOSE_LAYER,
};
