/* The operands of the depthwise convolution kernels. */
#ifndef FV_KERNEL_DEPTHWISE_H
#define FV_KERNEL_DEPTHWISE_H

#include "kernel/microkernel.h"

/* One axis of a depthwise convolution. Tap t of output u reads input
 * i = u stride + t step; inputs outside low <= i < high are zero and are not in
 * memory. x_stride, y_stride and weight_stride are the distances, in elements,
 * between neighbouring inputs, outputs and taps. */
typedef struct fv__window {
    int64_t outputs, taps, stride, step;
    int64_t low, high;
    ptrdiff_t x_stride, y_stride, weight_stride;
} fv__window;

/* Over a padded copy, each group of this many neighbouring outputs of a row
 * leaves out the columns of taps that lie in the padding for all of them. A
 * multiple of the columns of a tile; where a weight is not finite it decides
 * which outputs become NaN. */
enum { FV__DEPTHWISE_COLUMNS = 8 };

/* A depthwise convolution of one image. Each output is a chain of fma over the
 * rows of taps and the taps of a row; the step of both axes is 1.
 *
 * With `padded`, x is a padded copy, for large kernels: columns of inputs, and
 * taps of a row, are one cache line apart; there are no more channels than fill
 * a cache line; columns have stride 1; beside the image the copy holds zeros
 * for whole groups of FV__DEPTHWISE_COLUMNS outputs; and chains are not cut. */
typedef struct fv__depthwise {
    fv__window axis[2]; /* rows, columns */
    size_t channels;
    const void *x;      /* where input (0, 0) is, or would be */
    const void *weight; /* [tap row][tap][channel], whole vectors of channels */
    void *y;
    fv__epilogue epilogue; /* the residual has the strides of y */
    bool add;      /* The residual is y: blocks of a cut chain are added to it
                      one after the other. */
    bool uncached; /* inputs exceed the last-level cache */
    bool padded;
} fv__depthwise;

/* The weight gradient over some rows of one image: for each tap and channel a
 * chain of fma over the outputs in order; and the bias gradient, the sum of dy,
 * which is added to dbias. */
typedef struct fv__depthwise_grad {
    fv__window axis[2];
    size_t channels;
    const void *x, *dy;
    void *dweight; /* laid out as the weights, whole vectors of channels */
    void *dbias;   /* NULL: not wanted */
    bool fresh;    /* chains begin at zero, not at what is in dweight */
    bool uncached; /* x and dy exceed the last-level cache */
} fv__depthwise_grad;

#endif
