/* Padding of any axes of a tensor, for the operator pad and for convolutions.
 */
#ifndef FV_OP_SHAPE_PADDING_H
#define FV_OP_SHAPE_PADDING_H

#include "op/op.h"

/* Outputs [to, to + count) of an axis are inputs [from, from + count), or the
 * number where from is -1. */
typedef struct fv__padding_run {
    int64_t to, from, count;
} fv__padding_run;

/* A padding of tensors of one shape. Axes before `first` and after `last` are
 * not padded; `inner` elements lie behind the last. */
typedef struct fv__padding {
    int32_t first, last;
    int64_t outer, inner;
    const int64_t *map[FV_MAX_RANK]; /* the input of each output; -1: none */
    const fv__padding_run *runs;     /* of the last axis */
    int64_t num_runs;
    /* of the first axis: the outputs of input i are order[start[i]] to
     * order[start[i + 1] - 1], in ascending order */
    const int64_t *order, *start;
} fv__padding;

/* The input at position q of an axis of `extent` inputs, which may lie outside;
 * -1: the number. */
int64_t fv__padding_source(fv_padding_mode mode, int64_t q, int64_t extent);
/* Resolves the padding of `x`, of which only the shape counts, and writes the
 * shape of the result; refuses what the mode does not allow. */
fv_status fv__padding_resolve(const fv_inference *inference, const fv_tensor *x,
                              const int64_t begin[], const int64_t end[],
                              fv_padding_mode mode, fv__padding *padding,
                              int64_t out[FV_MAX_RANK]);
/* y = x padded; `value` is the number of FV_PAD_CONSTANT, and 0 else. */
void fv__padding_fill(fv_context *context, const fv__padding *padding,
                      const fv_tensor *x, const fv_tensor *y, double value);
/* dx (+)= the sums of the gradients dy of the copies. */
void fv__padding_gather(fv_context *context, const fv__padding *padding,
                        const fv_tensor *dy, const fv_tensor *dx,
                        fv__accumulation accumulation);

#endif
