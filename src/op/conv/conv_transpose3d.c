/* Transposed convolution along three axes: volumes [n, d, h, w, c]. */
#include "op/conv/conv_transpose.h"

static const fv__field fields[] = {
    FV__CONV_TRANSPOSE_FIELDS(3),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__conv_transpose_declare(layer, 3, &inputs[0]);
}

const fv__layer_type fv__layer_conv_transpose3d = {
    .kind = "conv_transpose3d",
    .about = "transposed convolution; weight [c, kd, kh, kw, filters/groups]",
    FV__CONV_TRANSPOSE_LAYER,
};
