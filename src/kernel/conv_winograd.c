/* Winograd's convolution: the output and the input gradient. One output is one
 * chain of fma over channels at each point of its tile. */
#include "kernel/winograd.h"

#include <string.h>

/* ---- tiles -------------------------------------------------------------- */

static int64_t tiles_of(const fv__sweep *s, int64_t m)
{
    return fv__divide_up(s->out[0], m) * fv__divide_up(s->out[1], m);
}

/* Of two schemes for 3x3 kernels what takes fewer products for an image.
 * Weights beyond a cache must be read at every point, which costs as much as
 * some tiles do: a compromise between one image, which alone reads them, and
 * many. On a tie F(2, 3), which is more exact. */
enum { READ_ELEMENTS = 1 << 15, READ_MOST = 8 };

static fv__scheme scheme_of(const fv__sweep *s)
{
    int64_t read = fv__min(READ_MOST, s->channels * s->filters / READ_ELEMENTS);

    if (s->taps[0] == 5) return (fv__scheme){ 2, 5 };
    return 16 * (tiles_of(s, 2) + read) <= 36 * (tiles_of(s, 4) + read)
               ? (fv__scheme){ 2, 3 }
               : (fv__scheme){ 4, 3 };
}

fv__winograd fv__winograd_of(const fv__geometry *g, fv__direction direction)
{
    fv__winograd w = {
        .sweep = fv__sweep_of(
            g, direction == FV__BACKWARD_DATA ? direction : FV__FORWARD, 0)
    };
    const fv__sweep *s = &w.sweep;

    w.scheme = scheme_of(s);
    w.m = w.scheme.outputs;
    w.side = fv__scheme_side(w.scheme);
    w.points = w.side * w.side;
    w.taps = s->taps[0] * s->taps[1];
    w.all = s->batch;
    for (int i = 0; i < 2; i++) {
        w.first[i] = s->first[i];
        w.tiles[i] = fv__divide_up(s->out[i], w.m);
        w.all *= w.tiles[i];
    }
    return w;
}

void fv__winograd_pixels(const int64_t image[2], int64_t pixel, int64_t side,
                         fv__pixel at, const void *in, const void *zeros,
                         size_t size, const void **pixels)
{
    const int64_t step = pixel * (int64_t)size;

    for (int64_t i = at.row; i < at.row + side; i++) {
        const bool inside = i >= 0 && i < image[0];
        const char *row =
            (const char *)in
            + (inside ? (at.image * image[0] + i) * image[1] * step : 0);

        for (int64_t j = at.column; j < at.column + side; j++)
            *pixels++ =
                inside && j >= 0 && j < image[1] ? row + j * step : zeros;
    }
}

fv__planes fv__planes_of(size_t element, int64_t points, int64_t rows,
                         int64_t n)
{
    const size_t line = 64 / element;
    fv__planes p = { .row = (((size_t)n + line - 1) / line | 1) * line };

    p.step = p.row * (size_t)rows + line;
    p.bytes = p.step * (size_t)points * element;
    return p;
}

/* ---- the plan ----------------------------------------------------------- */

/* Tiles of a block, F(4, 3)'s: enough that the weights, which pass once a
 * block, keep up, and few enough for the points to stay in a second-level
 * cache; and output channels of a product. Below SHARED_TILES in the batch,
 * their input is transformed once, and the items of work are a few channels of
 * large blocks. These cut outputs only. */
enum { BLOCK_TILES = 48, BLOCK_WIDTH = 64 };
enum { SHARED_TILES = 192, SHARED_BLOCK_TILES = 96, SHARED_WIDTH = 32 };
/* Weights that a single block meets are transformed, so many channels of them,
 * where they are used; those of the input gradient, which change before the
 * next call. */
enum { FRESH_CHANNELS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd tiling;
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
    const fv__sweep *s = &w->sweep;
    const size_t line = 64 / p.element;
    int64_t most;

    p.shared = w->all < SHARED_TILES;
    most =
        (p.shared ? SHARED_BLOCK_TILES : BLOCK_TILES) * (w->side == 4 ? 2 : 1);
    p.width = fv__min(s->filters, p.shared ? SHARED_WIDTH : BLOCK_WIDTH);
    p.widths = fv__divide_up(s->filters, p.width);
    p.blocks = fv__divide_up(w->all, most);
    p.rows = fv__divide_up(w->all, fv__max(p.blocks, 1));
    p.in = fv__planes_of(p.element, w->points, p.shared ? w->all : p.rows,
                         s->channels);
    p.out = fv__planes_of(p.element, w->points, p.rows, p.width);
    p.zeros = fv__align((size_t)s->channels * p.element);
    if (p.data && p.shared && p.blocks <= 1) {
        p.fresh = fv__planes_of(p.element, w->points, 1,
                                fv__min(FRESH_CHANNELS, s->channels)
                                    * panels_wide(&p, p.width));
        return p;
    }
    p.filter_step =
        (size_t)panels_wide(&p, s->filters) * (size_t)s->channels + line;
    p.filters = fv__align(p.filter_step * (size_t)w->points * p.element);
    return p;
}

/* ---- weights ------------------------------------------------------------ */

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__sweep *s = &p->tiling.sweep;
    const size_t panels = fv__panels(p->kernels, (size_t)s->filters);
    const size_t panel = item % panels, group = item / panels;
    const size_t numbers = (size_t)(s->channels * p->kernels->nr);

    (void)worker;
    fv__winograd_filters(
        p->kernels, &p->tiling, p->call->weight,
        &(fv__winograd_panel){ (int64_t)group, (int64_t)panel, 0, s->channels },
        p->packed + group * p->filters + panel * numbers * p->element,
        p->filter_step);
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
    const fv__sweep *s = &p.tiling.sweep;

    if (!p.filters) return;
    p.call = call;
    p.packed = call->packed;
    fv__parallel(call->context,
                 (size_t)s->groups * fv__panels(p.kernels, (size_t)s->filters),
                 (double)(s->groups * s->channels * s->filters)
                     * (double)p.tiling.points,
                 pack_panel, &p);
}

/* ---- the three steps, for tiles of one group ---------------------------- */

static void find(const plan *p, int64_t tile, const void **pixels)
{
    const fv__winograd *w = &p->tiling;
    const fv__sweep *s = &w->sweep;
    const void *from =
        fv__at(p->source, (size_t)(p->group * s->channels), p->element);
    fv__pixel at = fv__winograd_at(w, tile);

    at.row += w->first[0];
    at.column += w->first[1];
    fv__winograd_pixels(s->in, s->in_pixel, w->side, at, from, p->scratch,
                        p->element, pixels);
}

/* While a tile is transformed, the pixels of the next one come. */
static void transform(const plan *p, int64_t tile, int64_t count, char *in)
{
    const size_t channels = (size_t)p->tiling.sweep.channels;
    const void *pixels[2][FV__WINOGRAD_POINTS];

    find(p, tile, pixels[0]);
    for (int64_t i = 0; i < count; i++) {
        if (i + 1 < count) {
            find(p, tile + i + 1, pixels[(i + 1) % 2]);
            fv__winograd_ask(pixels[(i + 1) % 2], p->tiling.side,
                             p->tiling.side - p->tiling.m,
                             channels * p->element);
        }
        p->kernels->winograd_input(
            p->tiling.scheme, channels, pixels[i % 2],
            fv__slot(in, (size_t)i * p->in.row, p->element), p->in.step);
    }
}

/* Transformed weights of some filters and channels: panels, at points `step`
 * elements apart. */
typedef struct panels {
    const char *at;
    size_t step;
    int64_t filters, channel, channels;
} panels;

static const char *panel_at(const plan *p, const panels *u, size_t point,
                            int64_t first)
{
    return fv__at(u->at, point * u->step + (size_t)(first * u->channels),
                  p->element);
}

/* Each of the tiles that meet a panel fetches its share of the next one. */
static void look_ahead(const plan *p, fv__tile *t, const char *next,
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

        look_ahead(p, &t, next, tile, tiles);
        p->kernels->tile(m, n, &t);
        t.a = fv__at(t.a, m * t.a_row, p->element);
        t.c = fv__slot(t.c, m * t.c_row, p->element);
    }
}

/* `count` tiles; chains go on where these are not the first channels. */
static void multiply(const plan *p, const panels *u, int64_t count,
                     const char *in, char *out)
{
    const int64_t nr = p->kernels->nr, n = u->filters;
    const size_t points = (size_t)p->tiling.points;
    fv__tile t = { .a_row = p->in.row,
                   .a_step = 1,
                   .b_step = (size_t)nr,
                   .c_row = p->out.row,
                   .segments = 1,
                   .k = (size_t)u->channels,
                   .meet = u->channel ? FV__CONTINUE : FV__REPLACE };

    for (size_t e = 0; e < points; e++)
        for (int64_t j = 0; j < n; j += nr) {
            const char *next = j + nr < n       ? panel_at(p, u, e, j + nr)
                               : e + 1 < points ? panel_at(p, u, e + 1, 0)
                                                : NULL;

            t.a = fv__at(in, e * p->in.step + (size_t)u->channel, p->element);
            t.b = panel_at(p, u, e, j);
            t.c = fv__slot(out, e * p->out.step + (size_t)j, p->element);
            multiply_panel(p, (size_t)fv__min(n - j, nr), (size_t)count, t,
                           next);
        }
}

/* Filters first .. first + n, packed. */
static void multiply_packed(const plan *p, int64_t first, int64_t n,
                            int64_t count, const char *in, char *out)
{
    const int64_t channels = p->tiling.sweep.channels;
    const char *group = p->packed + (size_t)p->group * p->filters;
    const panels u = { fv__at(group, (size_t)(first * channels), p->element),
                       p->filter_step, n, 0, channels };

    multiply(p, &u, count, in, out);
}

/* The same, transformed to `fresh`. */
static void multiply_fresh(const plan *p, int64_t first, int64_t n,
                           int64_t count, const char *in, char *out,
                           char *fresh)
{
    const int64_t nr = p->kernels->nr, channels = p->tiling.sweep.channels;

    for (int64_t c = 0; c < channels; c += FRESH_CHANNELS) {
        const panels u = { fresh, p->fresh.step, n, c,
                           fv__min(FRESH_CHANNELS, channels - c) };

        for (int64_t j = 0; j < n; j += nr)
            fv__winograd_filters(
                p->kernels, &p->tiling, p->call->weight,
                &(fv__winograd_panel){ p->group, (first + j) / nr, c,
                                       u.channels },
                fresh + (size_t)(j * u.channels) * p->element, p->fresh.step);
        multiply(p, &u, count, in, out);
    }
}

static void restore(const plan *p, int64_t first, int64_t n, int64_t tile,
                    int64_t count, const char *out)
{
    const fv__winograd *w = &p->tiling;
    const fv__sweep *s = &w->sweep;
    const fv__finish *all = &p->call->finish;
    const size_t size = p->element;
    const int64_t channel = p->group * s->filters + first;
    fv__finish finish = *all;
    fv__winograd_tile t = { .step = p->out.step,
                            .out_row = (size_t)s->out_row,
                            .out_pixel = (size_t)s->out_pixel,
                            .add = p->data && !p->call->overwrite };

    if (!p->data && (all->bias || all->residual || all->clamp))
        t.finish = &finish;
    if (all->bias) finish.bias = fv__at(all->bias, (size_t)channel, size);
    for (int64_t i = 0; i < count; i++) {
        fv__pixel at = fv__winograd_at(w, tile + i);
        size_t to =
            (size_t)(s->out_at + at.image * s->out_image + at.row * s->out_row
                     + at.column * s->out_pixel + channel);

        t.points = fv__at(out, (size_t)i * p->out.row, size);
        t.out = fv__slot(p->target, to, size);
        t.rows = (size_t)fv__min(w->m, s->out[0] - at.row);
        t.columns = (size_t)fv__min(w->m, s->out[1] - at.column);
        if (all->residual) finish.residual = fv__at(all->residual, to, size);
        p->kernels->winograd_output(w->scheme, (size_t)n, &t);
    }
}

/* ---- items -------------------------------------------------------------- */

/* A block of tiles, from beginning to end. */
static void block_item(void *argument, size_t item, size_t worker)
{
    plan p = *(const plan *)argument;
    int64_t tile = (int64_t)item * p.rows;
    int64_t count = fv__min(p.rows, p.tiling.all - tile);
    int64_t filters = p.tiling.sweep.filters;
    char *in = p.scratch + p.zeros + worker * (p.in.bytes + p.out.bytes);

    for (p.group = 0; p.group < p.tiling.sweep.groups; p.group++) {
        transform(&p, tile, count, in);
        for (int64_t first = 0; first < filters; first += p.width) {
            int64_t n = fv__min(p.width, filters - first);

            multiply_packed(&p, first, n, count, in, in + p.in.bytes);
            restore(&p, first, n, tile, count, in + p.in.bytes);
        }
    }
}

static void input_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;

    (void)worker;
    transform(p, (int64_t)item, 1,
              fv__slot(p->scratch + p->zeros, item * p->in.row, p->element));
}

/* Some filters of a block of tiles whose input is there. */
static void output_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    int64_t tile = (int64_t)item / p->widths * p->rows;
    int64_t first = (int64_t)item % p->widths * p->width;
    int64_t count = fv__min(p->rows, p->tiling.all - tile);
    int64_t n = fv__min(p->width, p->tiling.sweep.filters - first);
    const char *in = p->scratch + p->zeros;
    char *out = p->scratch + p->zeros + p->in.bytes
                + worker * (p->out.bytes + p->fresh.bytes);

    in = fv__at(in, (size_t)tile * p->in.row, p->element);
    if (p->fresh.bytes)
        multiply_fresh(p, first, n, count, in, out, out + p->out.bytes);
    else
        multiply_packed(p, first, n, count, in, out);
    restore(p, first, n, tile, count, out);
}

static void run_sweep(const fv__conv_call *call, fv__direction direction)
{
    plan p = plan_of(call->context, call->geometry, direction);
    const fv__sweep *s = &p.tiling.sweep;
    double inputs =
        (double)p.tiling.all * (double)p.tiling.points * (double)s->channels;

    p.call = call;
    p.source = p.data ? call->dy : call->x;
    p.target = p.data ? call->dx : call->y;
    p.packed = call->packed;
    p.scratch = call->scratch;
    memset(p.scratch, 0, p.zeros);
    if (!p.shared) {
        fv__parallel(call->context, (size_t)p.blocks,
                     inputs * (double)(s->filters * s->groups), block_item, &p);
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
    for (int i = 0; i < 2; i++)
        if (g->stride[i] != 1 || g->dilation[i] != 1) return false;
    return g->kernel[0] == g->kernel[1]
           && (g->kernel[0] == 3 || g->kernel[0] == 5);
}

/* For a point of a tile: the products, begun anew for each, and the transforms
 * of a channel, in multiply-adds. All at five sixths of the pace of long
 * products. */
enum { BEGIN = 6, INPUT = 13, OUTPUT = 8, WEIGHTS = 14, LANES = 16 };

static double cost(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd w = fv__winograd_of(g, direction);
    const bool weights = direction == FV__BACKWARD_WEIGHTS;
    const int64_t channels = w.sweep.channels, filters = w.sweep.filters;
    const int64_t along = weights ? filters : channels;
    const int64_t across = weights ? channels : filters;
    const double wide = (double)fv__divide_up(across, LANES);
    const double deep = (double)fv__divide_up(along, LANES);
    const double point = wide * (double)(along + BEGIN)
                         + deep * (weights ? WEIGHTS : INPUT)
                         + wide * (weights ? WEIGHTS : OUTPUT);

    return 1.2 * (double)(w.all * w.sweep.groups) * (double)w.points * point;
}

static int64_t macs(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd w = fv__winograd_of(g, direction);

    return w.all * w.points * w.sweep.groups * w.sweep.channels
           * w.sweep.filters;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    const plan p = plan_of(context, g, direction);
    size_t all,
        worker = p.out.bytes + p.fresh.bytes + (p.shared ? 0 : p.in.bytes);

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__winograd_weights_scratch(context, g);
    if (!fv__multiply(worker, (size_t)context->threads, &all)
        || !fv__add(all, p.zeros + (p.shared ? p.in.bytes : 0), &all))
        return SIZE_MAX;
    return all;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__winograd_weights(call);
    else
        run_sweep(call, direction);
}

const fv__conv_algorithm fv__conv_winograd = {
    .name = "winograd",
    .applicable = applicable,
    .packed = packed,
    .scratch = scratch,
    .cost = cost,
    .macs = macs,
    .pack = pack,
    .run = run,
};
