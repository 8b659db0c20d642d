/* Subconvolutions: what the forward pass and each phase of an input gradient
 * compute. */
#ifndef FV_CONV_SUBCONVOLUTION_H
#define FV_CONV_SUBCONVOLUTION_H

#include "conv/conv.h"
#include "kernel/chain.h"

/* For every group, image and output pixel (p, q)
 *     out[p][q][k] = sum over taps r, s and channels c of
 *         in[p stride + first + r step][the same of q, s][c] w[r][s][c][k],
 * in that order, what lies outside the image being zero. The forward pass is
 * one sweep; the input gradient is one for each phase of the stride, over the
 * taps that step onto the pixels of that phase. Distances are in elements; in
 * the image, rows are in[1] in_pixel long. */
typedef struct fv__subconv {
    int64_t batch, groups;
    int64_t channels, filters; /* of a group: summed over, made */
    int64_t in[2], out[2], taps[2], stride[2], first[2], step[2];
    int64_t tap[2]; /* of a piece: its first, of those of the whole */
    int64_t ragged; /* pixels that the very last row lacks, in and out */
    int64_t in_pixel;
    int64_t out_at, out_pixel, out_row, out_image;
    int64_t weight_at, weight_group, weight_tap[2];
    int64_t weight_channel, weight_filter;
} fv__subconv;

/* The sum of an output. */
static inline fv__chain fv__subconv_chain(const fv__subconv *s)
{
    return (fv__chain){ s->taps[0], s->taps[1], s->channels };
}

/* An input gradient of more sweeps than these is not done in sweeps: they could
 * be as many as the input has pixels, and each is planned, packed and run on
 * its own. */
enum { FV__MOST_SUBCONVS = 1 << 12 };

int64_t fv__subconv_count(const fv__geometry *geometry,
                          fv__direction direction);
fv__subconv fv__subconv_of(const fv__geometry *geometry,
                           fv__direction direction, int64_t number);

/* Outputs [first, first + count) of an axis, and the taps [tap, tap + taps)
 * that any of them meets inside the image. */
typedef struct fv__band {
    int64_t first, count, tap, taps;
} fv__band;

enum { FV__MOST_BANDS = 7 };

/* All outputs of an axis, in order. */
typedef struct fv__bands {
    int64_t count;
    fv__band band[FV__MOST_BANDS];
} fv__bands;

/* The pieces of a sweep: each band of rows with each band of columns. */
typedef struct fv__subconv_blocks {
    fv__bands axis[2];
} fv__subconv_blocks;

/* One band with all taps; or outputs that meet the same taps, as many bands as
 * there are such, or blocks of outputs where these would be too many. They are
 * functions of the sweep alone. */
fv__bands fv__subconv_one_band(const fv__subconv *subconv, int axis);
fv__bands fv__subconv_bands(const fv__subconv *subconv, int axis);
/* Outputs [*low, *high) of an axis for which a tap reads the image, not its
 * padding. */
void fv__subconv_inside(const fv__subconv *subconv, int axis, int64_t tap,
                        int64_t *low, int64_t *high);
/* Of all pairs of outputs and taps of an axis, the share that meets padding,
 * estimated from the first and the last tap: if it is below a half, hardly more
 * than that, since it is nearly convex as a function of the tap. */
double fv__subconv_padded_share(const fv__subconv *subconv, int axis);
/* Taps of bands, counted for each output, as a share of all taps. */
double fv__bands_share(const fv__subconv *subconv, int axis,
                       const fv__bands *bands);
/* A piece is a sweep of its own, whose weights are some of the whole's. */
fv__subconv fv__subconv_block(const fv__subconv *subconv,
                              const fv__subconv_blocks *cut, int64_t number);
static inline int64_t fv__subconv_block_count(const fv__subconv_blocks *cut)
{
    return cut->axis[0].count * cut->axis[1].count;
}

/* Whether each output meets the input at its own place, and no other. */
bool fv__subconv_is_pointwise(const fv__subconv *subconv);

/* Packs panel `panel` of a group's weights, [span][nr], missing filters zero,
 * to its place behind the panels before it at `out`. */
void fv__subconv_pack(const fv__kernels *kernels, const fv__subconv *subconv,
                      int64_t group, int64_t panel, const void *weight,
                      void *out);

#endif
