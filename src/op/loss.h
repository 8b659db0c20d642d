/* What losses share: two operands, a number, and work cut into pieces. */
#ifndef FV_OP_LOSS_H
#define FV_OP_LOSS_H

#include "op/chunk.h"

/* The operands of every loss. */
enum { FV__LOGITS, FV__TARGET };

/* The chunks of a loss whose units are elements of `x`, with a buffer of one
 * number for each element. */
fv__chunks fv__loss_elements(const fv_context *context, const fv_tensor *x,
                             double cost);
/* The shape rule of such a loss: input and target have one shape, of at least
 * `least_rank` axes, 0 or 1. */
fv_status fv__loss_infer_elements(fv_inference *inference, int32_t least_rank,
                                  double cost);
/* Answers the result of rank 0 and the scratch; refuses an empty batch. */
fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *pieces);
/* Writes the sum of the pieces, divided by `count`. */
void fv__loss_forward(const fv_call *call, const fv__chunks *pieces,
                      int64_t count, fv__chunk_work *piece);
/* The upstream gradient, divided by `count`. */
double fv__loss_scale(const fv_call *call, int64_t count);

#endif
