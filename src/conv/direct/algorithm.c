/* Direct convolution: the tile walks over taps in the image itself, or in a
 * padded strip of it, so that there is no column matrix. */
#include "conv/direct/direct.h"

/* They cut outputs only. Bytes of a second-level cache, and of a strip; pixels
 * of an item, at most; of a row where the image has none, a multiple of every
 * table's tile, and at least where that is cut. */
enum {
    CACHE_BYTES = 1 << 20,
    STRIP_BYTES = 1 << 19,
    ITEM_PIXELS = 224,
    FLAT_ROW = 168,
    LEAST_PIXELS = 24
};
/* Weights that meet so few pixels, and need not be turned, are packed where
 * they are met. */
enum { NEAR_PIXELS = 224 };
/* So many come back to pixels often enough for these to be copied. */
enum { AGAIN_FILTERS = 256 };

static fv__padded_rows padded_of(const fv__direct *d)
{
    const fv__subconv *s = &d->subconv;

    if (s->taps[0] * s->taps[1] == 0)
        return (fv__padded_rows){ .in_place =
                                      true }; /* there is nothing to read */
    return fv__padded_rows_of(s, d->element, s->filters >= AGAIN_FILTERS);
}

/* Pixels of that of two threads which has more. */
static int64_t larger_share(int64_t pixels, int64_t row)
{
    return fv__divide_up(fv__divide_up(pixels, row), 2) * row;
}

/* Few pixels are one row and meet weights once, unless these are fewer than
 * what two threads that share filters read of each other's maps. More are rows
 * that two threads can share, where shorter ones are worth it. */
static int64_t flat_row(const fv__direct *d, int64_t pixels)
{
    const fv__subconv *s = &d->subconv;
    const int64_t mr = d->kernels->mr;
    const int64_t padded = STRIP_BYTES / (s->channels * (int64_t)d->element);
    int64_t row = FLAT_ROW;

    if (pixels <= ITEM_PIXELS) {
        if (pixels < 2 * LEAST_PIXELS || s->weight_filter == 1
            || s->channels * s->filters
                   > 2 * pixels * (s->channels + s->filters))
            return fv__max(pixels, 1);
        return fv__divide_up(fv__divide_up(pixels, 2), mr) * mr;
    }
    if (padded < row && !padded_of(d).in_place)
        row = fv__max(padded, LEAST_PIXELS) / mr * mr;
    for (int64_t least = row / 2, next = row - mr; next > least; next -= mr)
        if (32 * larger_share(pixels, next) < 31 * larger_share(pixels, row))
            row = next;
    return row;
}

/* A 1x1 sweep over all pixels is one over rows of any length: those of an item
 * are one. */
static void flatten(fv__direct *d)
{
    fv__subconv *s = &d->subconv;
    const int64_t pixels = s->batch * s->out[0] * s->out[1];
    int64_t row;

    if (!fv__subconv_is_pointwise(s)) return;
    if (s->out_row != s->out[1] * s->out_pixel
        || s->out_image != s->out[0] * s->out_row)
        return;
    row = flat_row(d, pixels);
    s->batch = 1;
    s->in[0] = s->out[0] = fv__divide_up(pixels, row);
    s->in[1] = s->out[1] = row;
    s->out_row = row * s->out_pixel;
    s->ragged = s->out[0] * row - pixels;
    d->flat = true;
}

bool fv__direct_prefers_height(int64_t rows, int64_t columns, int64_t mr)
{
    return rows * fv__divide_up(columns, mr)
           >= 2 * columns * fv__divide_up(rows, mr);
}

/* What tiles go along, rows unless others halve their number: columns, or the
 * images of an item. */
static fv__tile_axis tile_axis_of(const fv__direct *d)
{
    const int64_t columns = d->subconv.out[1], mr = d->kernels->mr;
    const bool down =
        !d->subconv.ragged && fv__direct_prefers_height(d->rows, columns, mr);

    if (fv__direct_prefers_height(d->images, down ? d->rows : columns, mr))
        return FV__TILE_BATCH;
    return down ? FV__TILE_HEIGHT : FV__TILE_WIDTH;
}

/* How the work is cut into items: blocks of rows, or some images where they are
 * small, and the filters too where these are few. They then share strips. */
static void cut(fv__direct *d)
{
    const fv__subconv *s = &d->subconv;
    int64_t row_bytes = d->padded.row * s->stride[0] * (int64_t)d->element;
    int64_t rows = ITEM_PIXELS / fv__max(1, s->out[1]);

    if (!d->padded.in_place && !d->pack_per_thread)
        rows = fv__min(rows, STRIP_BYTES / fv__max(1, row_bytes));
    d->rows = d->flat ? 1 : fv__max(1, fv__min(rows, s->out[0]));
    d->blocks = fv__divide_up(s->out[0], d->rows);
    d->panels = (int64_t)fv__panels(d->kernels, (size_t)s->filters);
    d->images =
        fv__min(ITEM_PIXELS / fv__max(1, s->out[0] * s->out[1]), s->batch);
    d->images = fv__max(1, d->images);
    d->items = fv__divide_up(s->batch, d->images) * s->groups * d->blocks;
    d->splits = fv__divide_up(FV__FEW_ITEMS, fv__max(1, d->items));
    d->splits = fv__max(1, fv__min(d->splits, d->panels));
    d->padded_bytes = fv__padded_rows_bytes(s, &d->padded, d->rows, d->element);
    d->tile_axis = tile_axis_of(d);
}

/* A sweep whose pieces are run one after the other; they share its packed
 * weights. */
typedef struct whole {
    fv__subconv subconv;
    fv__subconv_blocks cut;
    int64_t panels;
    size_t panel_bytes;
    bool pack_per_thread, data;
} whole;

static whole whole_of(const fv_context *context, const fv__geometry *g,
                      fv__direction direction, int64_t number)
{
    const fv__kernels *kernels = context->kernels;
    whole w = { .subconv = fv__subconv_of(g, direction, number),
                .data = direction == FV__BACKWARD_DATA };
    const fv__subconv *s = &w.subconv;
    const int64_t taps = s->taps[0] * s->taps[1];

    w.cut = fv__direct_blocks(s);
    w.panels = (int64_t)fv__panels(kernels, (size_t)s->filters);
    w.panel_bytes = (size_t)(taps * s->channels) * (size_t)kernels->nr
                    * fv__element(kernels);
    w.pack_per_thread = taps && s->weight_filter == 1
                        && s->batch * s->out[0] * s->out[1] <= NEAR_PIXELS;
    return w;
}

static fv__direct plan(const fv_context *context, const whole *w, int64_t piece)
{
    fv__direct d = {
        .kernels = context->kernels,
        .subconv = fv__subconv_block(&w->subconv, &w->cut, piece),
        .element = fv__element(context->kernels),
        .panel_bytes = w->panel_bytes,
        .chain = fv__subconv_chain(&w->subconv),
        .pack_per_thread = w->pack_per_thread,
        .data = w->data,
    };
    const fv__subconv *s = &d.subconv;
    int64_t taps = s->taps[0] * s->taps[1];

    flatten(&d);
    d.padded = padded_of(&d);
    d.merged = d.padded.contiguous && !d.pack_per_thread;
    d.segments = d.merged ? s->taps[0] : taps;
    d.k = d.merged ? s->taps[1] * s->channels : s->channels;
    cut(&d);
    d.in_memory = d.padded.in_place && d.segments == 1
                  && s->stride[1] * s->in_pixel == d.k
                  && s->batch * s->in[0] * d.padded.row * (int64_t)d.element
                         > CACHE_BYTES;
    if (d.pack_per_thread)
        d.thread_bytes = fv__direct_thread_panel(&d)
                         + fv__align((size_t)(s->batch * s->out[0] * s->out[1])
                                     * (size_t)d.kernels->nr * d.element);
    d.padded_count = d.images * (d.splits > 1 ? d.items : context->threads);
    return d;
}

static bool subconv_scratch(const fv_context *context, const fv__direct *d,
                            size_t *bytes)
{
    const size_t workers = d->pack_per_thread ? (size_t)context->threads : 0;
    size_t pack_per_thread;

    return fv__multiply(d->padded_bytes, (size_t)d->padded_count, bytes)
           && fv__multiply(d->thread_bytes, workers, &pack_per_thread)
           && fv__add(*bytes, pack_per_thread, bytes)
           && fv__add(*bytes, fv__direct_offsets(d), bytes);
}

/* ---- packed weights ----------------------------------------------------- */

static bool subconv_packed(const whole *w, size_t *bytes)
{
    *bytes = 0;
    if (w->pack_per_thread) return true;
    return fv__multiply(w->panel_bytes, (size_t)w->panels, bytes)
           && fv__multiply(*bytes, (size_t)w->subconv.groups, bytes);
}

typedef struct packing {
    const whole *whole;
    const fv__conv_call *call;
    char *packed;
} packing;

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    size_t panels = (size_t)p->whole->panels, group = item / panels;

    (void)worker;
    fv__subconv_pack(p->call->context->kernels, &p->whole->subconv,
                     (int64_t)group, (int64_t)(item % panels), p->call->weight,
                     p->packed + group * panels * p->whole->panel_bytes);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    const fv__direction directions[] = { FV__FORWARD, FV__BACKWARD_DATA };

    (void)context;
    for (int i = 0; i < 2; i++) {
        const int64_t count = fv__subconv_count(g, directions[i]);

        for (int64_t n = 0; n < count && count <= FV__MOST_SUBCONVS; n++) {
            const fv__subconv s = fv__subconv_of(g, directions[i], n);

            if (!fv__padded_rows_fit(&s)) return false;
        }
    }
    return true;
}

static bool tile_axis(const fv__geometry *g, fv__direction direction)
{
    return direction == FV__FORWARD && fv__direct_is_single_channel(g);
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    if (tile_axis(g, direction))
        return fv__direct_single_channel_packed(context, g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const whole w = whole_of(context, g, direction, i);
        size_t bytes;

        if (!subconv_packed(&w, &bytes) || !fv__add(all, bytes, &all))
            return SIZE_MAX;
    }
    return all;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    size_t most = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__direct_weight_grad_scratch(context, g);
    if (tile_axis(g, direction))
        return fv__direct_single_channel_scratch(context, g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const whole w = whole_of(context, g, direction, i);

        for (int64_t piece = 0; piece < fv__subconv_block_count(&w.cut);
             piece++) {
            const fv__direct d = plan(context, &w, piece);
            size_t bytes;

            if (!subconv_scratch(context, &d, &bytes)) return SIZE_MAX;
            if (bytes > most) most = bytes;
        }
    }
    return most;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    if (tile_axis(g, direction)) {
        fv__direct_single_channel_pack(call);
        return;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const whole w = whole_of(call->context, g, direction, i);
        packing p = { &w, call, at };
        size_t bytes;

        if (w.pack_per_thread) continue;
        fv__parallel(call->context, (size_t)(g->groups * w.panels),
                     (double)w.panel_bytes * (double)(w.panels * g->groups),
                     pack_panel, &p);
        if (subconv_packed(&w, &bytes)) at += bytes;
    }
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    if (g->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS) {
        fv__direct_weight_grad_run(call);
        return;
    }
    if (tile_axis(g, direction)) {
        fv__direct_single_channel_run(call);
        return;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const whole w = whole_of(call->context, g, direction, i);
        size_t bytes;

        for (int64_t piece = 0; piece < fv__subconv_block_count(&w.cut);
             piece++) {
            fv__direct d = plan(call->context, &w, piece);

            d.call = call;
            d.packed = at;
            d.in = d.data ? call->dy : call->x;
            d.out = d.data ? call->dx : call->y;
            d.nontemporal = fv__conv_is_nontemporal(call, direction);
            fv__direct_run(&d);
        }
        if (subconv_packed(&w, &bytes)) at += bytes;
    }
}

const fv__conv_algorithm fv__conv_direct = {
    .name = "direct",
    .applicable = applicable,
    .cost = fv__direct_cost,
    .plain = true,
    .by_phases = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
