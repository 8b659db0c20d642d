/* What the convolution algorithms share: where sums are cut, and which taps
 * lie inside the image. */
#ifndef FV_CONV_SHARED_H
#define FV_CONV_SHARED_H

#include "conv/subconvolution.h"
#include "kernel/gemm.h"

#include <string.h>

/* Every output is a chain of fma over taps (row, column, channel), cut into
 * blocks as chain.h says, whose terms in the padding are left out, and the bias
 * is added last. An input gradient is a chain over the taps that step onto the
 * input, from the last to the first (row, column), and filters, without the
 * terms of outputs beyond the image; its blocks are added to what was there one
 * after the other. A weight's gradient is a sum over the output pixels of the
 * batch, without those at which its tap lies in the padding, in order: chains
 * of `block` pixels, cut if they are long, added up in each of `parts` ranges
 * of blocks; then the parts; then what they make is added to what was there. A
 * single part is added to what was there block by block. So is a bias's
 * gradient, whose blocks are plain sums. So do the plain algorithms, which may
 * multiply padding as zeros: with finite numbers that changes nothing but,
 * where products underflow, the sign of a zero. winograd.h and conv_col2im.c
 * have other sums. */

/* Sizes of a convolution seen as a matrix product, for one group, and the cuts
 * of the sums of the weight gradient. They depend on the problem alone. */
typedef struct fv__conv_sizes {
    int64_t pixels;         /* of the output, whole batch */
    int64_t taps, channels; /* of a filter; channels of a group */
    int64_t filters;        /* of a group */
    int64_t span;           /* taps * channels */
    int64_t lines;          /* output rows of a chain, of one image or more */
    int64_t block, blocks;  /* pixels of a chain; chains */
    int64_t parts;          /* ranges of blocks */
} fv__conv_sizes;

fv__conv_sizes fv__conv_sizes_of(const fv__geometry *geometry);

/* Parts of so many blocks, `most` if each has a few: more, where a part would
 * be a sum of too many blocks. */
static inline int64_t fv__partials_count(int64_t most, int64_t blocks)
{
    return fv__max(most, fv__divide_up(blocks, FV__MOST_BLOCKS));
}

/* Columns, from column `at` on, whose pixels are one chain of a block: all of a
 * row, unless it is so long that it is cut. */
static inline int64_t fv__chain_columns(const fv__geometry *geometry,
                                        int64_t at)
{
    return fv__chain_block((fv__chain){ 1, 1, geometry->out[1] }, at);
}

/* First block of a part. */
static inline int64_t fv__partial_first_block(const fv__conv_sizes *sizes,
                                              int64_t part)
{
    return (int64_t)fv__even_at((size_t)sizes->blocks, (size_t)sizes->parts,
                                (size_t)part);
}

/* Where the parts of a weight gradient are summed: in scratch, at its
 * beginning, or, if there is but one, in the gradient itself. */
typedef struct fv__partials {
    const fv__kernels *kernels;
    fv__conv_sizes sizes;
    size_t weights, filters; /* elements */
    size_t stride, bytes;    /* from part to part; of scratch */
    const fv__conv_call *call;
    char *sums;
} fv__partials;

fv__partials fv__partials_of(const fv__kernels *kernels,
                             const fv__geometry *geometry);
/* Of the bias gradient alone, of which each of `blocks` equal blocks of pixels
 * is summed while these are met, in order, by `parts` items. */
fv__partials fv__partials_of_bias(const fv__kernels *kernels,
                                  const fv__geometry *geometry, int64_t blocks,
                                  int64_t parts);
void fv__partials_begin(fv__partials *parts, const fv__conv_call *call);
/* Sums of a part, laid out as the weights, and how a block meets them. */
void *fv__partial_weights(const fv__partials *parts, int64_t part);
fv__accumulation fv__partial_accumulation(const fv__partials *parts,
                                          int64_t part, int64_t block);
/* Adds a block to the bias gradient of its part, if it is wanted; or where n
 * filters of it are summed, cleared where they begin from zero, NULL if they
 * are not wanted. */
void fv__partial_add_bias(const fv__partials *parts, int64_t part,
                          int64_t block);
void *fv__partial_bias(const fv__partials *parts, int64_t part, size_t first,
                       size_t n);
/* After all parts. */
void fv__partials_reduce(fv__partials *parts);

/* Elements of a row of n and what follows it, an odd number of cache lines, so
 * that rows do not meet in few sets of a cache. */
static inline size_t fv__odd_row(size_t n, size_t element)
{
    const size_t line = 64 / element;

    return ((n + line - 1) / line | 1) * line;
}

/* m rows of n columns in tiles of about the same height, `tile` being the first
 * of them. */
void fv__conv_tiles(const fv__kernels *kernels, size_t m, size_t n,
                    fv__tile tile);

/* Pixels that give a matrix of `width` columns about `elements` elements. */
int64_t fv__matrix_rows(int64_t elements, int64_t width);

/* The microkernel that costs are counted in: rows, and lanes of each of two
 * vectors. */
enum { FV__COST_ROWS = 14, FV__COST_LANES = 16 };

/* Predicted times: of `count` products of matrices whose chains are `segments`
 * of k, as one run of tiles or each in tiles of its own; and of algorithms. */
double fv__gemm_cost_joint(double count, int64_t rows, int64_t columns,
                           double segments, double k);
double fv__gemm_cost_separate(double count, int64_t rows, int64_t columns,
                              double segments, double k);
double fv__direct_cost(const fv__geometry *geometry, fv__direction direction);
double fv__im2col_cost(const fv__geometry *geometry, fv__direction direction);
/* Pieces that the filters of a weight gradient are cut into: each gathers the
 * columns again. */
int64_t fv__im2col_splits(const fv__geometry *geometry);

/* Whether the images that a direction reads are more than a cache keeps from
 * one call to the next. */
bool fv__conv_reads_uncached(const fv_context *context,
                             const fv__geometry *geometry,
                             fv__direction direction);

/* Whether a direction makes much, with what it reads more than caches keep, and
 * does not add to it. Then it had better not take their place: a store that
 * goes past them does not fetch its line either. */
bool fv__conv_is_nontemporal(const fv__conv_call *call,
                             fv__direction direction);

/* Finishes the sums of `count` output pixels from `pixel` on, all filters. */
void fv__conv_apply_epilogue(const fv__conv_call *call, int64_t pixel,
                             int64_t count);

/* The ends of the range, which may overlap, are copied as a whole. */
static inline void fv__copy_ends(char *out, const char *in, size_t bytes,
                                 size_t end)
{
    memcpy(out, in, end);
    memcpy(out + bytes - end, in + bytes - end, end);
}

/* Elements of one pixel, or a few: short copies are commoner than long ones,
 * and a call costs more than they do. Elements have 4 bytes at least. */
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

/* Largest number that divides both, which are at least 1. */
static inline int64_t fv__common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return fv__max(a, 1);
}

/* One output pixel. */
typedef struct fv__pixel {
    int64_t image, row, column;
} fv__pixel;

static inline fv__pixel fv__pixel_at(const int64_t out[2], int64_t i)
{
    int64_t line = i / out[1];

    return (fv__pixel){ line / out[0], line % out[0], i % out[1] };
}

/* Rows of the column matrix: for each of `count` output pixels from `pixel`
 * on, the inputs that taps [tap, tap + taps) meet, in one group; zeros outside
 * the image. */
typedef struct fv__im2col_matrix {
    const fv__subconv *subconv;
    size_t element; /* bytes */
    int64_t group, tap, taps, pixel, count;
} fv__im2col_matrix;

void fv__im2col_gather(const fv__im2col_matrix *columns, const void *in,
                       void *out);

#endif
