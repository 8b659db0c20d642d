/* Winograd's convolution: its predicted time. */
#include "conv/winograd/winograd.h"

/* The time of all tiles of an image: products of `depth` by `width` elements at
 * each point, whose vectors run along the width. The microkernel has half
 * vectors, so the width of a product is rounded up to one. */
static double image_cost(const fv__winograd_tiling *w, int64_t depth,
                         int64_t width)
{
    const double tiles = (double)(w->tiles[0] * w->tiles[1]);
    const double least = fv__costs.winograd_least_tiles;
    const double half_vectors =
        (double)fv__divide_up(width, FV__COST_LANES / 2);
    const double width_vectors = (double)fv__divide_up(width, FV__COST_LANES);
    const double depth_vectors = (double)fv__divide_up(depth, FV__COST_LANES);

    return (tiles > least ? tiles : least)
           * ((double)w->macs * (half_vectors / 2 * (double)depth)
              + (double)w->macs * depth_vectors
                    * fv__costs.winograd_input_transform
              + (double)w->points * width_vectors
                    * fv__costs.winograd_output_transform);
}

/* Tiles whose products the kernel for few channels computes together in the
 * forward pass; the tiles of a row are rounded up to a multiple. */
enum { SMALL_TILES = 4 };

/* The time of the products of few channels with a vector of filters, for a
 * tile, and of what becomes of them: the output transform from registers, or,
 * in the weight gradient, the transform of dy and a sum that is loaded and
 * stored. */
static double small_channels_products(const fv__winograd_tiling *w,
                                      int64_t filter_vectors, bool weight_grad)
{
    const int64_t channels = w->subconv.channels;
    const double sums = (double)(fv__scheme_phases(w->in_scheme) * channels
                                 * fv__min(filter_vectors, 2));
    const double busy = fv__costs.product_busy_sums;
    const double latency = weight_grad && sums < busy ? busy / sums : 1;

    return latency * (double)(w->macs * channels)
           + (double)w->points
                 * (weight_grad ? fv__costs.winograd_row_sum
                                : fv__costs.winograd_row_output);
}

/* The time of an image with few channels, transposing its pixels included. */
static double small_channels_cost(const fv__winograd_tiling *w,
                                  const fv__winograd_tile_row *tile_row,
                                  bool weight_grad)
{
    const int64_t together = weight_grad ? 1 : SMALL_TILES;
    const int64_t tiles = fv__divide_up(tile_row->tiles, together) * together;
    const int64_t filter_vectors =
        fv__divide_up(w->subconv.filters, FV__COST_LANES);
    const int64_t phase = (int64_t)tile_row->phase_step;
    const int64_t input_vectors = fv__divide_up(phase, FV__COST_LANES);

    return fv__costs.winograd_row_loops * (double)w->tiles[0]
           * ((double)(tiles * filter_vectors)
                  * small_channels_products(w, filter_vectors, weight_grad)
              + (double)(input_vectors * w->macs)
                    * fv__costs.winograd_input_transform
              + (double)(w->in_side * w->in_step * phase)
                    * fv__costs.winograd_row_element);
}

/* Of a vector of weights at one point. */
static double weight_cost(fv__direction direction)
{
    switch (direction) {
    case FV__FORWARD:
        return fv__costs.winograd_read_weights;
    case FV__BACKWARD_DATA:
        return fv__costs.winograd_transform_weights;
    default:
        return fv__costs.winograd_transform_weight_grad;
    }
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
    const double weights =
        (double)(w.macs * depth * fv__divide_up(width, FV__COST_LANES))
        * weight_cost(direction);
    const double batch = (double)g->batch, groups = (double)w.subconv.groups;
    const bool uncached =
        !tile_row.rows && w.in_scheme.phases > 1
        && (double)w.all_tiles > fv__costs.winograd_cached_sums_tiles;

    if (weight_grad)
        return groups
               * ((uncached ? fv__costs.winograd_uncached_sums : 1) * batch
                      * image
                  + weights);
    return groups * batch * (image + weights);
}
