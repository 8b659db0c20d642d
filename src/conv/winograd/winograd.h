/* Winograd's convolution of 3x3 and 5x5 kernels, of 3x3, 5x5 and 7x7 kernels of
 * stride 2, and of 11x11 kernels of stride 4: tiles of m x m outputs, each made
 * of side x side points. At every point, channels and filters meet in a matrix
 * product over all tiles, each of whose numbers is a chain of fma, over phases
 * and channels. An input that is not finite reaches all outputs of the
 * tiles that see it. */
#ifndef FV_CONV_WINOGRAD_WINOGRAD_H
#define FV_CONV_WINOGRAD_WINOGRAD_H

#include "conv/shared.h"

/* Pixels of a tile, and outputs of one that has a single phase, at most. */
enum { FV__WINOGRAD_PIXELS = 529, FV__WINOGRAD_OUTPUTS = 16 };

/* How the outputs of a sweep are cut into tiles: rows of tiles, images one
 * after the other; what a tile has beyond the image is not stored. The input
 * gradient of a strided kernel is one sweep, of tiles whose outputs have the
 * phases that the inputs of the forward pass have. */
typedef struct fv__winograd {
    fv__subconv subconv;
    fv__scheme scheme, in, out; /* of weights; of the images met and made */
    int64_t points;             /* of a tile */
    int64_t products;           /* of a tile, a channel and a filter */
    int64_t taps;               /* of a filter */
    int64_t m, step;            /* outputs and inputs from tile to tile */
    int64_t pixels;             /* inputs of a tile, along an axis */
    int64_t in_first[2], out_first[2]; /* of the first tile */
    int64_t tiles[2], all;             /* of an image, of the batch */
} fv__winograd;

/* Whether there is a scheme for a geometry. */
bool fv__winograd_applies(const fv__geometry *geometry);
fv__winograd fv__winograd_of(const fv__geometry *geometry,
                             fv__direction direction);

/* Phases of an image, in rows and columns. */
static inline int64_t fv__winograd_phases(fv__scheme f)
{
    return f.phases * f.phases;
}

/* First output of a tile, which may be before the image. */
static inline fv__pixel fv__winograd_out(const fv__winograd *w, int64_t tile)
{
    fv__pixel at = fv__pixel_at(w->tiles, tile);

    return (fv__pixel){ at.image, at.row * w->m + w->out_first[0],
                        at.column * w->m + w->out_first[1] };
}

/* And input. */
static inline fv__pixel fv__winograd_in(const fv__winograd *w, int64_t tile)
{
    fv__pixel at = fv__pixel_at(w->tiles, tile);

    return (fv__pixel){ at.image, at.row * w->step + w->in_first[0],
                        at.column * w->step + w->in_first[1] };
}

/* Where the side x side pixels of `image` from `row`, `column` on lie, in
 * elements of `size` bytes; `zeros` outside of it. */
void fv__winograd_pixels(const int64_t image[2], int64_t pixel, int64_t side,
                         fv__pixel at, const void *in, const void *zeros,
                         size_t size, const void **pixels);
/* Asks for pixels that come next, from a column on: those before it are at
 * hand. Long pixels come in time by themselves. Inlined, since compilers take
 * calls that do nothing else for superfluous. */
enum { FV__WINOGRAD_PREFETCH_BYTES = 512 };

__attribute__((always_inline)) static inline void
fv__winograd_prefetch(const void *const *pixels, int64_t side, int64_t from,
                      size_t bytes)
{
    if (bytes > FV__WINOGRAD_PREFETCH_BYTES) return;
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = from; j < side; j++)
            for (size_t at = 0; at < bytes; at += 64)
                __builtin_prefetch((const char *)pixels[i * side + j] + at, 0,
                                   2);
}

/* Channels channel .. channel + channels of a panel of filters. */
typedef struct fv__winograd_panel {
    int64_t group, panel, channel, channels;
} fv__winograd_panel;

/* Transforms weights as they lie in memory: [channel][nr] at each point,
 * missing filters left out. */
void fv__winograd_filters(const fv__kernels *kernels, const fv__winograd *w,
                          const void *weight, const fv__winograd_panel *panel,
                          fv__points out);

/* Planes of rows, one for each point: [point][row][n]. A row is an odd number
 * of cache lines and a plane one more, so that neither the rows of a tile nor
 * its points meet in few sets of a cache. */
typedef struct fv__planes {
    size_t row, step, bytes; /* elements, elements, bytes of all */
} fv__planes;

fv__planes fv__planes_of(size_t element, int64_t points, int64_t rows,
                         int64_t n);

/* Inputs of few channels: a whole row of tiles, [phase][channel][tile] at each
 * point. A channel has some tiles more, which only lend pixels to those before
 * them; their points are of no use. Without rows, channels are not few. */
typedef struct fv__winograd_tile_row {
    int64_t tiles, all;          /* of a row; rows of the batch */
    size_t channel, phase, step; /* distances in elements; of points */
    size_t points, line, bytes;  /* of points, of a line; of all */
} fv__winograd_tile_row;

fv__winograd_tile_row fv__winograd_tile_row_of(size_t element,
                                               const fv__winograd *w);

/* Makes the points of a row of tiles in the first of `bytes` bytes. */
void fv__winograd_tile_row_transform(const fv__kernels *kernels,
                                     const fv__winograd *w,
                                     const fv__winograd_tile_row *rows,
                                     int64_t row, const void *in, char *points);

/* The weight gradient. */
void fv__winograd_small_channels_weight_grad(const fv__conv_call *call,
                                             const fv__winograd *w);
size_t
fv__winograd_small_channels_weight_grad_scratch(const fv_context *context,
                                                const fv__geometry *geometry,
                                                const fv__winograd *w);

double fv__winograd_cost(const fv__geometry *geometry, fv__direction direction);

void fv__winograd_weight_grad(const fv__conv_call *call);
size_t fv__winograd_weight_grad_scratch(const fv_context *context,
                                        const fv__geometry *geometry);

#endif
