/* A weight gradient whose vectors run over filters: the sums over the batch
 * that depthwise and grouped convolution have in common. */
#ifndef FV_CONV_FILTER_GRAD_H
#define FV_CONV_FILTER_GRAD_H

#include "conv/shared.h"

/* The filters that one item computes. */
typedef struct fv__filter_grad_item {
    const void *argument;    /* as given to fv__filter_grad_run */
    int64_t filter, filters; /* the first filter; how many */
    void *scratch;           /* `scratch` bytes for this worker */
    void *bias; /* sum of dy over a chain, to be added to; NULL: not wanted */
} fv__filter_grad_item;

/* Adds to `sums`, or with `fresh` stores there, the sums over `rows` x
 * `columns` output pixels of one image, of which `first` is the first, in
 * order. */
typedef void fv__filter_grad_add(const fv__filter_grad_item *item,
                                 fv__pixel first, int64_t rows, int64_t columns,
                                 bool fresh, void *sums);

/* An item is one part of the batch, as in fv__partials, and one block of
 * filters. Its sums lie as [tap][channel of the group][filter]. */
typedef struct fv__filter_grad {
    const fv__geometry *geometry;
    fv__partials partials;
    int64_t filters, blocks; /* of a block, at most; blocks of filters */
    size_t row;              /* elements from one row of sums to the next */
    size_t sums;             /* elements of the sums of a block */
    size_t scratch, worker;  /* bytes for each worker: the caller's; all, or
                                SIZE_MAX if they cannot be counted */
    fv__filter_grad_add *add;
    const void *argument;
} fv__filter_grad;

/* For blocks of `filters` filters whose sums are `row` elements apart, with
 * `scratch` bytes of the caller's for each worker. */
fv__filter_grad fv__filter_grad_of(const fv__kernels *kernels,
                                   const fv__geometry *geometry,
                                   int64_t filters, size_t row, size_t scratch);
/* Bytes of scratch of a call; SIZE_MAX if they cannot be counted. */
size_t fv__filter_grad_scratch(fv__conv_target target,
                               const fv__filter_grad *grad);
void fv__filter_grad_run(fv__filter_grad *grad, const fv__conv_call *call,
                         fv__filter_grad_add *add, const void *argument);

#endif
