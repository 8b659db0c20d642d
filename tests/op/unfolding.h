/* Random windows of images of one to three axes, and where the elements of
 * their columns come from. */
#ifndef FV_TESTS_OP_UNFOLDING_H
#define FV_TESTS_OP_UNFOLDING_H

#include "operands.h"

typedef struct columns {
    int32_t axes;
    fv_unfolding w;
    int64_t x[FV_MAX_RANK]; /* the shape of the image */
} columns;

static inline columns random_columns(uint64_t seed)
{
    columns k = { .axes = (int32_t)(1 + seed % 3) };
    k.x[0] = pick(seed, 0, 1, 2);
    k.x[k.axes + 1] = pick(seed, 1, 1, 5);
    for (int i = 0; i < k.axes; i++) {
        k.w.stride[i] = pick(seed, 10 + i, 1, 3);
        k.w.dilation[i] = pick(seed, 20 + i, 1, 2);
        k.w.kernel[i] = pick(seed, 30 + i, 1, 3);
        k.x[1 + i] =
            k.w.dilation[i] * (k.w.kernel[i] - 1) + pick(seed, 40 + i, 1, 4);
        k.w.padding_begin[i] = pick(seed, 50 + i, 0, 2);
        k.w.padding_end[i] = pick(seed, 60 + i, 0, 2);
    }
    return k;
}

/* Windows along an axis. */
static inline int64_t windows(const columns *k, int i)
{
    const fv_unfolding *w = &k->w;
    return (k->x[1 + i] + w->padding_begin[i] + w->padding_end[i]
            - w->dilation[i] * (w->kernel[i] - 1) - 1)
               / w->stride[i]
           + 1;
}

/* For each element of the columns of an image, the element of the image that
 * lies there; -1: padding. */
static inline int64_t source(const columns *k, int64_t column)
{
    int64_t taps = 1, all = 1, at[3];
    for (int i = 0; i < k->axes; i++) {
        taps *= k->w.kernel[i];
        all *= windows(k, i);
    }
    const int64_t c = k->x[k->axes + 1];
    int64_t tap = column % taps, channel = column / taps % c;
    int64_t window = column / taps / c % all;
    int64_t flat = column / taps / c / all;
    for (int i = k->axes - 1; i >= 0; i--) {
        at[i] = window % windows(k, i) * k->w.stride[i]
                + tap % k->w.kernel[i] * k->w.dilation[i]
                - k->w.padding_begin[i];
        window /= windows(k, i);
        tap /= k->w.kernel[i];
        if (at[i] < 0 || at[i] >= k->x[1 + i]) return -1;
    }
    for (int i = 0; i < k->axes; i++) flat = flat * k->x[1 + i] + at[i];
    return flat * c + channel;
}

static inline void shape_of_columns(const columns *k, int64_t shape[3])
{
    shape[0] = k->x[0];
    shape[1] = 1;
    shape[2] = k->x[k->axes + 1];
    for (int i = 0; i < k->axes; i++) {
        shape[1] *= windows(k, i);
        shape[2] *= k->w.kernel[i];
    }
}

#endif
