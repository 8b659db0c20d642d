/* The operands of convolution of groups of few channels. */
#ifndef FV_KERNEL_GROUPED_H
#define FV_KERNEL_GROUPED_H

#include "kernel/microkernel.h"

/* Channels of groups are laid under the filters that meet them, a vector of
 * neighbouring filters at a time, of one group or more: to out[pixel][c][lane]
 * goes channel `channel` + c of the group of filter first + lane. Behind the
 * last filter lie numbers of some channel. */
typedef struct fv__replicate {
    size_t channels, filters; /* of a group */
    size_t channel, made;     /* the first channel; how many */
    size_t first, count;      /* the first filter; how many there are */
    size_t pixels;
    const void *x;  /* channel 0 of a pixel */
    ptrdiff_t from; /* from pixel to pixel, in elements */
    void *out;
} fv__replicate;

/* Outputs of a row are made so many at a time. */
enum { FV__GROUPED_COLUMNS = 4 };

/* A convolution of a vector of filters whose channels were spread: each output
 * is a chain of fma over rows, columns and channels. Output (p, q)
 * begins at input (top + p stride, q stride) and taps are a step apart. Row i
 * of the inputs is that of number i % rows in memory, and is left out unless
 * low <= i < high. */
typedef struct fv__grouped {
    int64_t outputs[2], taps[2], stride[2], step[2];
    int64_t top, rows, low, high;
    size_t channels, count; /* of a group; filters that there are */
    const void *x;          /* [row][column][channel][lane] */
    const void *weight;     /* [row][column][channel][lane] */
    void *y;
    ptrdiff_t from, to[2]; /* of x from row to row; of y, in elements */
    fv__epilogue epilogue; /* its residual lies as y does */
    bool add;              /* the residual is y, as of fv__depthwise */
} fv__grouped;

#endif
