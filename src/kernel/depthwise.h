/* The operands of depthwise convolution. */
#ifndef FV_KERNEL_DEPTHWISE_H
#define FV_KERNEL_DEPTHWISE_H

#include "kernel/microkernel.h"

/* One axis of a depthwise convolution. Tap t of output u meets input
 * i = u stride + t step, which is zero unless low <= i < high. Distances, in
 * elements: inputs lie `from` apart, outputs `to`, weights `weight`. */
typedef struct fv__window {
    int64_t outputs, taps, stride, step;
    int64_t low, high;
    ptrdiff_t from, to, weight;
} fv__window;

/* Outputs of a row for which large depthwise kernels leave out the same columns
 * of taps, those at which none of them meets the image. */
enum { FV__DEPTHWISE_COLUMNS = 8 };

/* A depthwise convolution of one image: every output is a chain of fma over
 * rows and columns of taps, which are one step apart. In a strip, which large
 * kernels are done in, columns of inputs and taps of a row are one cache line
 * apart, of which channels fill no more than one, and beside the image lie
 * zeros, for whole groups of FV__DEPTHWISE_COLUMNS outputs; columns have stride
 * 1, and chains are not cut. */
typedef struct fv__depthwise {
    fv__window axis[2]; /* rows, columns */
    size_t channels;
    const void *x; /* input 0 of both axes, there or not */
    const void *weight;
    void *y;
    fv__epilogue epilogue; /* its residual lies as y does */
    bool add;      /* the residual is y, which blocks of chains are added to
                      one after the other */
    bool uncached; /* inputs are not in a cache */
    bool padded;
} fv__depthwise;

/* Its weight gradient over some rows of one image: chains over the outputs in
 * order, from zero or from what is there. The bias gradient goes on. */
typedef struct fv__depthwise_grad {
    fv__window axis[2];
    size_t channels;
    const void *x, *dy;
    void *dweight, *dbias; /* dbias NULL: not wanted */
    bool fresh;            /* from zero */
    bool uncached;         /* inputs are not in a cache */
} fv__depthwise_grad;

#endif
