/* What the convolution algorithms share: where sums are cut, and which taps
 * lie inside the image. */
#ifndef FV_KERNEL_CONV_H
#define FV_KERNEL_CONV_H

#include "kernel/gemm.h"

/* Sizes of a convolution seen as a matrix product, for one group, and the cuts
 * of the sums of the weight gradient. They depend on the problem alone.
 *
 * Every output is one chain of fma over taps (row, column, channel), padding
 * being zeros, and the bias is added last. A weight's gradient is a sum over
 * the output pixels of the batch, in order: chains of `block` pixels, added up
 * in each of `parts` ranges of blocks; then the parts; then it is added to
 * what was there. Input gradients have no cut: each tap that reached the
 * output is a chain over the filters, added in ascending order of taps. */
typedef struct fv__conv_sizes {
    int64_t pixels;           /* of the output, whole batch */
    int64_t taps, channels;   /* of a filter; channels of a group */
    int64_t filters;          /* of a group */
    int64_t span;             /* taps * channels */
    int64_t slab_taps, slabs; /* taps of one piece of weight gradient */
    int64_t block, blocks;    /* pixels of a chain; chains */
    int64_t parts;            /* ranges of blocks */
} fv__conv_sizes;

fv__conv_sizes fv__conv_measure(const fv__geometry *geometry);

/* First block of a part. */
static inline int64_t fv__conv_part(const fv__conv_sizes *sizes, int64_t part)
{
    return sizes->blocks / sizes->parts * part
           + fv__min(sizes->blocks % sizes->parts, part);
}

/* Pixels that give a matrix of `width` columns about `elements` elements. */
int64_t fv__conv_rows(int64_t elements, int64_t width);

/* One output pixel. */
typedef struct fv__pixel {
    int64_t image, row, column;
} fv__pixel;

static inline fv__pixel fv__pixel_at(const fv__geometry *g, int64_t i)
{
    int64_t line = i / g->out[1];

    return (fv__pixel){ line / g->out[0], line % g->out[0], i % g->out[1] };
}

/* Rows of the column matrix: for each of `count` output pixels from `pixel`
 * on, the inputs that taps [tap, tap + taps) meet, from channel `channel` on;
 * zeros in the padding. */
typedef struct fv__columns {
    const fv__geometry *geometry;
    size_t element; /* bytes */
    int64_t channel, tap, taps, pixel, count;
} fv__columns;

void fv__columns_gather(const fv__columns *columns, const void *x, void *out);
/* The adjoint: adds to dx, last pixel first, so that an input element gets its
 * taps in ascending order. */
void fv__columns_scatter(const fv__columns *columns, const fv__kernels *kernels,
                         const void *in, void *dx);

#endif
