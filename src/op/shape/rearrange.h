/* Operators that split axes, put them in another order and merge them again:
 * elements of any type move, and none is computed. */
#ifndef FV_OP_SHAPE_REARRANGE_H
#define FV_OP_SHAPE_REARRANGE_H

#include "op/operand.h"

/* The input seen with that shape, its axes then in that order. */
typedef struct fv__arrangement {
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
    int32_t axes[FV_MAX_RANK];
} fv__arrangement;

#define FV__REARRANGE_OPERATOR(operator_name)                                  \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = 1, .abilities = FV_OVERWRITES,                               \
    .forward = fv__rearrange_forward, .backward = fv__rearrange_backward

/* For shape rules: the output has the input's type and that shape. */
fv_status fv__rearrange_infer(fv_inference *inference,
                              const fv__arrangement *arrangement, int32_t rank,
                              const int64_t *shape);
void fv__rearrange_forward(const fv_call *call);
void fv__rearrange_backward(const fv_call *call);

/* Operators between [n, h, w, c r r] and [n, h r, w r, c]. */
typedef struct fv__depth_to_space {
    int64_t factor;
    fv_depth_order order;
} fv__depth_to_space;

/* The input is an image, and factor and order are such. */
bool fv__depth_to_space_check(const fv_inference *inference);
extern const char *const fv__depth_order_words[];

#endif
