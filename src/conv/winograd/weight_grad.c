/* Winograd's convolution: the weight gradient, by the adjoints of the
 * transforms. It computes
 *
 *     dU = sum over tiles of V . Z,   V = B^T d B,   Z = A dY A^T,
 *     dg = G^T dU G
 *
 * for each filter and channel, which at each point is one matrix product of
 * filters x tiles and tiles x channels. An element of dU is a sum over the
 * tiles of the batch, in order: one chain of fma for each block of tiles; the
 * blocks of a part are added up, then the parts. G^T dU G replaces the gradient
 * or is added to it. The bias gradient is summed along with the blocks: block i
 * of the pixels of dy with block i of the tiles. */
#include "conv/winograd/winograd.h"

#include <string.h>

/* Tiles of a block: LEAST_TILES, so that V and Z of a block stay in a cache,
 * and one more for each TILE_WEIGHTS channels x filters, up to MOST_TILES,
 * since dU is read and written once for each block; for F(2, 3), which has 16
 * points instead of 36, more in proportion. Parts of the sum: at most PARTS, of
 * PARTS_ELEMENTS elements together, and of at least PART_BLOCKS blocks each.
 * These constants decide where sums are cut and so which bits come out:
 * changing one changes every trained network. */
enum { LEAST_TILES = 48, MOST_TILES = 128, TILE_WEIGHTS = 1 << 10 };
enum { PARTS = 8, PARTS_ELEMENTS = 1 << 22, PART_BLOCKS = 4 };
/* Filters of a work item of the products. With a single block, dU need not wait
 * for other blocks: an item computes dU of some filters, of some channels at a
 * time, and transforms it at once. These constants divide outputs and decide
 * no sum. */
enum { ITEM_FILTERS = 128, SINGLE_FILTERS = 28, SINGLE_CHANNELS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd_tiling tiling;
    fv__partials bias;
    int64_t block_tiles, blocks;
    int64_t parts;         /* with several, each part has one worker */
    bool single_block;     /* of the batch */
    int64_t filter_blocks; /* work items that the filters are divided into */
    fv__point_matrices v;  /* [tile][phase][channel] */
    fv__point_matrices z;  /* [tile][filter] */
    fv__point_matrices du; /* [filter][phase][channel] */
    size_t zeros_bytes;    /* of a pixel outside the image */
    size_t v_z_bytes;      /* of V and Z, for each worker */
    const fv__conv_call *call;
    int64_t group, block;
    bool first_block; /* of its part */
    char *zeros, *v_z_all, *du_all;
    char *v_at, *z_at, *du_at; /* of the current part */
} plan;

static plan plan_of(fv__conv_target target, const fv__geometry *g)
{
    plan p = {
        .kernels = target.kernels,
        .element = fv__element(target.kernels),
        .tiling = fv__winograd_tiling_of(g, FV__FORWARD),
    };
    const fv__winograd_tiling *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__scheme_phases(w->in_scheme);
    const int64_t tiles = fv__min(
        MOST_TILES, LEAST_TILES + s->channels * s->filters / TILE_WEIGHTS);

    p.blocks = fv__divide_up(w->all_tiles, tiles * 36 / fv__min(w->macs, 36));
    p.block_tiles = fv__divide_up(w->all_tiles, fv__max(p.blocks, 1));
    p.parts = PARTS_ELEMENTS / (w->macs * s->channels * s->filters);
    p.parts =
        fv__max(1, fv__min(fv__min(PARTS, p.parts), p.blocks / PART_BLOCKS));
    p.parts = fv__partials_count(p.parts, p.blocks);
    p.bias = fv__partials_of_bias(target.kernels, g, p.blocks, p.parts);
    p.single_block = p.blocks <= 1;
    p.filter_blocks = fv__divide_up(s->filters, p.single_block ? SINGLE_FILTERS
                                                               : ITEM_FILTERS);
    p.v = fv__point_matrices_of(p.element, w->points, p.block_tiles,
                                phases * s->channels);
    p.z =
        fv__point_matrices_of(p.element, w->points, p.block_tiles, s->filters);
    if (p.single_block)
        p.du = fv__point_matrices_of(
            p.element, w->points, fv__min(SINGLE_FILTERS, s->filters),
            phases * fv__min(SINGLE_CHANNELS, s->channels));
    else
        p.du = fv__point_matrices_of(p.element, w->points, s->filters,
                                     phases * s->channels);
    p.v_z_bytes = p.v.bytes + p.z.bytes;
    p.zeros_bytes =
        fv__align((size_t)fv__max(s->channels, s->filters) * p.element);
    return p;
}

/* Sets of matrices of dU: one for each worker or for each part. */
static size_t du_count(fv__conv_target target, const plan *p)
{
    return p->single_block ? (size_t)target.threads : (size_t)p->parts;
}

static bool has_small_channels(const plan *p)
{
    return fv__winograd_tile_row_of(p->element, &p->tiling).rows > 0;
}

size_t fv__winograd_weight_grad_scratch(fv__conv_target target,
                                        const fv__geometry *g)
{
    const plan p = plan_of(target, g);

    if (has_small_channels(&p))
        return fv__winograd_small_channels_weight_grad_scratch(target, g,
                                                               &p.tiling);
    return p.bias.bytes + p.zeros_bytes + du_count(target, &p) * p.du.bytes
           + (size_t)fv__min(target.threads, p.parts) * p.v_z_bytes;
}

static void x_pixels(const plan *p, int64_t tile, const void **pixels)
{
    fv__winograd_input_pixels(&p->tiling, p->group, tile, p->call->x, p->zeros,
                              p->element, pixels);
}

static void dy_pixels(const plan *p, int64_t tile, const void **pixels)
{
    fv__winograd_output_pixels(&p->tiling, p->group, tile, p->call->dy,
                               p->zeros, p->element, pixels);
}

static void prefetch_tile(const plan *p, int64_t tile)
{
    const fv__winograd_tiling *w = &p->tiling;
    const void *pixels[FV__WINOGRAD_INPUTS];

    if (tile >= w->all_tiles) return;
    dy_pixels(p, tile, pixels);
    fv__winograd_prefetch(pixels, w->out_step, 0,
                          (size_t)w->subconv.filters * p->element);
    x_pixels(p, tile, pixels);
    fv__winograd_prefetch(pixels, w->in_side, w->in_side - w->in_step,
                          (size_t)w->subconv.channels * p->element);
}

/* V and Z of tile `item` of the current block. */
static void transform_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__winograd_tiling *w = &p->tiling;
    const fv__subconv *s = &w->subconv;
    const int64_t tile = p->block * p->block_tiles + (int64_t)item;
    const void *pixels[FV__WINOGRAD_INPUTS];

    (void)worker;
    prefetch_tile(p, tile + 1);
    dy_pixels(p, tile, pixels);
    p->kernels->winograd_output_grad(
        w->out_scheme, (size_t)s->filters, pixels,
        &(fv__transformed_tile){
            fv__slot(p->z_at, (ptrdiff_t)(item * p->z.row_step), p->element),
            p->z.point_step, 0 });
    x_pixels(p, tile, pixels);
    p->kernels->winograd_input(
        w->in_scheme, (size_t)s->channels, pixels,
        &(fv__transformed_tile){
            fv__slot(p->v_at, (ptrdiff_t)(item * p->v.row_step), p->element),
            p->v.point_step, (size_t)s->channels });
}

/* A block of filters and channels of dU, [filter][phase][channel] at each
 * point. */
typedef struct du_block {
    size_t filter, filters, channel, channels;
    char *du;
} du_block;

/* The product of one phase at one point. */
static void multiply_phase(const plan *p, const du_block *b, size_t point,
                           size_t phase)
{
    const size_t v = point * p->v.point_step
                     + phase * (size_t)p->tiling.subconv.channels + b->channel;
    const size_t du = point * p->du.point_step + phase * b->channels;
    const int64_t left = p->tiling.all_tiles - p->block * p->block_tiles;

    fv__conv_tiles(
        p->kernels, b->filters, b->channels,
        (fv__tile){
            .a = fv__at(p->z_at,
                        (ptrdiff_t)(point * p->z.point_step + b->filter),
                        p->element),
            .b = fv__at(p->v_at, (ptrdiff_t)v, p->element),
            .c = fv__slot(b->du, (ptrdiff_t)du, p->element),
            .a_row = 1,
            .a_step = p->z.row_step,
            .b_step = p->v.row_step,
            .c_row = p->du.row_step,
            .segments = 1,
            .k = (size_t)fv__min(p->block_tiles, left),
            .accumulation = p->first_block ? FV__STORE : FV__ACCUMULATE });
}

static void multiply(const plan *p, const du_block *b, size_t point)
{
    const size_t phases =
        (size_t)fv__scheme_phases_at(p->tiling.in_scheme, point);

    for (size_t i = 0; i < phases; i++) multiply_phase(p, b, point, i);
}

/* dg = G^T dU G of filter i of a block. */
static void transform_filter(const plan *p, const du_block *b, size_t i)
{
    const fv__winograd_tiling *w = &p->tiling;
    const size_t channels = (size_t)w->subconv.channels;
    const size_t filter =
        (size_t)(p->group * w->subconv.filters) + b->filter + i;
    const size_t tap = filter * (size_t)w->taps;

    p->kernels->winograd_filter_grad(
        w->scheme, b->channels,
        &(fv__transformed_tile){
            fv__slot(b->du, (ptrdiff_t)(i * p->du.row_step), p->element),
            p->du.point_step, b->channels },
        fv__slot(p->call->dweight, (ptrdiff_t)(tap * channels + b->channel),
                 p->element),
        channels, !p->call->overwrite);
}

/* The product of ITEM_FILTERS filters at one point. */
static void multiply_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t blocks = (size_t)p->filter_blocks, point = item / blocks;
    du_block b = { .channels = (size_t)p->tiling.subconv.channels };

    (void)worker;
    b.filter = item % blocks * ITEM_FILTERS;
    b.filters = (size_t)fv__min(ITEM_FILTERS,
                                p->tiling.subconv.filters - (int64_t)b.filter);
    b.du =
        fv__slot(p->du_at, (ptrdiff_t)(b.filter * p->du.row_step), p->element);
    multiply(p, &b, point);
}

/* The gradient of SINGLE_FILTERS filters, where there is a single block. */
static void single_block_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t channels = (size_t)p->tiling.subconv.channels;
    const size_t points = (size_t)p->tiling.points;
    du_block b = { .filter = item * SINGLE_FILTERS,
                   .du = p->du_all + worker * p->du.bytes };

    b.filters = (size_t)fv__min(SINGLE_FILTERS,
                                p->tiling.subconv.filters - (int64_t)b.filter);
    for (; b.channel < channels; b.channel += b.channels) {
        b.channels = channels - b.channel < SINGLE_CHANNELS
                         ? channels - b.channel
                         : SINGLE_CHANNELS;
        for (size_t e = 0; e < points; e++) multiply(p, &b, e);
        for (size_t i = 0; i < b.filters; i++) transform_filter(p, &b, i);
    }
}

/* The blocks of a part. With several parts, its loops run on the calling
 * worker; with one, they are divided over the pool. */
static void part_item(void *argument, size_t item, size_t worker)
{
    plan p = *(const plan *)argument;
    fv_context *context = p.call->context;
    const fv__winograd_tiling *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const double macs = (double)w->macs * (double)p.block_tiles;
    const int64_t first = fv__partial_first_block(&p.bias.sizes, (int64_t)item);
    const int64_t end =
        fv__partial_first_block(&p.bias.sizes, (int64_t)item + 1);

    p.v_at = p.v_z_all + worker * p.v_z_bytes;
    p.z_at = p.v_at + p.v.bytes;
    p.du_at = p.du_all + item * p.du.bytes;
    for (p.block = first; p.block < end; p.block++) {
        const int64_t tiles =
            fv__min(p.block_tiles, w->all_tiles - p.block * p.block_tiles);

        p.first_block = p.block == first;
        fv__parallel(context, (size_t)tiles,
                     FV__WINOGRAD_TRANSFORM_COST * macs
                         * (double)(s->channels + s->filters),
                     transform_item, &p);
        if (p.group == 0) fv__partial_add_bias(&p.bias, (int64_t)item, p.block);
        fv__parallel(context,
                     (size_t)(p.single_block ? p.filter_blocks
                                             : w->points * p.filter_blocks),
                     macs * (double)s->channels * (double)s->filters,
                     p.single_block ? single_block_item : multiply_item, &p);
    }
}

/* The gradient of one filter, after all parts. */
static void filter_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t channels = (size_t)p->tiling.subconv.channels;
    const du_block b = { item, 1, 0, channels,
                         fv__slot(p->du_all, (ptrdiff_t)(item * p->du.row_step),
                                  p->element) };

    (void)worker;
    fv__winograd_reduce_parts(p->kernels, p->tiling.in_scheme, &p->du, p->parts,
                              channels, channels, b.du);
    transform_filter(p, &b, 0);
}

void fv__winograd_weight_grad(const fv__conv_call *call)
{
    plan p = plan_of(fv__conv_target_of(call->context), call->geometry);
    const fv__winograd_tiling *w = &p.tiling;
    const fv__subconv *s = &w->subconv;

    if (has_small_channels(&p)) {
        fv__winograd_small_channels_weight_grad(call, w);
        return;
    }
    p.call = call;
    p.zeros = (char *)call->scratch + p.bias.bytes;
    p.du_all = p.zeros + p.zeros_bytes;
    p.v_z_all =
        p.du_all + du_count(fv__conv_target_of(call->context), &p) * p.du.bytes;
    memset(p.zeros, 0, p.zeros_bytes);
    fv__partials_begin(&p.bias, call);
    for (p.group = 0; p.group < s->groups; p.group++) {
        fv__parallel(call->context, (size_t)p.parts,
                     (double)(w->all_tiles * w->macs) * (double)s->channels
                         * (double)s->filters,
                     part_item, &p);
        if (p.single_block) continue;
        fv__parallel(call->context, (size_t)s->filters,
                     (double)(w->macs * s->channels)
                         * (double)(s->filters * p.parts),
                     filter_item, &p);
    }
    fv__partials_reduce(&p.bias);
}
