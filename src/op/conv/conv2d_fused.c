/* Convolution with its normalisation, residual and clamp in one pass. */
#include "op/conv/conv2d.h"

/* x, weight, bias, four of the normalisation, residual */
enum { MOST_INPUTS = 8 };

static fv_status infer(fv_inference *inference)
{
    return fv__conv_infer(inference, inference->inputs[0]->rank - 2);
}

const fv_operator fv__op_conv2d_fused = {
    .size = sizeof(fv_operator),
    .name = "conv2d_fused",
    .min_inputs = 2,
    .max_inputs = MOST_INPUTS,
    .attributes_size = sizeof(fv__conv2d),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1) | FV_READS_OUTPUT,
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = fv__conv_forward,
    .backward = fv__conv_backward,
};

fv_variable *fv__conv2d_fused(const fv__conv2d *attributes, int32_t num_inputs,
                              fv_variable *const inputs[])
{
    return fv_apply(&fv__op_conv2d_fused, attributes, num_inputs, inputs);
}
