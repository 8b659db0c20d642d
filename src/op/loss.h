/* What losses share: two operands, a result of rank 0, and work in chunks. */
#ifndef FV_OP_LOSS_H
#define FV_OP_LOSS_H

#include "op/chunk.h"

/* The operands of every loss. */
enum { FV__LOGITS, FV__TARGET };

/* Chunks of a loss that is a sum over the elements of `x`; the buffer of a
 * worker has one number for each element of a chunk. `cost` is elementary
 * operations per element. */
fv__chunks fv__loss_elements(const fv_context *context, const fv_tensor *x,
                             double cost);
/* The shape rule of such a loss: input and target have one shape, of at least
 * `least_rank` axes, 0 or 1. */
fv_status fv__loss_infer_elements(fv_inference *inference, int32_t least_rank,
                                  double cost);
/* Sets the result of rank 0 and the scratch; refuses a batch without elements.
 */
fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *chunks);
/* Writes the sum of `terms` over all chunks, divided by `count`. */
void fv__loss_forward(const fv_call *call, const fv__chunks *chunks,
                      int64_t count, fv__chunk_work *terms);
/* The upstream gradient, divided by `count`. */
double fv__loss_scale(const fv_call *call, int64_t count);

#endif
