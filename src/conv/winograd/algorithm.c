/* Winograd's convolution: the output and the input gradient. One output is a
 * chain of fma over phases and channels at each point of its tile. */
#include "conv/winograd/winograd.h"

#include <string.h>

/* ---- the plan ----------------------------------------------------------- */

/* Tiles of a block, F(4, 3)'s: enough that the weights, which pass once a
 * block, keep up, and few enough for the points to stay in a second-level
 * cache; and output channels of a product. Below SHARED_TILES in the batch,
 * their input is transformed once, and the items of work are a few channels of
 * large blocks; from there on the number of blocks is even, if tiles fill as
 * many. These cut outputs only. */
enum { BLOCK_TILES = 48, BLOCK_WIDTH = 64 };
enum { SHARED_TILES = 192, SHARED_BLOCK_TILES = 96, SHARED_WIDTH = 32 };
/* Weights that a single block meets are transformed, so many channels of them,
 * where they are used; those of the input gradient, which change before the
 * next call. Their chains go on from one to the next, and are not cut. */
enum { FRESH_CHANNELS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd tiling;
    fv__winograd_tile_row small_channels; /* channels */
    bool shared;           /* all tiles are transformed before the rest */
    int64_t rows, blocks;  /* tiles of a block */
    int64_t width, widths; /* filters of a product */
    size_t filter_step;    /* elements from point to point of the weights */
    size_t filters;        /* bytes of a group's, 0: none are packed */
    fv__planes in, out;    /* points of a block: inputs, outputs */
    fv__planes fresh;      /* weights of a worker, a panel after the other */
    size_t zeros;          /* bytes of a pixel outside the image */
    const fv__conv_call *call;
    bool data;
    bool nontemporal; /* caches, outputs go */
    int64_t group;
    const char *source;
    char *target, *packed, *scratch;
} plan;

/* Filters, those missing in the last panel counted. */
static int64_t panels_wide(const plan *p, int64_t filters)
{
    return (int64_t)fv__panels(p->kernels, (size_t)filters) * p->kernels->nr;
}

static plan plan_of(const fv_context *context, const fv__geometry *g,
                    fv__direction direction)
{
    plan p = {
        .kernels = context->kernels,
        .element = fv__element(context->kernels),
        .tiling = fv__winograd_of(g, direction),
        .data = direction == FV__BACKWARD_DATA,
    };
    const fv__winograd *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const size_t line = 64 / p.element;
    const int64_t in_phases = fv__winograd_phases(w->in);
    const int64_t out_phases = fv__winograd_phases(w->out);
    int64_t most;

    p.small_channels = fv__winograd_tile_row_of(p.element, w);
    p.shared = !p.small_channels.all && w->all < SHARED_TILES;
    most = p.shared ? SHARED_BLOCK_TILES * 36 / w->points
                    : BLOCK_TILES * 36 / w->products;
    p.width = fv__min(s->filters, p.shared ? SHARED_WIDTH : BLOCK_WIDTH);
    p.widths = fv__divide_up(s->filters, p.width);
    p.blocks = fv__divide_up(w->all, most);
    if (!p.shared) p.blocks += p.blocks % 2;
    p.rows = fv__max(1, fv__divide_up(w->all, fv__max(p.blocks, 1)));
    p.blocks = fv__divide_up(w->all, p.rows);
    p.in = fv__planes_of(p.element, w->points, p.shared ? w->all : p.rows,
                         in_phases * s->channels);
    p.out = fv__planes_of(p.element, w->points, p.rows, out_phases * p.width);
    p.zeros = fv__align((size_t)s->channels * p.element);
    if (p.data && p.shared && p.blocks <= 1
        && !fv__chain_is_cut((fv__chain){ 1, 1, s->channels })) {
        p.fresh = fv__planes_of(p.element, w->points, 1,
                                fv__min(FRESH_CHANNELS, s->channels)
                                    * out_phases * panels_wide(&p, p.width));
        return p;
    }
    p.filter_step = (size_t)(panels_wide(&p, s->filters) * s->channels
                             * in_phases * out_phases)
                    + line;
    p.filters = fv__align(p.filter_step * (size_t)w->points * p.element);
    return p;
}

/* ---- weights ------------------------------------------------------------ */

/* Transformed weights of some filters and channels, in panels [depth][nr]: the
 * phases of the image that is met one after the other in each, those of the
 * image that is made in panels of their own. */
typedef struct panels {
    fv__points points;
    int64_t depth;
    int64_t filters, channel, channels;
} panels;

/* Where the panel of a filter is at a point of a phase of what is made. */
static fv__points panel_at(const plan *p, const panels *u, size_t point,
                           int64_t phase, int64_t filter)
{
    fv__points at = u->points;

    at.at = fv__slot(at.at,
                     (ptrdiff_t)(point * at.step + (size_t)phase * at.phase
                                 + (size_t)(filter * u->depth)),
                     p->element);
    return at;
}

/* Phases of weights are as far apart as their panels demand. */
static size_t phase_step(const plan *p, int64_t filters, int64_t channels)
{
    const int64_t nr = p->kernels->nr;

    return (size_t)(channels * (p->data ? panels_wide(p, filters) : nr));
}

/* All that were packed of a group. */
static panels packed_panels(const plan *p, int64_t group)
{
    const fv__subconv *s = &p->tiling.subconv;

    return (panels){ .points = { p->packed + (size_t)group * p->filters,
                                 p->filter_step,
                                 phase_step(p, s->filters, s->channels) },
                     .depth = fv__winograd_phases(p->tiling.in) * s->channels,
                     .filters = s->filters,
                     .channels = s->channels };
}

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->tiling.subconv;
    const size_t all = fv__panels(p->kernels, (size_t)s->filters);
    const size_t panel = item % all, group = item / all;
    const fv__winograd_panel of = { (int64_t)group, (int64_t)panel, 0,
                                    s->channels };
    const panels u = packed_panels(p, (int64_t)group);

    (void)worker;
    fv__winograd_filters(p->kernels, &p->tiling, p->call->weight, &of,
                         panel_at(p, &u, 0, 0, of.panel * p->kernels->nr));
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    const plan p = plan_of(context, g, direction);
    size_t all;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    return fv__multiply(p.filters, (size_t)g->groups, &all) ? all : SIZE_MAX;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    plan p = plan_of(call->context, call->geometry, direction);
    const fv__subconv *s = &p.tiling.subconv;

    if (!p.filters) return;
    p.call = call;
    p.packed = call->packed;
    fv__parallel(call->context,
                 (size_t)s->groups * fv__panels(p.kernels, (size_t)s->filters),
                 (double)(s->groups * s->channels * s->filters)
                     * (double)p.tiling.products,
                 pack_panel, &p);
}

/* ---- the three steps, for tiles of one group ---------------------------- */

static void find(const plan *p, int64_t tile, const void **pixels)
{
    const fv__winograd *w = &p->tiling;
    const fv__subconv *s = &w->subconv;
    const void *from = fv__at(p->source, p->group * s->channels, p->element);

    fv__winograd_pixels(s->in, s->in_pixel, w->pixels, fv__winograd_in(w, tile),
                        from, p->scratch, p->element, pixels);
}

/* While a tile is transformed, the pixels of the next one come. */
static void transform(const plan *p, int64_t tile, int64_t count, char *in)
{
    const size_t channels = (size_t)p->tiling.subconv.channels;
    const void *pixels[2][FV__WINOGRAD_PIXELS];

    find(p, tile, pixels[0]);
    for (int64_t i = 0; i < count; i++) {
        if (i + 1 < count) {
            find(p, tile + i + 1, pixels[(i + 1) % 2]);
            fv__winograd_prefetch(pixels[(i + 1) % 2], p->tiling.pixels,
                                  p->tiling.pixels - p->tiling.step,
                                  channels * p->element);
        }
        p->kernels->winograd_input(
            p->tiling.in, channels, pixels[i % 2],
            &(fv__points){
                fv__slot(in, (ptrdiff_t)((size_t)i * p->in.row), p->element),
                p->in.step, channels });
    }
}

/* Each of the tiles that meet a panel fetches its share of the next one. */
static void prefetch_next(const plan *p, fv__tile *t, const char *next,
                          size_t tile, size_t tiles)
{
    const size_t bytes = (size_t)p->kernels->nr * t->k * p->element;
    const size_t lines = (bytes + 63) / 64;

    t->next_step = (lines + tiles * t->k - 1) / (tiles * t->k) * 64;
    const size_t at = tile * t->k * t->next_step;
    t->next = next && at < bytes ? next + at : NULL;
}

/* One panel of filters at one point of `count` tiles. */
static void multiply_panel(const plan *p, size_t n, size_t count, fv__tile t,
                           const char *next)
{
    const size_t mr = (size_t)p->kernels->mr, tiles = (count + mr - 1) / mr;

    for (size_t tile = 0; tile < tiles; tile++) {
        size_t m = fv__even(count, tiles, tile);

        prefetch_next(p, &t, next, tile, tiles);
        p->kernels->microkernel(m, n, &t);
        t.a = fv__at(t.a, (ptrdiff_t)(m * t.a_row), p->element);
        t.c = fv__slot(t.c, (ptrdiff_t)(m * t.c_row), p->element);
    }
}

/* Panels in the order in which they are met; false: there are no more. */
typedef struct place {
    size_t point;
    int64_t phase, filter;
} place;

static bool advance(const plan *p, const panels *u, place *at)
{
    at->filter += p->kernels->nr;
    if (at->filter < u->filters) return true;
    at->filter = 0;
    if (++at->phase < fv__scheme_phases(p->tiling.out, at->point)) return true;
    at->phase = 0;
    return ++at->point < (size_t)p->tiling.points;
}

/* All blocks of the chains of a panel, k terms in all. */
static void multiply_blocks(const plan *p, size_t n, size_t count, int64_t k,
                            fv__tile t, const char *next)
{
    const fv__chain chain = { 1, 1, k };
    const void *const a = t.a, *const b = t.b;

    for (int64_t at = 0; at < k; at += (int64_t)t.k) {
        const size_t weights = (size_t)(at * p->kernels->nr);

        t.k = (size_t)fv__chain_block(chain, at);
        t.a = fv__at(a, at, p->element);
        t.b = fv__at(b, (ptrdiff_t)weights, p->element);
        if (at) t.accumulation = FV__ACCUMULATE;
        multiply_panel(p, n, count, t,
                       next ? fv__at(next, (ptrdiff_t)weights, p->element)
                            : NULL);
    }
}

/* `count` tiles; chains go on where these are not the first channels. */
static void multiply(const plan *p, const panels *u, int64_t count, char *in,
                     char *out)
{
    const int64_t nr = p->kernels->nr;
    fv__tile t = { .a_row = p->in.row,
                   .a_step = 1,
                   .b_step = (size_t)nr,
                   .c_row = p->out.row,
                   .segments = 1,
                   .accumulation = u->channel ? FV__RESUME : FV__STORE };
    place at = { 0 }, next = at;

    for (bool more = true; more; at = next) {
        more = advance(p, u, &next);
        t.a =
            fv__at(in, (ptrdiff_t)(at.point * p->in.step + (size_t)u->channel),
                   p->element);
        t.b = panel_at(p, u, at.point, at.phase, at.filter).at;
        t.c = fv__slot(out,
                       (ptrdiff_t)(at.point * p->out.step
                                   + (size_t)(at.phase * p->width + at.filter)),
                       p->element);
        multiply_blocks(
            p, (size_t)fv__min(u->filters - at.filter, nr), (size_t)count,
            fv__scheme_phases(p->tiling.in, at.point) * u->channels, t,
            more ? panel_at(p, u, next.point, next.phase, next.filter).at
                 : NULL);
    }
}

/* Filters first .. first + n, packed. */
static void multiply_packed(const plan *p, int64_t first, int64_t n,
                            int64_t count, char *in, char *out)
{
    panels u = packed_panels(p, p->group);

    u.points = panel_at(p, &u, 0, 0, first);
    u.filters = n;
    multiply(p, &u, count, in, out);
}

/* The same, transformed to `fresh`. */
static void multiply_fresh(const plan *p, int64_t first, int64_t n,
                           int64_t count, char *in, char *out, char *fresh)
{
    const int64_t nr = p->kernels->nr, channels = p->tiling.subconv.channels;

    for (int64_t c = 0; c < channels; c += FRESH_CHANNELS) {
        const int64_t some = fv__min(FRESH_CHANNELS, channels - c);
        const panels u = { .points = { fresh, p->fresh.step,
                                       phase_step(p, n, some) },
                           .depth = some,
                           .filters = n,
                           .channel = c,
                           .channels = some };

        for (int64_t j = 0; j < n; j += nr)
            fv__winograd_filters(
                p->kernels, &p->tiling, p->call->weight,
                &(fv__winograd_panel){ p->group, (first + j) / nr, c, some },
                panel_at(p, &u, 0, 0, j));
        multiply(p, &u, count, in, out);
    }
}

/* What becomes of filters channel .. of tiles. */
static fv__winograd_tile target_of(const plan *p, int64_t channel,
                                   fv__epilogue *epilogue)
{
    const fv__subconv *s = &p->tiling.subconv;
    const fv__epilogue none = { 0 };
    fv__winograd_tile t = { .points = { .step = p->out.step,
                                        .phase = (size_t)p->width },
                            .out_row = (size_t)s->out_row,
                            .out_pixel = (size_t)s->out_pixel,
                            .add = p->data && !p->call->overwrite };

    *epilogue = p->data ? none : p->call->epilogue;
    if (p->nontemporal || epilogue->bias || epilogue->residual
        || epilogue->clamp)
        t.epilogue = epilogue;
    epilogue->nontemporal = p->nontemporal;
    if (epilogue->bias)
        epilogue->bias = fv__at(epilogue->bias, channel, p->element);
    return t;
}

/* Where a tile lies. */
static void find_target(const plan *p, int64_t tile, int64_t channel,
                        fv__winograd_tile *t, fv__epilogue *epilogue)
{
    const fv__winograd *w = &p->tiling;
    const fv__subconv *s = &w->subconv;
    const void *residual = p->data ? NULL : p->call->epilogue.residual;
    const fv__pixel at = fv__winograd_out(w, tile);
    const int64_t row = fv__max(at.row, 0), column = fv__max(at.column, 0);
    const size_t to =
        (size_t)(s->out_at + at.image * s->out_image + row * s->out_row
                 + column * s->out_pixel + channel);

    t->out = fv__slot(p->target, (ptrdiff_t)to, p->element);
    t->first[0] = (size_t)(row - at.row);
    t->first[1] = (size_t)(column - at.column);
    t->end[0] = (size_t)fv__min(w->m, s->out[0] - at.row);
    t->end[1] = (size_t)(s->out[1] - at.column);
    if (residual)
        epilogue->residual = fv__at(residual, (ptrdiff_t)to, p->element);
}

static void restore(const plan *p, int64_t first, int64_t n, int64_t tile,
                    int64_t count, char *out)
{
    const int64_t channel = p->group * p->tiling.subconv.filters + first;
    fv__epilogue epilogue;
    fv__winograd_tile t = target_of(p, channel, &epilogue);

    for (int64_t i = 0; i < count; i++) {
        t.points.at =
            fv__slot(out, (ptrdiff_t)((size_t)i * p->out.row), p->element);
        find_target(p, tile + i, channel, &t, &epilogue);
        p->kernels->winograd_output(p->tiling.out, (size_t)n, &t);
    }
    if (p->nontemporal) p->kernels->store_fence();
}

/* ---- items -------------------------------------------------------------- */

/* A block of tiles, from beginning to end. */
static void block_item(void *argument, size_t item, size_t worker)
{
    plan p = *(const plan *)argument;
    int64_t tile = (int64_t)item * p.rows;
    int64_t count = fv__min(p.rows, p.tiling.all - tile);
    int64_t filters = p.tiling.subconv.filters;
    char *in = p.scratch + p.zeros + worker * (p.in.bytes + p.out.bytes);

    for (p.group = 0; p.group < p.tiling.subconv.groups; p.group++) {
        transform(&p, tile, count, in);
        for (int64_t first = 0; first < filters; first += p.width) {
            int64_t n = fv__min(p.width, filters - first);

            multiply_packed(&p, first, n, count, in, in + p.in.bytes);
            restore(&p, first, n, tile, count, in + p.in.bytes);
        }
    }
}

/* A row of tiles of few channels. */
static void row_item(void *argument, size_t row, size_t worker)
{
    const plan *p = argument;
    const fv__winograd_tile_row *small_channels = &p->small_channels;
    const panels u = packed_panels(p, 0);
    char *in = p->scratch + p->zeros + worker * small_channels->bytes;
    fv__epilogue epilogue;
    fv__winograd_small_channels t = { .x = in,
                                      .u = u.points.at,
                                      .x_step = small_channels->step,
                                      .x_channel = small_channels->channel,
                                      .u_step = u.points.step,
                                      .u_panel =
                                          (size_t)(u.depth * p->kernels->nr),
                                      .channels = (size_t)u.channels,
                                      .tiles = (size_t)small_channels->tiles,
                                      .tile = target_of(p, 0, &epilogue) };

    fv__winograd_tile_row_transform(p->kernels, &p->tiling, small_channels,
                                    (int64_t)row, p->source, in);
    find_target(p, (int64_t)row * small_channels->tiles, 0, &t.tile, &epilogue);
    p->kernels->winograd_small_channels(p->tiling.in, (size_t)u.filters, &t);
    if (p->nontemporal) p->kernels->store_fence();
}

static void input_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;

    (void)worker;
    transform(p, (int64_t)item, 1,
              fv__slot(p->scratch + p->zeros, (ptrdiff_t)(item * p->in.row),
                       p->element));
}

/* Some filters of a block of tiles whose input is there. */
static void output_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    int64_t tile = (int64_t)item / p->widths * p->rows;
    int64_t first = (int64_t)item % p->widths * p->width;
    int64_t count = fv__min(p->rows, p->tiling.all - tile);
    int64_t n = fv__min(p->width, p->tiling.subconv.filters - first);
    char *in = p->scratch + p->zeros;
    char *out = p->scratch + p->zeros + p->in.bytes
                + worker * (p->out.bytes + p->fresh.bytes);

    in = fv__slot(in, (ptrdiff_t)((size_t)tile * p->in.row), p->element);
    if (p->fresh.bytes)
        multiply_fresh(p, first, n, count, in, out, out + p->out.bytes);
    else
        multiply_packed(p, first, n, count, in, out);
    restore(p, first, n, tile, count, out);
}

static void run_sweep(const fv__conv_call *call, fv__direction direction)
{
    plan p = plan_of(call->context, call->geometry, direction);
    const fv__subconv *s = &p.tiling.subconv;
    double inputs =
        (double)p.tiling.all * (double)p.tiling.products * (double)s->channels;

    p.call = call;
    p.nontemporal = fv__conv_is_nontemporal(call, direction);
    p.source = p.data ? call->dy : call->x;
    p.target = p.data ? call->dx : call->y;
    p.packed = call->packed;
    p.scratch = call->scratch;
    memset(p.scratch, 0, p.zeros);
    if (!p.shared) {
        fv__parallel(
            call->context,
            (size_t)(p.small_channels.all ? p.small_channels.all : p.blocks),
            inputs * (double)(s->filters * s->groups),
            p.small_channels.all ? row_item : block_item, &p);
        return;
    }
    for (p.group = 0; p.group < s->groups; p.group++) {
        fv__parallel(call->context, (size_t)p.tiling.all, 4 * inputs,
                     input_item, &p);
        fv__parallel(call->context, (size_t)(p.blocks * p.widths),
                     inputs * (double)s->filters, output_item, &p);
    }
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    (void)context;
    return fv__winograd_applies(g);
}

static int64_t macs(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd w = fv__winograd_of(g, direction);

    const int64_t factors[] = { w.all, w.products, w.subconv.groups,
                                w.subconv.channels, w.subconv.filters };

    return fv__saturated_product(sizeof factors / sizeof *factors, factors);
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    const plan p = plan_of(context, g, direction);
    const size_t worker =
        p.small_channels.all
            ? p.small_channels.bytes
            : p.out.bytes + p.fresh.bytes + (p.shared ? 0 : p.in.bytes);
    size_t all;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__winograd_weight_grad_scratch(context, g);
    if (!fv__multiply(worker, (size_t)context->threads, &all)
        || !fv__add(all, p.zeros + (p.shared ? p.in.bytes : 0), &all))
        return SIZE_MAX;
    return all;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__winograd_weight_grad(call);
    else
        run_sweep(call, direction);
}

const fv__conv_algorithm fv__conv_winograd = {
    .name = "winograd",
    .applicable = applicable,
    .packed = packed,
    .scratch = scratch,
    .cost = fv__winograd_cost,
    .macs = macs,
    .pack = pack,
    .run = run,
};
