/* Convolution with what follows it, as one operator: for those who know that
 * nobody else reads what lies between. */
#ifndef FV_OP_CONV2D_H
#define FV_OP_CONV2D_H

#include "op/op.h"

/* The attributes. Batch normalisation is by running statistics and folded into
 * the weights; it and the residual are for evaluation, no gradient passes. */
typedef struct fv__conv2d {
    fv_convolution convolution;
    double epsilon;   /* of the normalisation */
    double low, high; /* of the clamp */
    bool bias, normalised, residual, clamp;
} fv__conv2d;

fv_status fv__conv2d_infer(fv_inference *inference);
void fv__conv2d_forward(const fv_call *call);
void fv__conv2d_backward(const fv_call *call);

/* y = clamp(normalise(conv(x, weight) + bias) + residual). `inputs` are x and
 * weight; then bias; gamma, beta, mean and variance; residual, of y's shape:
 * those that the attributes name. */
fv_variable *fv__conv2d_fused(const fv__conv2d *attributes, int32_t num_inputs,
                              fv_variable *const inputs[]);

#endif
