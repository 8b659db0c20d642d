/* What the convolution algorithms share: how sums are divided, partial weight
 * gradients, costs and copies. */
#ifndef FV_CONV_SHARED_H
#define FV_CONV_SHARED_H

#include "conv/cost.h"
#include "conv/subconvolution.h"
#include "kernel/gemm.h"

#include <string.h>

/* The sums of plain algorithms, those that round as the definition does:
 *
 * An output is a chain of fma over taps (depth, row, column) and channels,
 * divided into blocks as chain.h says, without the terms in the padding; the
 * bias is added last. An input gradient is a chain over the taps that
 * contribute to the input pixel, from the last to the first (row, column), and
 * filters, without the terms of outputs beyond the image; its blocks are added
 * to what was there one after the other.
 *
 * A weight gradient is a sum over the output pixels of the batch for which its
 * tap is inside the image: chains of `block` pixels, divided if they are long,
 * are added up in each of `parts` ranges of blocks, and then the parts, whose
 * sum is added to what was there. A single part is added to what was there
 * block by block. The same holds for a bias gradient, whose blocks are plain
 * sums.
 *
 * An algorithm may multiply the padding as zeros: with finite numbers this
 * changes nothing but the sign of a zero where products underflow. Winograd's
 * method and col2im have other sums. */

/* A convolution as a matrix product, for one group, and the division of the
 * sums of the weight gradient. Functions of the geometry alone. */
typedef struct fv__conv_sizes {
    int64_t pixels;         /* output pixels of the batch */
    int64_t taps, channels; /* of a filter; channels of a group */
    int64_t filters;        /* of a group */
    int64_t span;           /* weights of a filter, taps * channels */
    int64_t lines;          /* output rows of a block, of one image or more */
    int64_t block, blocks;  /* pixels of a block, but for the last; blocks */
    int64_t parts;          /* ranges of blocks */
} fv__conv_sizes;

fv__conv_sizes fv__conv_sizes_of(const fv__geometry *geometry);

/* Number of parts of `blocks` blocks: `parts`, or more, so that none has more
 * than FV__MOST_BLOCKS. */
static inline int64_t fv__partials_count(int64_t parts, int64_t blocks)
{
    return fv__max(parts, fv__divide_up(blocks, FV__MOST_BLOCKS));
}

/* Number of output columns from `at` on whose pixels are one chain of a block:
 * a row, unless that is so long that its chain is cut. */
static inline int64_t fv__chain_columns(const fv__geometry *geometry,
                                        int64_t at)
{
    return fv__chain_block((fv__chain){ 1, 1, geometry->out[1] }, at);
}

/* First block of a part; `parts` is a valid number too. */
static inline int64_t fv__partial_first_block(const fv__conv_sizes *sizes,
                                              int64_t part)
{
    return (int64_t)fv__even_at((size_t)sizes->blocks, (size_t)sizes->parts,
                                (size_t)part);
}

/* The sums of the parts of a weight gradient: at the beginning of the scratch
 * memory or, if there is a single part, in the gradient itself. */
typedef struct fv__partials {
    const fv__kernels *kernels;
    fv__conv_sizes sizes;
    size_t weights, filters; /* elements of the gradients of all groups */
    size_t stride, bytes;    /* bytes from part to part; of scratch, 0: none */
    const fv__conv_call *call;
    char *sums;
} fv__partials;

fv__partials fv__partials_of(const fv__kernels *kernels,
                             const fv__geometry *geometry);
/* For the bias gradient alone: `blocks` blocks of equally many pixels in
 * `parts` parts. */
fv__partials fv__partials_of_bias(const fv__kernels *kernels,
                                  const fv__geometry *geometry, int64_t blocks,
                                  int64_t parts);
void fv__partials_begin(fv__partials *parts, const fv__conv_call *call);
/* The sums of a part, laid out as the weights, and how a block is added. */
void *fv__partial_weights(const fv__partials *parts, int64_t part);
fv__accumulation fv__partial_accumulation(const fv__partials *parts,
                                          int64_t part, int64_t block);
/* Adds a block of dy to the bias gradient of its part, unless the caller wants
 * none. */
void fv__partial_add_bias(const fv__partials *parts, int64_t part,
                          int64_t block);
/* The bias sums of n filters of a part, cleared unless they are added to what
 * was there; NULL if the caller wants none. */
void *fv__partial_bias(const fv__partials *parts, int64_t part, size_t first,
                       size_t n);
/* Adds up the parts, once all are complete. */
void fv__partials_reduce(fv__partials *parts);

/* Elements from row to row of a matrix of n columns: an odd number of cache
 * lines, so that rows map to all sets of a cache. */
static inline size_t fv__odd_row(size_t n, size_t element)
{
    const size_t line = 64 / element;

    return ((n + line - 1) / line | 1) * line;
}

/* A product of m x n outputs by the microkernel, panel after panel; `tile` has
 * the operands of the first tile. */
void fv__conv_tiles(const fv__kernels *kernels, size_t m, size_t n,
                    fv__tile tile);

/* Rows of a matrix of `width` columns with about `elements` elements: a number
 * that makes tiles of equal height in every table. */
int64_t fv__matrix_rows(int64_t elements, int64_t width);

/* The microkernel that costs assume, that of AVX-512 in f32, on every machine:
 * rows of a tile, and lanes of each of its two vectors. */
enum { FV__COST_ROWS = 14, FV__COST_LANES = 16 };

/* Predicted times, in FMAs of a vector of FV__COST_LANES elements.
 * Of `count` matrix products, rows x columns, whose chains are `segments` of k
 * terms: their rows divided into tiles jointly, or for each product. */
double fv__gemm_cost_joint(double count, int64_t rows, int64_t columns,
                           double segments, double k);
double fv__gemm_cost_separate(double count, int64_t rows, int64_t columns,
                              double segments, double k);
/* Of a direction of the whole batch. */
double fv__direct_cost(const fv__geometry *geometry, fv__direction direction);

/* Whether the images that a direction reads exceed what the last-level cache
 * keeps from one call to the next. */
bool fv__conv_reads_uncached(const fv_context *context,
                             const fv__geometry *geometry,
                             fv__direction direction);

/* Whether outputs should be stored past the caches, see fv__is_nontemporal; if
 * they are added to they are not. */
bool fv__conv_is_nontemporal(const fv__conv_call *call,
                             fv__direction direction);

/* The epilogue of the forward pass or the input gradient. */
static inline fv__epilogue fv__conv_epilogue(const fv__conv_call *call,
                                             fv__direction direction)
{
    const fv__epilogue none = { 0 };

    return direction == FV__FORWARD || call->overwrite ? call->epilogue : none;
}

/* Applies it to `count` pixels of y or dx, from `pixel` on. */
void fv__conv_apply_epilogue(const fv__conv_call *call, fv__direction direction,
                             int64_t pixel, int64_t count);
/* Applies it to the whole of dx. */
void fv__conv_finish_input_grad(const fv__conv_call *call);

/* Copies the first and the last `end` bytes, which may overlap. */
static inline void fv__copy_ends(char *out, const char *in, size_t bytes,
                                 size_t end)
{
    memcpy(out, in, end);
    memcpy(out + bytes - end, in + bytes - end, end);
}

/* memcpy of at least 4 bytes, inline up to 64: most copies are short, and a
 * call would take longer than they do. */
static inline void fv__copy_run(char *out, const char *in, size_t bytes)
{
    if (bytes < 8)
        memcpy(out, in, 4);
    else if (bytes <= 16)
        fv__copy_ends(out, in, bytes, 8);
    else if (bytes <= 32)
        fv__copy_ends(out, in, bytes, 16);
    else if (bytes <= 64)
        fv__copy_ends(out, in, bytes, 32);
    else
        memcpy(out, in, bytes);
}

/* Greatest common divisor of a, b >= 1. */
static inline int64_t fv__common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return fv__max(a, 1);
}

typedef struct fv__pixel {
    int64_t image, row, column;
} fv__pixel;

/* Output pixel number i of the batch; `image` counts the planes of all images
 * where these have several. */
static inline fv__pixel fv__pixel_at(const int64_t out[2], int64_t i)
{
    int64_t line = i / out[1];

    return (fv__pixel){ line / out[0], line % out[0], i % out[1] };
}

#endif
