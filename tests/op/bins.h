/* Windows that divide an image evenly, worked out element by element. */
#ifndef FV_TESTS_OP_BINS_H
#define FV_TESTS_OP_BINS_H

#include "operands.h"

/* Whether element `in` of x [n, ..., c] is in the window of element `out` of y,
 * which has as many axes: along each but the first and the last, of
 * floor(t i / T) to ceil((t + 1) i / T). */
static inline bool bins_have(const fv_tensor *x, const fv_tensor *y, int64_t in,
                             int64_t out)
{
    bool inside = true;
    for (int32_t k = x->rank - 1; k >= 0; k--) {
        const int64_t i = x->shape[k], of = y->shape[k];
        const int64_t at = in % i, t = out % of;
        in /= i;
        out /= of;
        inside &= at >= t * i / of && at * of < (t + 1) * i;
    }
    return inside;
}

/* Sizes 1 to 6 along 1 to 3 axes of 1 to 7 elements. */
static inline subject random_bins(int64_t size[3], uint64_t seed)
{
    subject s = { .user = size, .seed = seed, .count = 1 };
    const int32_t axes = (int32_t)(seed % 3) + 1;
    operand *x = &s.operands[0];
    *x = (operand){ .rank = axes + 2, .low = -1, .high = 1 };
    x->shape[0] = pick(seed, 0, 1, 2);
    x->shape[axes + 1] = pick(seed, 1, 1, axes == 1 ? 19 : 3);
    for (int32_t i = 0; i < axes; i++) {
        x->shape[1 + i] = pick(seed, 10 + i, 1, 9 - 2 * axes);
        size[i] = pick(seed, 20 + i, 1, 8 - 2 * axes);
    }
    return s;
}

#endif
