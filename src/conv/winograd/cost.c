/* Winograd's convolution: its predicted time. The unit of all times is one
 * multiply-add of a vector of LANES elements. The constants were tuned by
 * measurement. */
#include "conv/winograd/winograd.h"

/* Elements of the vector that times are counted in. */
enum { LANES = 16 };

/* Time of the transform of one vector of channels per value of V, and of one
 * vector of filters per point of M. */
enum { INPUT_TRANSFORM = 10, OUTPUT_TRANSFORM = 10 };

/* An image of fewer tiles takes as long as one of this many. */
enum { LEAST_TILES = 4 };

/* Time of one vector of weights at one point: to read packed weights in the
 * forward pass; to read and transform them in the input gradient; and to
 * transform their gradient. The first two are counted for every image, though
 * the images of a batch share them, so that the choice of an algorithm does not
 * depend on the batch. The last is counted once for a batch. */
enum { READ_WEIGHTS = 2, TRANSFORM_WEIGHTS = 8, TRANSFORM_WEIGHT_GRAD = 12 };

/* If the kernel has phases and the batch more tiles than CACHED_SUMS_TILES, the
 * sums of a weight gradient are assumed not to stay cached from block to block,
 * and its time is multiplied by UNCACHED_SUMS. */
enum { CACHED_SUMS_TILES = 64 };
static const double UNCACHED_SUMS = 1.4;

/* The time of all tiles of an image: products of `depth` by `width` elements at
 * each point, whose vectors run along the width. The microkernel has half
 * vectors, so the width of a product is rounded up to one. */
static double image_cost(const fv__winograd_tiling *w, int64_t depth,
                         int64_t width)
{
    const int64_t tiles = fv__max(w->tiles[0] * w->tiles[1], LEAST_TILES);
    const double half_vectors = (double)fv__divide_up(width, LANES / 2);
    const int64_t width_vectors = fv__divide_up(width, LANES);
    const int64_t depth_vectors = fv__divide_up(depth, LANES);

    return (double)tiles
           * ((double)w->macs * (half_vectors / 2 * (double)depth)
              + (double)(w->macs * depth_vectors * INPUT_TRANSFORM)
              + (double)(w->points * width_vectors * OUTPUT_TRANSFORM));
}

/* With few channels, the time of a vector of filters per point and tile beside
 * the multiply-adds: the output transform from registers, or, in the weight
 * gradient, the transform of dy and a sum that is loaded and stored. */
enum { SMALL_OUTPUT_TRANSFORM = 3, SMALL_SUM = 6 };
/* Tiles whose products are computed together in the forward pass; the tiles of
 * a row are rounded up to a multiple. */
enum { SMALL_TILES = 4 };
/* Independent vectors of sums that hide the latency of a multiply-add; products
 * of the weight gradient with fewer take as long as with this many. */
enum { LATENCY_SUMS = 8 };
/* The loops over few channels are short: their time is multiplied by this. */
static const double SHORT_LOOPS = 1.2;

/* The time of an image with few channels, transposing its pixels included. */
static double small_channels_cost(const fv__winograd_tiling *w,
                                  const fv__winograd_tile_row *tile_row,
                                  bool weight_grad)
{
    const int64_t channels = w->subconv.channels;
    const int64_t together = weight_grad ? 1 : SMALL_TILES;
    const int64_t tiles = fv__divide_up(tile_row->tiles, together) * together;
    const int64_t filter_vectors = fv__divide_up(w->subconv.filters, LANES);
    const int64_t phase = (int64_t)tile_row->phase_step;
    const int64_t input_vectors = fv__divide_up(phase, LANES);
    const int64_t sums =
        fv__scheme_phases(w->in_scheme) * channels * fv__min(filter_vectors, 2);
    const double latency = weight_grad && sums < LATENCY_SUMS
                               ? (double)LATENCY_SUMS / (double)sums
                               : 1;
    const double products =
        latency * (double)(w->macs * channels)
        + (double)(w->points
                   * (weight_grad ? SMALL_SUM : SMALL_OUTPUT_TRANSFORM));

    return SHORT_LOOPS * (double)w->tiles[0]
           * ((double)(tiles * filter_vectors) * products
              + (double)(input_vectors * w->macs * INPUT_TRANSFORM)
              + (double)(w->in_side * w->in_step * phase));
}

/* Proportional to the batch, but for the term of the weights in the weight
 * gradient, so that the algorithm of a pass over images does not depend on how
 * many there are. */
double fv__winograd_cost(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd_tiling w = fv__winograd_tiling_of(g, direction);
    const bool weight_grad = direction == FV__BACKWARD_WEIGHTS;
    const fv__winograd_tile_row tile_row = fv__winograd_tile_row_of(1, &w);
    const int64_t channels = w.subconv.channels, filters = w.subconv.filters;
    const bool over_channels = weight_grad && !tile_row.rows;
    const int64_t depth = over_channels ? filters : channels;
    const int64_t width = over_channels ? channels : filters;
    const double image = tile_row.rows
                             ? small_channels_cost(&w, &tile_row, weight_grad)
                             : image_cost(&w, depth, width);
    const double weight_vectors =
        (double)(w.macs * depth * fv__divide_up(width, LANES));
    const double batch = (double)g->batch, groups = (double)w.subconv.groups;
    const bool uncached = !tile_row.rows && w.in_scheme.phases > 1
                          && w.all_tiles > CACHED_SUMS_TILES;

    if (weight_grad)
        return groups
               * ((uncached ? UNCACHED_SUMS : 1) * batch * image
                  + TRANSFORM_WEIGHT_GRAD * weight_vectors);
    return groups * batch
           * (image
              + (direction == FV__FORWARD ? READ_WEIGHTS : TRANSFORM_WEIGHTS)
                    * weight_vectors);
}
