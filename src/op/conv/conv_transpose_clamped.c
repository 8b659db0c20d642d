/* Transposed convolution with its clamp in one pass. */
#include "op/conv/conv_transpose.h"

const fv_operator fv__op_conv_transpose_clamped = {
    FV__CONV_TRANSPOSE_OPERATOR("conv_transpose_clamped"),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1) | FV_READS_OUTPUT,
};

fv_variable *fv__conv_transpose_clamped(const fv__conv_transpose *attributes,
                                        fv_variable *x, fv_variable *weight,
                                        fv_variable *bias)
{
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_conv_transpose_clamped, attributes, bias ? 3 : 2,
                    inputs);
}
