/* Winograd's convolution (Lavin and Gray 2016) of 3x3 and 5x5 kernels, of 3x3,
 * 5x5 and 7x7 kernels of stride 2, and of 11x11 kernels of stride 4.
 *
 *     Y = A^T [(G g G^T) . (B^T d B)] A
 *
 * computes a tile Y of m x m outputs from a tile d of inputs and a filter g,
 * where "." multiplies elementwise. U = G g G^T, V = B^T d B and M = U . V have
 * one value at each of (m + r - 1)^2 points, where a direct convolution does
 * m^2 r^2 multiplications. M is summed over channels before the output
 * transform, so that each point of all tiles is one matrix product V U of
 * tiles x channels and channels x filters.
 *
 * - A tile is m x m neighbouring outputs, together with the inputs they read.
 *   Tiles do not overlap in the output.
 * - A point is a pair of interpolation points, one of each axis: m + r - 2
 *   numbers and infinity, listed in kernel/isa/winograd.h.
 * - The scheme F(m, r) is the method for m outputs and r taps of an axis.
 * - A kernel of stride s has s phases along each axis: phase q is every s-th
 *   tap from tap q on, which reads every s-th pixel. Each phase is a
 *   convolution of stride 1. Kernels have s r - 1 taps, so that the last phase
 *   has one tap less and no value at infinity. All phases use the same points
 *   and M is summed over phases and channels. The input gradient of a strided
 *   kernel has phases in its output instead.
 *
 * An element of M is a chain of fma over phases and channels, cut into blocks
 * as kernel/chain.h says. An input that is not finite reaches all outputs of
 * the tiles that read it. */
#ifndef FV_CONV_WINOGRAD_WINOGRAD_H
#define FV_CONV_WINOGRAD_WINOGRAD_H

#include "conv/shared.h"

/* Upper bounds over all schemes: input pixels of a tile (23^2), and outputs of
 * a tile whose output has one phase (4^2). */
enum { FV__WINOGRAD_INPUTS = 529, FV__WINOGRAD_OUTPUTS = 16 };

/* How the outputs of a subconvolution are split into tiles: rows of tiles, one
 * image after the other. Outputs of a tile that lie outside the image are not
 * stored. The input gradient of a strided kernel is one subconvolution over all
 * phases of its output. */
typedef struct fv__winograd_tiling {
    fv__subconv subconv;
    /* The weights have the phases of the stride. Of the two images, the output
     * has one phase, except in the input gradient, where the input has one. */
    fv__scheme scheme, in_scheme, out_scheme;
    int64_t points; /* of a tile */
    int64_t macs;   /* multiply-accumulates of a tile, a channel and a filter */
    int64_t taps;   /* of a filter */
    int64_t out_step, in_step;         /* pixels of an axis from tile to tile */
    int64_t in_side;                   /* inputs of a tile along an axis */
    int64_t in_first[2], out_first[2]; /* of the first tile; may be negative */
    int64_t tiles[2];                  /* rows and columns of tiles, an image */
    int64_t all_tiles;                 /* of the batch */
} fv__winograd_tiling;

/* Whether there is a scheme for a geometry. */
bool fv__winograd_applies(const fv__geometry *geometry);
/* BACKWARD_WEIGHTS has the tiling of the forward pass. */
fv__winograd_tiling fv__winograd_tiling_of(const fv__geometry *geometry,
                                           fv__direction direction);

/* The first output and the first input of a tile; either may lie before the
 * image. */
static inline fv__pixel fv__winograd_tile_output(const fv__winograd_tiling *w,
                                                 int64_t tile)
{
    const fv__pixel at = fv__pixel_at(w->tiles, tile);

    return (fv__pixel){ at.image, at.row * w->out_step + w->out_first[0],
                        at.column * w->out_step + w->out_first[1] };
}

static inline fv__pixel fv__winograd_tile_input(const fv__winograd_tiling *w,
                                                int64_t tile)
{
    const fv__pixel at = fv__pixel_at(w->tiles, tile);

    return (fv__pixel){ at.image, at.row * w->in_step + w->in_first[0],
                        at.column * w->in_step + w->in_first[1] };
}

/* Pointers to the in_side x in_side inputs, or to the out_step x out_step
 * outputs, of a tile in one group of an image tensor of elements of `size`
 * bytes. Pixels outside the image point to `zeros`. */
void fv__winograd_input_pixels(const fv__winograd_tiling *w, int64_t group,
                               int64_t tile, const void *in, const void *zeros,
                               size_t size, const void **pixels);
void fv__winograd_output_pixels(const fv__winograd_tiling *w, int64_t group,
                                int64_t tile, const void *out,
                                const void *zeros, size_t size,
                                const void **pixels);

/* Longest pixel in bytes that fv__winograd_prefetch fetches; the hardware
 * prefetcher follows longer ones. */
enum { FV__WINOGRAD_PREFETCH_BYTES = 512 };

/* Prefetches side x side pixels of `bytes` bytes into the second-level cache,
 * from column `first` on; the columns before it belong to the previous tile
 * too. Inlined, because compilers remove calls of a function that only
 * prefetches. */
__attribute__((always_inline)) static inline void
fv__winograd_prefetch(const void *const *pixels, int64_t side, int64_t first,
                      size_t bytes)
{
    if (bytes > FV__WINOGRAD_PREFETCH_BYTES) return;
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = first; j < side; j++)
            for (size_t at = 0; at < bytes; at += 64)
                __builtin_prefetch((const char *)pixels[i * side + j] + at, 0,
                                   2);
}

/* Channels [channel, channel + channels) of a panel of nr filters. */
typedef struct fv__winograd_panel {
    int64_t group, panel, channel, channels;
} fv__winograd_panel;

/* U = G g G^T of a panel: [channel][nr] at each point. Filters missing in the
 * last panel are not written. */
void fv__winograd_transform_filters(const fv__kernels *kernels,
                                    const fv__winograd_tiling *w,
                                    const void *weight,
                                    const fv__winograd_panel *panel,
                                    fv__transformed_tile u);

/* Layout of one matrix for each point: [point][row][n]. A row is padded to an
 * odd number of cache lines and a matrix by one more line, so that neither rows
 * nor points alias in a cache. */
typedef struct fv__point_matrices {
    size_t row_step, point_step; /* elements */
    size_t bytes;                /* of all points */
} fv__point_matrices;

fv__point_matrices fv__point_matrices_of(size_t element, int64_t points,
                                         int64_t rows, int64_t n);

/* Layout of V for a row of tiles whose channels are too few to fill a vector:
 * [point][phase][channel][tile], so that vectors run over tiles. Behind the
 * tiles of a channel lie a few columns whose pixels only the tiles before them
 * read; their values are not used. `rows` is 0 where channels are not few. */
typedef struct fv__winograd_tile_row {
    int64_t tiles;                               /* of a row */
    int64_t rows;                                /* of tiles, in the batch */
    size_t channel_step, phase_step, point_step; /* elements */
    size_t v_bytes;                              /* of V, one row of tiles */
    size_t line_bytes; /* of the pixels of a line of the image */
    size_t bytes;      /* of V and the lines it is made from */
} fv__winograd_tile_row;

fv__winograd_tile_row fv__winograd_tile_row_of(size_t element,
                                               const fv__winograd_tiling *w);

/* The input transform of row `row`: V is at the beginning of `scratch`, which
 * has tile_row->bytes bytes. */
void fv__winograd_tile_row_transform(const fv__kernels *kernels,
                                     const fv__winograd_tiling *w,
                                     const fv__winograd_tile_row *tile_row,
                                     int64_t row, const void *in,
                                     char *scratch);

/* Adds parts 1, 2, ... of dU in order to part 0, for n elements of each point
 * and phase. `du` is the first of them in part 0; a part is one set of
 * matrices, and phases of a point lie `phase_step` elements apart. */
void fv__winograd_reduce_parts(const fv__kernels *kernels, fv__scheme in_scheme,
                               const fv__point_matrices *matrices,
                               int64_t parts, size_t n, size_t phase_step,
                               char *du);

/* Elementary operations of a transform for each of its values, a rough count
 * for fv__parallel. */
enum { FV__WINOGRAD_TRANSFORM_COST = 4 };

double fv__winograd_cost(const fv__geometry *geometry, fv__direction direction);

/* The weight and bias gradient, and the bytes of scratch for all workers. */
void fv__winograd_weight_grad(const fv__conv_call *call);
size_t fv__winograd_weight_grad_scratch(fv__conv_target target,
                                        const fv__geometry *geometry);

/* The same where tile_row->rows > 0. */
void fv__winograd_small_channels_weight_grad(const fv__conv_call *call,
                                             const fv__winograd_tiling *w);
size_t
fv__winograd_small_channels_weight_grad_scratch(fv__conv_target target,
                                                const fv__geometry *geometry,
                                                const fv__winograd_tiling *w);

#endif
