/* Subconvolutions: what the forward pass computes, and each phase of the input
 * gradient's stride. */
#ifndef FV_CONV_SUBCONVOLUTION_H
#define FV_CONV_SUBCONVOLUTION_H

#include "conv/conv.h"
#include "kernel/chain.h"

/* For every group, image and output pixel (p, q)
 *     out[p][q][k] = sum over taps r, s and channels c of
 *         in[p stride + first + r step][the same of q, s][c] w[r][s][c][k],
 * in that order, inputs outside the image being zero; depth is a further axis
 * before the rows. The forward pass is one subconvolution. The input gradient
 * is one for each phase of the stride, over the taps that contribute to the
 * input pixels of that phase. Where neither padding, stride nor taps of the
 * depth tell planes from images, planes are images, and all depths are 1.
 * Distances are in elements; those of weights may be negative. */
typedef struct fv__subconv {
    int64_t batch, groups;
    int64_t channels, filters; /* of a group: summed over, computed */
    int64_t in[FV__AXES], out[FV__AXES], taps[FV__AXES];
    int64_t stride[FV__AXES], first[FV__AXES]; /* in input pixels, see above */
    int64_t step[FV__AXES];
    int64_t tap[2];   /* of a block: row and column of its tap 0 in the whole
                         subconvolution */
    int64_t ragged;   /* pixels by which the last row of all is shorter, in the
                         input and the output */
    int64_t in_pixel; /* from pixel to pixel of the input, whose rows have
                         in[1] pixels and whose planes in[0] rows */
    int64_t out_at;   /* to the first output; from one to the next: */
    int64_t out_pixel, out_row, out_plane, out_image;
    int64_t weight_at; /* to tap 0 of filter 0; from one to the next: */
    int64_t weight_group, weight_tap[FV__AXES];
    int64_t weight_channel, weight_filter;
} fv__subconv;

/* All taps, and outputs of an image. */
static inline int64_t fv__subconv_taps(const fv__subconv *s)
{
    return s->taps[FV__DEPTH] * s->taps[0] * s->taps[1];
}
static inline int64_t fv__subconv_outputs(const fv__subconv *s)
{
    return s->out[FV__DEPTH] * s->out[0] * s->out[1];
}

/* The chain of an output: its rows are those of all depths. */
static inline fv__chain fv__subconv_chain(const fv__subconv *s)
{
    return (fv__chain){ s->taps[FV__DEPTH] * s->taps[0], s->taps[1],
                        s->channels };
}

/* Most subconvolutions of an input gradient that algorithms `by_phases` take:
 * there may be as many as the input has pixels, and each is planned, packed and
 * run on its own. */
enum { FV__MOST_SUBCONVS = 1 << 12 };

/* How many a direction has, and one of them. */
int64_t fv__subconv_count(const fv__geometry *geometry,
                          fv__direction direction);
fv__subconv fv__subconv_of(const fv__geometry *geometry,
                           fv__direction direction, int64_t number);

/* Outputs [first, first + count) of an axis, and the taps [tap, tap + taps)
 * that are inside the image for any of them. */
typedef struct fv__band {
    int64_t first, count, tap, taps;
} fv__band;

enum { FV__MOST_BANDS = 7 };

/* All outputs of an axis, in order. */
typedef struct fv__bands {
    int64_t count;
    fv__band band[FV__MOST_BANDS];
} fv__bands;

/* Blocks of outputs: each band of rows with each band of columns, all depths.
 */
typedef struct fv__subconv_blocks {
    fv__bands axis[2];
} fv__subconv_blocks;

/* One band of all outputs with all taps. */
fv__bands fv__subconv_one_band(const fv__subconv *subconv, int axis);
/* Bands of outputs that have the same taps inside the image; if these would be
 * more than FV__MOST_BANDS, bands of about the same length. */
fv__bands fv__subconv_bands(const fv__subconv *subconv, int axis);
/* Taps [*low, *high) of an axis that are inside the image for output `at`. */
void fv__subconv_taps_inside(const fv__subconv *subconv, int axis, int64_t at,
                             int64_t *low, int64_t *high);
/* Outputs [*low, *high) of an axis for which a tap is inside the image. */
void fv__subconv_inside(const fv__subconv *subconv, int axis, int64_t tap,
                        int64_t *low, int64_t *high);
/* The share of the pairs of an output and a tap of an axis that read padding,
 * estimated as the mean of the first and the last tap. The number is nearly
 * convex as a function of the tap, so an estimate below 1/2 is hardly ever less
 * than the share. */
double fv__subconv_padded_share(const fv__subconv *subconv, int axis);
/* The share of these pairs that is in bands. */
double fv__bands_share(const fv__subconv *subconv, int axis,
                       const fv__bands *bands);
/* A block as a subconvolution: some outputs and taps, the same memory. */
fv__subconv fv__subconv_block(const fv__subconv *subconv,
                              const fv__subconv_blocks *blocks, int64_t number);
static inline int64_t fv__subconv_block_count(const fv__subconv_blocks *blocks)
{
    return blocks->axis[0].count * blocks->axis[1].count;
}

/* Whether each output reads the input pixel of the same position alone. */
bool fv__subconv_is_pointwise(const fv__subconv *subconv);

/* Packs panel `panel` of a group's weights, [depth][row][column][channel][nr]
 * with zeros for missing filters, to out + panel times the bytes of a panel. */
void fv__subconv_pack(const fv__kernels *kernels, const fv__subconv *subconv,
                      int64_t group, int64_t panel, const void *weight,
                      void *out);

#endif
