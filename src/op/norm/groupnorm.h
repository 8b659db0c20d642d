/* Normalisation of groups of channels, each group of each image on its own:
 * groupnorm, and instancenorm with one channel a group. */
#ifndef FV_OP_NORM_GROUPNORM_H
#define FV_OP_NORM_GROUPNORM_H

#include "op/norm/affine.h"

typedef struct fv__groupnorm {
    int64_t groups;
    double epsilon;
    bool single; /* instead of `groups`: one channel in each */
} fv__groupnorm;

/* Inputs: x, and maybe gamma, or gamma and beta, one number for each channel.
 */
#define FV__GROUPNORM_OPERATOR(operator_name)                                  \
    FV__AFFINE_OPERATOR(operator_name, 3),                                     \
        .attributes_size = sizeof(fv__groupnorm),                              \
        .infer = fv__groupnorm_infer, .forward = fv__groupnorm_forward,        \
        .backward = fv__groupnorm_backward

/* Pixels of a block, whose sums are computed together. */
int64_t fv__groupnorm_rows(int64_t channels);
fv_status fv__groupnorm_infer(fv_inference *inference);
void fv__groupnorm_forward(const fv_call *call);
void fv__groupnorm_backward(const fv_call *call);

#endif
