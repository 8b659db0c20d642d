/* Winograd's convolution: the weight gradient, by the transposes of the
 * transforms. At every point, a weight is a sum over the tiles of the batch, in
 * order: chains of a block of tiles, added up in each of some ranges of blocks;
 * then these parts. G^T of what they make is added to what was there. A bias is
 * summed on the way, of as many pixels as there are tiles. */
#include "conv/winograd/winograd.h"

#include <string.h>

/* Tiles of a block, for 36 points: so few that their points stay in a cache,
 * but more where there are more sums to be read and written with each. The most
 * parts, elements of all, and the fewest blocks of one. They decide which bits
 * come out: changing one changes every trained network. */
enum { BLOCK_LEAST = 48, BLOCK_MOST = 128, BLOCK_WEIGHTS = 1 << 10 };
enum { PARTS = 8, PARTS_ELEMENTS = 1 << 22, PART_BLOCKS = 4 };
/* Filters of an item of the products; and, where there is but one block, so
 * that its sums need not wait for others, filters and channels of one. They cut
 * outputs only. */
enum { ITEM_FILTERS = 128, SINGLE_FILTERS = 28, SINGLE_CHANNELS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd tiling;
    fv__partials bias;
    int64_t rows, blocks; /* tiles of a block */
    int64_t parts;        /* of a worker each, or of all if there is one */
    bool single;          /* block */
    int64_t cuts;         /* of the filters, in the products */
    fv__planes x, dy, sum;
    size_t zeros;
    size_t worker; /* bytes of points */
    const fv__conv_call *call;
    int64_t group, block;
    bool first; /* block of its part */
    char *zero, *points, *sums;
    char *x_at, *dy_at, *sum_at; /* of a part */
} plan;

static plan plan_of(const fv_context *context, const fv__geometry *g)
{
    plan p = {
        .kernels = context->kernels,
        .element = fv__element(context->kernels),
        .tiling = fv__winograd_of(g, FV__FORWARD),
    };
    const fv__winograd *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__winograd_phases(w->in);
    int64_t most = fv__min(
        BLOCK_MOST, BLOCK_LEAST + s->channels * s->filters / BLOCK_WEIGHTS);

    p.blocks = fv__divide_up(w->all, most * 36 / fv__min(w->products, 36));
    p.rows = fv__divide_up(w->all, fv__max(p.blocks, 1));
    p.parts = PARTS_ELEMENTS / (w->products * s->channels * s->filters);
    p.parts =
        fv__max(1, fv__min(fv__min(PARTS, p.parts), p.blocks / PART_BLOCKS));
    p.parts = fv__partials_count(p.parts, p.blocks);
    p.bias = fv__partials_of_bias(context->kernels, g, p.blocks, p.parts);
    p.single = p.blocks <= 1;
    p.cuts =
        fv__divide_up(s->filters, p.single ? SINGLE_FILTERS : ITEM_FILTERS);
    p.x = fv__planes_of(p.element, w->points, p.rows, phases * s->channels);
    p.dy = fv__planes_of(p.element, w->points, p.rows, s->filters);
    if (p.single)
        p.sum = fv__planes_of(p.element, w->points,
                              fv__min(SINGLE_FILTERS, s->filters),
                              phases * fv__min(SINGLE_CHANNELS, s->channels));
    else
        p.sum = fv__planes_of(p.element, w->points, s->filters,
                              phases * s->channels);
    p.worker = p.x.bytes + p.dy.bytes;
    p.zeros = fv__align((size_t)fv__max(s->channels, s->filters) * p.element);
    return p;
}

static size_t sums_of(const fv_context *context, const plan *p)
{
    return p->single ? (size_t)context->threads : (size_t)p->parts;
}

static bool is_few(const plan *p)
{
    return fv__winograd_tile_row_of(p->element, &p->tiling).all > 0;
}

size_t fv__winograd_weight_grad_scratch(const fv_context *context,
                                        const fv__geometry *g)
{
    const plan p = plan_of(context, g);

    if (is_few(&p))
        return fv__winograd_small_channels_weight_grad_scratch(context, g,
                                                               &p.tiling);
    return p.bias.bytes + p.zeros + sums_of(context, &p) * p.sum.bytes
           + (size_t)fv__min(context->threads, p.parts) * p.worker;
}

/* Pixels of a tile of x, or of dy. */
static void find(const plan *p, int64_t tile, bool is_x, const void **pixels)
{
    const fv__winograd *w = &p->tiling;
    const fv__subconv *s = &w->subconv;
    const fv__conv_call *call = p->call;
    const int64_t number = p->block * p->rows + tile;

    if (!is_x) {
        fv__winograd_pixels(s->out, s->out_pixel, w->m,
                            fv__winograd_out(w, number),
                            fv__at(call->dy, p->group * s->filters, p->element),
                            p->zero, p->element, pixels);
        return;
    }
    fv__winograd_pixels(s->in, s->in_pixel, w->pixels,
                        fv__winograd_in(w, number),
                        fv__at(call->x, p->group * s->channels, p->element),
                        p->zero, p->element, pixels);
}

/* Asks for what the next tile meets. */
static void prefetch_next(const plan *p, int64_t tile)
{
    const fv__winograd *w = &p->tiling;
    const void *pixels[FV__WINOGRAD_PIXELS];

    if (p->block * p->rows + tile >= w->all) return;
    find(p, tile, false, pixels);
    fv__winograd_prefetch(pixels, w->m, 0,
                          (size_t)w->subconv.filters * p->element);
    find(p, tile, true, pixels);
    fv__winograd_prefetch(pixels, w->pixels, w->pixels - w->step,
                          (size_t)w->subconv.channels * p->element);
}

/* One tile of x and dy. */
static void transform(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__winograd *w = &p->tiling;
    const fv__subconv *s = &w->subconv;
    const void *pixels[FV__WINOGRAD_PIXELS];

    (void)worker;
    prefetch_next(p, (int64_t)item + 1);
    find(p, (int64_t)item, false, pixels);
    p->kernels->winograd_output_grad(
        w->out, (size_t)s->filters, pixels,
        &(fv__points){
            fv__slot(p->dy_at, (ptrdiff_t)(item * p->dy.row), p->element),
            p->dy.step, 0 });
    find(p, (int64_t)item, true, pixels);
    p->kernels->winograd_input(
        w->in, (size_t)s->channels, pixels,
        &(fv__points){
            fv__slot(p->x_at, (ptrdiff_t)(item * p->x.row), p->element),
            p->x.step, (size_t)s->channels });
}

/* Filters and channels whose sums lie at `sum`, [filter][phase][channel] at
 * each point. */
typedef struct piece {
    size_t filter, filters, channel, channels;
    char *sum;
} piece;

/* At one point, of one phase: filters x tiles times tiles x channels. */
static void multiply_phase(const plan *p, const piece *of, size_t point,
                           size_t phase)
{
    const size_t x = point * p->x.step
                     + phase * (size_t)p->tiling.subconv.channels + of->channel;
    const size_t sum = point * p->sum.step + phase * of->channels;
    const int64_t left = p->tiling.all - p->block * p->rows;

    fv__conv_tiles(
        p->kernels, of->filters, of->channels,
        (fv__tile){ .a = fv__at(p->dy_at,
                                (ptrdiff_t)(point * p->dy.step + of->filter),
                                p->element),
                    .b = fv__at(p->x_at, (ptrdiff_t)x, p->element),
                    .c = fv__slot(of->sum, (ptrdiff_t)sum, p->element),
                    .a_row = 1,
                    .a_step = p->dy.row,
                    .b_step = p->x.row,
                    .c_row = p->sum.row,
                    .segments = 1,
                    .k = (size_t)fv__min(p->rows, left),
                    .accumulation = p->first ? FV__STORE : FV__ACCUMULATE });
}

static void multiply(const plan *p, const piece *of, size_t point)
{
    const size_t phases = (size_t)fv__scheme_phases(p->tiling.in, point);

    for (size_t i = 0; i < phases; i++) multiply_phase(p, of, point, i);
}

/* The weights of a filter, whose sums are at `sum`. */
static void restore(const plan *p, const piece *of, size_t i)
{
    const fv__winograd *w = &p->tiling;
    const size_t channels = (size_t)w->subconv.channels;
    const size_t filter =
        (size_t)(p->group * w->subconv.filters) + of->filter + i;
    const size_t tap = filter * (size_t)w->taps;

    p->kernels->winograd_filter_grad(
        w->scheme, of->channels,
        &(fv__points){
            fv__slot(of->sum, (ptrdiff_t)(i * p->sum.row), p->element),
            p->sum.step, of->channels },
        fv__slot(p->call->dweight, (ptrdiff_t)(tap * channels + of->channel),
                 p->element),
        channels, !p->call->overwrite);
}

/* Some filters at one point. */
static void multiply_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t cuts = (size_t)p->cuts, point = item / cuts;
    piece of = { .channels = (size_t)p->tiling.subconv.channels };

    (void)worker;
    of.filter = item % cuts * ITEM_FILTERS;
    of.filters = (size_t)fv__min(ITEM_FILTERS, p->tiling.subconv.filters
                                                   - (int64_t)of.filter);
    of.sum =
        fv__slot(p->sum_at, (ptrdiff_t)(of.filter * p->sum.row), p->element);
    multiply(p, &of, point);
}

/* Some filters at all points, from the products to the weights. */
static void single_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t channels = (size_t)p->tiling.subconv.channels;
    const size_t points = (size_t)p->tiling.points;
    piece of = { .filter = item * SINGLE_FILTERS,
                 .sum = p->sums + worker * p->sum.bytes };

    of.filters = (size_t)fv__min(SINGLE_FILTERS, p->tiling.subconv.filters
                                                     - (int64_t)of.filter);
    for (; of.channel < channels; of.channel += of.channels) {
        of.channels = channels - of.channel < SINGLE_CHANNELS
                          ? channels - of.channel
                          : SINGLE_CHANNELS;
        for (size_t e = 0; e < points; e++) multiply(p, &of, e);
        for (size_t i = 0; i < of.filters; i++) restore(p, &of, i);
    }
}

/* A range of blocks; alone, its work is shared by all. */
static void part(void *argument, size_t item, size_t worker)
{
    plan p = *(const plan *)argument;
    fv_context *context = p.call->context;
    const fv__winograd *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const double elements = (double)w->products * (double)p.rows;
    const int64_t first = fv__partial_first_block(&p.bias.sizes, (int64_t)item);
    const int64_t last =
        fv__partial_first_block(&p.bias.sizes, (int64_t)item + 1);

    p.x_at = p.points + worker * p.worker;
    p.dy_at = p.x_at + p.x.bytes;
    p.sum_at = p.sums + item * p.sum.bytes;
    for (p.block = first; p.block < last; p.block++) {
        int64_t count = fv__min(p.rows, w->all - p.block * p.rows);

        p.first = p.block == first;
        fv__parallel(context, (size_t)count,
                     4 * elements * (double)(s->channels + s->filters),
                     transform, &p);
        if (p.group == 0) fv__partial_add_bias(&p.bias, (int64_t)item, p.block);
        fv__parallel(context, (size_t)(p.single ? p.cuts : w->points * p.cuts),
                     elements * (double)s->channels * (double)s->filters,
                     p.single ? single_item : multiply_item, &p);
    }
}

/* One filter, after all parts. */
static void restore_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t channels = (size_t)p->tiling.subconv.channels;
    char *sum = fv__slot(p->sums, (ptrdiff_t)(item * p->sum.row), p->element);
    const piece of = { item, 1, 0, channels, sum };

    (void)worker;
    for (size_t i = 1; i < (size_t)p->parts; i++)
        for (size_t e = 0; e < (size_t)p->tiling.points; e++) {
            char *at = fv__slot(sum, (ptrdiff_t)(e * p->sum.step), p->element);

            p->kernels->axpy((size_t)fv__scheme_phases(p->tiling.in, e)
                                 * channels,
                             1, at + i * p->sum.bytes, at);
        }
    restore(p, &of, 0);
}

void fv__winograd_weight_grad(const fv__conv_call *call)
{
    plan p = plan_of(call->context, call->geometry);
    const fv__winograd *w = &p.tiling;
    const fv__subconv *s = &w->subconv;

    if (is_few(&p)) {
        fv__winograd_small_channels_weight_grad(call, w);
        return;
    }
    p.call = call;
    p.zero = (char *)call->scratch + p.bias.bytes;
    p.sums = p.zero + p.zeros;
    p.points = p.sums + sums_of(call->context, &p) * p.sum.bytes;
    memset(p.zero, 0, p.zeros);
    fv__partials_begin(&p.bias, call);
    for (p.group = 0; p.group < s->groups; p.group++) {
        fv__parallel(call->context, (size_t)p.parts,
                     (double)(w->all * w->products) * (double)s->channels
                         * (double)s->filters,
                     part, &p);
        if (p.single) continue;
        fv__parallel(call->context, (size_t)s->filters,
                     (double)(w->products * s->channels)
                         * (double)(s->filters * p.parts),
                     restore_item, &p);
    }
    fv__partials_reduce(&p.bias);
}
