/* The operands of the kernels for grouped convolution of few channels. Vectors
 * run over neighbouring filters, of one group or several; `lane` is the index
 * in a vector. */
#ifndef FV_KERNEL_GROUPED_H
#define FV_KERNEL_GROUPED_H

#include "kernel/microkernel.h"

/* Replicates channels, so that each lane holds the channel that its filter
 * reads: out[pixel][c][lane] = x[pixel][channel + c of the group of filter
 * filter + lane], for c < channel_count. Lanes behind the last filter get the
 * value of some channel. */
typedef struct fv__replicate {
    size_t channels, filters; /* of a group */
    size_t channel, channel_count;
    size_t filter, filter_count; /* at most one vector */
    size_t pixels;
    const void *x;      /* channel 0 of group 0 of the first pixel */
    ptrdiff_t x_stride; /* elements from pixel to pixel */
    void *out;
} fv__replicate;

/* Replicated inputs exist for a multiple of this number of outputs of a row. */
enum { FV__GROUPED_COLUMNS = 4 };

/* A convolution of one vector of filters over replicated channels. Each output
 * is a chain of fma over rows of taps, taps of a row and channels. Tap (r, s)
 * of output (p, q) reads input (top + p stride + r step, q stride + s step).
 * Input row i is row i % rows in memory; rows outside low <= i < high are
 * padding and are left out. */
typedef struct fv__grouped {
    int64_t outputs[2], taps[2], stride[2], step[2]; /* rows, columns */
    int64_t top, rows, low, high;
    size_t channels, filters; /* of a group; of the vector, at most its lanes */
    const void *x;            /* [row][column][channel][lane] */
    const void *weight;       /* [tap row][tap][channel][lane] */
    void *y;
    ptrdiff_t x_row;       /* elements from row to row of x */
    ptrdiff_t y_stride[2]; /* elements between rows and between columns of y */
    fv__epilogue epilogue; /* the residual has the strides of y */
    bool add;              /* the residual is y, as in fv__depthwise */
} fv__grouped;

#endif
