/* Transposed convolution along one axis: sequences [n, l, c]. */
#include "op/conv/conv_transpose.h"

static const fv__field fields[] = {
    FV__CONV_TRANSPOSE_FIELDS(1),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__conv_transpose_declare(layer, 1, &inputs[0]);
}

const fv__layer_type fv__layer_conv_transpose1d = {
    .kind = "conv_transpose1d",
    .about = "transposed convolution; weight [c, k, filters/groups]",
    FV__CONV_TRANSPOSE_LAYER,
};
