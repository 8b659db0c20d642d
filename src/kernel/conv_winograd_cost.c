/* Winograd's convolution: its predicted time. */
#include "kernel/winograd.h"

/* For a point of a tile: the products, begun anew for each, and the transforms
 * of a channel, in multiply-adds. All at five sixths of the pace of long
 * products. */
enum { BEGIN = 6, INPUT = 13, OUTPUT = 8, WEIGHTS = 14, LANES = 16 };
/* Weights of a strided kernel become so many more that reading them counts. */
enum { STRIDED_READ = 4 };
/* A vector of weights that is made of its products, for each of these; tiles of
 * an image that keep a core busy. */
enum { MAKE = 14, BUSY = 4 };

/* One tile. */
static double tile_cost(const fv__winograd *w, bool weights)
{
    const int64_t channels = w->sweep.channels, filters = w->sweep.filters;
    const int64_t along = weights ? filters : channels;
    const int64_t across = weights ? channels : filters;
    const double wide = (double)fv__divide_up(across, LANES);
    const double deep = (double)fv__divide_up(along, LANES);

    return (double)w->products
           * (wide * (double)(along + BEGIN)
              + deep * (weights ? WEIGHTS : INPUT)
              + wide * (weights ? WEIGHTS : OUTPUT));
}

/* All of an image, of few channels: points are made and met in registers, some
 * tiles at a time, or added to, where few sums wait for each other; inputs go
 * in vectors of tiles; pixels are turned. */
enum { MET = 3, ADDED = 6, TOGETHER = 4, SUMS = 8 };

static double few_cost(const fv__winograd *w, const fv__winograd_rows *few,
                       bool weights)
{
    const int64_t channels = w->sweep.channels;
    const int64_t together = weights ? 1 : TOGETHER;
    const int64_t tiles = fv__divide_up(few->tiles, together) * together;
    const int64_t wide = fv__divide_up(w->sweep.filters, LANES);
    const int64_t inputs = fv__divide_up((int64_t)few->phase, LANES);
    const int64_t sums =
        fv__winograd_phases(w->in) * channels * fv__min(wide, 2);
    const double wait =
        weights && sums < SUMS ? (double)SUMS / (double)sums : 1;
    const double point = wait * (double)(w->products * channels)
                         + (double)(w->points * (weights ? ADDED : MET));

    return (double)w->tiles[0]
           * ((double)(tiles * wide) * point
              + (double)(inputs * w->products * INPUT)
              + (double)(w->pixels * w->step * (int64_t)few->phase));
}

/* But for weights in proportion to the batch, so that images are convolved in
 * the same way in any. */
double fv__winograd_cost(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd w = fv__winograd_of(g, direction);
    const bool weights = direction == FV__BACKWARD_WEIGHTS;
    const fv__winograd_rows few = fv__winograd_rows_of(1, &w);
    const int64_t channels = w.sweep.channels, filters = w.sweep.filters;
    const double tiles = (double)fv__max(w.tiles[0] * w.tiles[1], 1);
    const double read =
        g->stride[0] > 1 ? 1 + STRIDED_READ * (double)w.read / tiles : 1;
    const double image =
        few.all ? few_cost(&w, &few, weights)
                : (tiles > BUSY ? tiles : BUSY) * tile_cost(&w, weights);
    const int64_t made = few.all ? channels * fv__divide_up(filters, LANES)
                                 : filters * fv__divide_up(channels, LANES);
    const double make =
        weights ? (double)MAKE * (double)w.products * (double)made : 0;

    return (1.2 * read * (double)g->batch * image + make)
           * (double)w.sweep.groups;
}
