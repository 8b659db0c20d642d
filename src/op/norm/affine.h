/* What normalisations share: epsilon, and the optional parameters gamma, by
 * which the result is scaled, and beta, which is added. As parameters of layers
 * they are "weight" and "bias". */
#ifndef FV_OP_NORM_AFFINE_H
#define FV_OP_NORM_AFFINE_H

#include "op/op.h"

/* The members of an operator that normalises its input 0, which may be scaled
 * by gamma and shifted by beta. */
#define FV__AFFINE_OPERATOR(operator_name, most_inputs)                        \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = (most_inputs),                                               \
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),                   \
    .abilities = FV_OVERWRITES | FV_IN_PLACE

/* Whether epsilon is 0 or above and finite; otherwise records so. */
bool fv__epsilon_fits(const fv_inference *inference, double epsilon);
/* Applies the operator to x, then gamma and beta where they are not NULL. beta
 * is refused without gamma. */
fv_variable *fv__apply_affine(const fv_operator *op, const void *attributes,
                              fv_variable *x, fv_variable *gamma,
                              fv_variable *beta);

/* Declares "weight", of ones, and with `bias` "bias", of zeros, of the shape of
 * the last `axes` axes of the input, if they are wanted. Refuses a number of
 * axes that the input does not have. */
fv_status fv__affine_declare(fv_layer *layer, const fv_shape *input,
                             int64_t axes, bool weight, bool bias);
/* These parameters; NULL where there are none. */
fv_variable *fv__affine_weight(const fv_layer *layer);
fv_variable *fv__affine_bias(const fv_layer *layer);

#endif
