/* Windows of pools along one to three axes, worked out element by element, and
 * random ones. */
#ifndef FV_TESTS_OP_WINDOWS_H
#define FV_TESTS_OP_WINDOWS_H

#include "operands.h"

/* What a tap that is no element is. */
enum { PADDING = -1, BEHIND = -2 };

/* The windows on x [n, in..., c]; numbers of the pooling are complete. */
typedef struct windows {
    int32_t axes;
    int64_t in[3], out[3], channels;
    fv_pooling pooling;
} windows;

static inline int64_t windows_along(const fv_pooling *p, int32_t k, int64_t in)
{
    const int64_t begin = p->padding_begin[k], end = in + p->padding_end[k];
    const int64_t span = p->dilation[k] * (p->kernel[k] - 1) + 1;
    int64_t count = 0, at = -begin;
    for (; at + span <= end; at += p->stride[k]) count++;
    const int64_t last = at - p->stride[k] + span; /* end of the last window */
    return count + (p->ceil_mode && last < end && at < in);
}

static inline windows windows_of(const fv_pooling *given, const fv_tensor *x)
{
    windows w = { .axes = x->rank - 2,
                  .channels = x->shape[x->rank - 1],
                  .pooling = *given };
    fv_pooling *p = &w.pooling;
    for (int32_t k = 0; k < w.axes; k++) {
        w.in[k] = x->shape[1 + k];
        if (!p->kernel[k]) p->kernel[k] = p->kernel[0];
        if (!p->stride[k])
            p->stride[k] = k && p->stride[0] && given->stride[0] ? p->stride[0]
                                                                 : p->kernel[k];
        if (!p->dilation[k]) p->dilation[k] = k ? p->dilation[0] : 1;
        w.out[k] = windows_along(p, k, w.in[k]);
    }
    return w;
}

static inline int64_t taps_of(const windows *w)
{
    return fv__product(w->axes, w->pooling.kernel);
}

/* The element of x that a tap of output `i` is, PADDING or BEHIND it. With
 * `plane`, without image and channel: its position. */
static inline int64_t tap_of(const windows *w, int64_t i, int64_t tap,
                             bool plane)
{
    const fv_pooling *p = &w->pooling;
    const int64_t channel = i % w->channels;
    int64_t rest = i / w->channels, at[3];
    bool padding = false, behind = false;
    for (int32_t k = w->axes - 1; k >= 0; k--) {
        at[k] = rest % w->out[k] * p->stride[k] - p->padding_begin[k]
                + tap % p->kernel[k] * p->dilation[k];
        rest /= w->out[k];
        tap /= p->kernel[k];
        padding |= at[k] < 0 || at[k] >= w->in[k];
        behind |= at[k] >= w->in[k] + p->padding_end[k];
    }
    if (padding) return behind ? BEHIND : PADDING;
    int64_t element = plane ? 0 : rest;
    for (int32_t k = 0; k < w->axes; k++) element = element * w->in[k] + at[k];
    return plane ? element : element * w->channels + channel;
}

/* Random windows and an operand for them. With few axes they are more and
 * larger. */
static inline subject random_windows(fv_pooling *p, uint64_t seed)
{
    subject s = { .user = p, .seed = seed, .count = 1 };
    operand *x = &s.operands[0];
    const int32_t axes = (int32_t)(seed % 3) + 1;
    *p = (fv_pooling){ .ceil_mode = (int32_t)pick(seed, 2, 0, 1),
                       .exclude_padding = (int32_t)pick(seed, 3, 0, 1),
                       .divisor = pick(seed, 4, -4, 3) };
    if (p->divisor < 0) p->divisor = 0;
    *x = (operand){ .rank = axes + 2, .low = -1, .high = 1 };
    x->shape[0] = pick(seed, 0, 1, 2);
    x->shape[axes + 1] = pick(seed, 1, 1, axes == 1 ? 19 : 3);
    for (int32_t i = 0; i < axes; i++) {
        p->kernel[i] = pick(seed, 10 + i, 1, axes == 3 ? 3 : 4);
        p->stride[i] = pick(seed, 20 + i, 0, 4);
        p->dilation[i] = pick(seed, 60 + i, 0, 2);
        p->padding_begin[i] = pick(seed, 30 + i, 0, p->kernel[i] - 1);
        p->padding_end[i] = pick(seed, 40 + i, 0, p->kernel[i] - 1);
        const int64_t step = p->dilation[i] ? p->dilation[i]
                             : i            ? p->dilation[0]
                                            : 1;
        x->shape[1 + i] = fv__max(step, 1) * (p->kernel[i] - 1) + 1
                          + pick(seed, 50 + i, 0, 5 - axes);
    }
    return s;
}

#endif
