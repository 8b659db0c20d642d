/* Winograd's convolution: its predicted time, in multiply-adds of a vector. */
#include "conv/winograd/winograd.h"

enum { LANES = 16 };
/* Transforms of a vector: of an image that is met, at each point of each phase;
 * of one that is made, at each point. Tiles of an image that keep a core busy.
 */
enum { INPUT = 10, OUTPUT = 10, BUSY = 4 };
/* A vector of weights at a point: read, which one image must alone and many
 * share; made for a call, of which that is true too; and made of its gradient.
 */
enum { READ = 2, MAKE = 8, RESTORE = 12 };

/* Tiles of a batch beyond which the sums of a weight gradient, so many more
 * where a kernel has phases, come from farther away. */
enum { NEAR_TILES = 64 };

/* All tiles of an image. Half vectors of products that lack lanes are done all
 * the same. */
static double image_cost(const fv__winograd *w, int64_t along, int64_t across)
{
    const int64_t tiles = fv__max(w->tiles[0] * w->tiles[1], BUSY);
    const double halves = (double)fv__divide_up(across, LANES / 2);
    const int64_t wide = fv__divide_up(across, LANES);
    const int64_t deep = fv__divide_up(along, LANES);

    return (double)tiles
           * ((double)w->products * (halves / 2 * (double)along)
              + (double)(w->products * deep * INPUT)
              + (double)(w->points * wide * OUTPUT));
}

/* The same of few channels: points are made and met in registers, some tiles at
 * a time, or added to, where few sums wait for each other; inputs go in vectors
 * of tiles; pixels are turned. All that in steps so short that a sixth is lost.
 */
enum { MET = 3, ADDED = 6, TOGETHER = 4, SUMS = 8 };

static double few_cost(const fv__winograd *w,
                       const fv__winograd_tile_row *small_channels,
                       bool weights)
{
    const int64_t channels = w->subconv.channels;
    const int64_t together = weights ? 1 : TOGETHER;
    const int64_t tiles =
        fv__divide_up(small_channels->tiles, together) * together;
    const int64_t wide = fv__divide_up(w->subconv.filters, LANES);
    const int64_t inputs = fv__divide_up((int64_t)small_channels->phase, LANES);
    const int64_t sums =
        fv__winograd_phases(w->in) * channels * fv__min(wide, 2);
    const double wait =
        weights && sums < SUMS ? (double)SUMS / (double)sums : 1;
    const double point = wait * (double)(w->products * channels)
                         + (double)(w->points * (weights ? ADDED : MET));

    return 1.2 * (double)w->tiles[0]
           * ((double)(tiles * wide) * point
              + (double)(inputs * w->products * INPUT)
              + (double)(w->pixels * w->step * (int64_t)small_channels->phase));
}

/* But for the gradient of weights in proportion to the batch, so that images
 * are convolved in the same way in any. */
double fv__winograd_cost(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd w = fv__winograd_of(g, direction);
    const bool weights = direction == FV__BACKWARD_WEIGHTS;
    const fv__winograd_tile_row small_channels =
        fv__winograd_tile_row_of(1, &w);
    const int64_t channels = w.subconv.channels, filters = w.subconv.filters;
    const bool transposed = weights && !small_channels.all;
    const int64_t along = transposed ? filters : channels;
    const int64_t across = transposed ? channels : filters;
    const double image = small_channels.all
                             ? few_cost(&w, &small_channels, weights)
                             : image_cost(&w, along, across);
    const double vectors =
        (double)(w.products * along * fv__divide_up(across, LANES));
    const double batch = (double)g->batch, groups = (double)w.subconv.groups;
    const bool far =
        !small_channels.all && w.in.phases > 1 && w.all > NEAR_TILES;

    if (weights)
        return groups * ((far ? 1.4 : 1) * batch * image + RESTORE * vectors);
    return groups * batch
           * (image + (direction == FV__FORWARD ? READ : MAKE) * vectors);
}
