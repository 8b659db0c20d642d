/* Direct convolution: the tile walks over taps in the image itself, or in a
 * padded strip of it, so that there is no column matrix. */
#include "kernel/conv_strip.h"

/* They cut outputs, or chains that go on, only. Bytes of a second-level cache;
 * of a panel of weights that stay there; of a strip; pixels and, at least,
 * panels of an item; items that any number of threads finds enough; pixels of a
 * row where the image has none: a multiple of every table's tile. */
enum {
    CACHE_BYTES = 1 << 20,
    PANEL_BYTES = 1 << 18,
    STRIP_BYTES = 1 << 19,
    ITEM_PIXELS = 224,
    FEW_ITEMS = 8,
    FLAT_ROW = 168
};
/* Weights that are neighbours in memory and meet few tiles are read where they
 * lie, so many channels at a time. */
enum { IN_PLACE_TILES = 16, IN_PLACE_CHANNELS = 256 };

typedef struct direct {
    const fv__kernels *kernels;
    fv__sweep sweep;
    fv__strip strip;
    size_t element;
    bool in_place;          /* weights are read where they lie */
    bool merged;            /* taps of a row are one run */
    bool columns;           /* tiles go down them */
    bool in_memory;         /* the image is read in one run, from there */
    int64_t segments, k;    /* of a chain: runs of taps, elements of each */
    int64_t rows, blocks;   /* output rows of an item; of them, an image's */
    int64_t panels, splits; /* of the filters; pieces they are cut into */
    size_t panel_bytes, strip_bytes;
    bool data;
    const fv__conv_call *call;
    const char *in;
    char *out, *packed, *strips;
    const ptrdiff_t *offsets, *weight_offsets; /* of the segments */
} direct;

/* A 1x1 sweep over all pixels is one over rows of any length. */
static void flatten(direct *d)
{
    fv__sweep *s = &d->sweep;
    int64_t pixels = s->batch * s->out[0] * s->out[1];
    int64_t row = FLAT_ROW;

    if (!fv__sweep_is_pointwise(s)) return;
    if (s->out_row != s->out[1] * s->out_pixel
        || s->out_image != s->out[0] * s->out_row)
        return;
    while (row > 56 && row * s->channels * (int64_t)d->element > STRIP_BYTES)
        row /= 2;
    row = fv__max(fv__min(row, pixels), 1);
    s->batch = 1;
    s->in[0] = s->out[0] = fv__divide_up(pixels, row);
    s->in[1] = s->out[1] = row;
    s->out_row = row * s->out_pixel;
    s->ragged = s->out[0] * row - pixels;
}

bool fv__direct_goes_down(int64_t rows, int64_t columns, int64_t mr)
{
    return rows * fv__divide_up(columns, mr)
           >= 2 * columns * fv__divide_up(rows, mr);
}

/* How the work is cut into items: blocks of rows, and the filters too where
 * blocks are few. Blocks then share their strips. */
static void cut(direct *d)
{
    const fv__sweep *s = &d->sweep;
    int64_t row_bytes = d->strip.row * s->stride[0] * (int64_t)d->element;
    int64_t rows = ITEM_PIXELS / fv__max(1, s->out[1]);

    if (!d->strip.in_place)
        rows = fv__min(rows, STRIP_BYTES / fv__max(1, row_bytes));
    d->rows = fv__max(1, fv__min(rows, s->out[0]));
    d->blocks = fv__divide_up(s->out[0], d->rows);
    d->panels = (int64_t)fv__panels(d->kernels, (size_t)s->filters);
    d->splits =
        fv__divide_up(FEW_ITEMS, fv__max(1, s->batch * s->groups * d->blocks));
    d->splits = fv__max(1, fv__min(d->splits, d->panels));
    d->strip_bytes = fv__strip_bytes(s, &d->strip, d->rows, d->element);
    d->columns =
        !s->ragged && fv__direct_goes_down(d->rows, s->out[1], d->kernels->mr);
}

static direct plan(const fv_context *context, const fv__geometry *g,
                   fv__direction direction, int64_t number)
{
    direct d = {
        .kernels = context->kernels,
        .sweep = fv__sweep_of(g, direction, number),
        .element = fv__element(context->kernels),
        .data = direction == FV__BACKWARD_DATA,
    };
    const fv__sweep *s = &d.sweep;
    int64_t taps = s->taps[0] * s->taps[1];

    flatten(&d);
    if (taps)
        d.strip = fv__strip_of(s, d.element);
    else
        d.strip.in_place = true; /* there is nothing to read */
    d.in_place = taps && s->weight_filter == 1
                 && s->batch * s->out[0] * s->out[1] - s->ragged
                        <= IN_PLACE_TILES * d.kernels->mr;
    d.merged = d.strip.contiguous && !d.in_place;
    d.segments = d.merged ? s->taps[0] : taps;
    d.k = d.merged ? s->taps[1] * s->channels : s->channels;
    cut(&d);
    d.in_memory =
        d.strip.in_place && d.segments == 1 && s->stride[1] * s->in_pixel == d.k
        && s->batch * s->in[0] * d.strip.row * (int64_t)d.element > CACHE_BYTES;
    if (!d.in_place)
        d.panel_bytes =
            (size_t)(taps * s->channels) * (size_t)d.kernels->nr * d.element;
    return d;
}

static int64_t strips_shared(const direct *d)
{
    return d->splits > 1 ? d->sweep.batch * d->sweep.groups * d->blocks : 0;
}

static size_t offset_bytes(const direct *d)
{
    return fv__align(2 * (size_t)d->segments * sizeof(ptrdiff_t));
}

static bool sweep_scratch(const fv_context *context, const direct *d,
                          size_t *bytes)
{
    size_t strips =
        d->splits > 1 ? (size_t)strips_shared(d) : (size_t)context->threads;

    return fv__multiply(d->strip_bytes, strips, bytes)
           && fv__add(*bytes, offset_bytes(d), bytes);
}

/* ---- packed weights ----------------------------------------------------- */

static bool sweep_packed(const direct *d, size_t *bytes)
{
    return fv__multiply(d->panel_bytes, (size_t)d->panels, bytes)
           && fv__multiply(*bytes, (size_t)d->sweep.groups, bytes);
}

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const direct *d = argument;
    size_t panels = (size_t)d->panels, group = item / panels;

    (void)worker;
    fv__sweep_pack(d->kernels, &d->sweep, (int64_t)group,
                   (int64_t)(item % panels), d->call->weight,
                   d->packed + group * panels * d->panel_bytes);
}

/* ---- an item ------------------------------------------------------------ */

/* A stretch of the chains: segments [first, first + count), elements
 * [k, k + length) of each. */
typedef struct stretch {
    int64_t first, count, k, length;
} stretch;

/* Output pixels of an item in lines, which tiles go along; distances in
 * elements, from line to line and from pixel to pixel. */
typedef struct walk {
    int64_t count, pixels;
    int64_t a_line, a_pixel, c_line, c_pixel;
} walk;

/* All output rows of an item against one stretch of a panel. */
typedef struct target {
    int64_t image, group, row, rows, panel;
    const char *a; /* tap 0 of the first output pixel */
    walk walk;
    bool first_met; /* pixels, by this panel */
} target;

/* Weights of a panel that lie where the caller has them; tap 0 of a segment
 * is `offset` from there. */
static const char *weights_at(const direct *d, const target *at, int64_t k,
                              ptrdiff_t offset)
{
    const fv__sweep *s = &d->sweep;
    int64_t from = s->weight_at + at->group * s->weight_group
                   + at->panel * d->kernels->nr + k * s->weight_channel;

    return fv__at(d->call->weight, (size_t)(from + offset), d->element);
}

/* Where the tile finds a stretch of a panel, and what comes after it. */
static void meet_weights(const direct *d, const target *at, const stretch *c,
                         fv__tile *t)
{
    const ptrdiff_t *offsets = d->weight_offsets + c->first;
    int64_t nr = d->kernels->nr, panel = at->group * d->panels + at->panel;
    int64_t end = c->k + c->length;

    if (!d->in_place) {
        t->b = d->packed + (size_t)panel * d->panel_bytes
               + (size_t)((c->first * d->k + c->k) * nr) * d->element;
        t->b_step = (size_t)nr;
        t->next_step = t->b_step * d->element;
        t->next = fv__at(t->b, (size_t)(c->count * c->length * nr), d->element);
        return;
    }
    t->b = weights_at(d, at, c->k, 0);
    t->b_step = (size_t)d->sweep.weight_channel;
    t->b_segment = offsets;
    t->next_step = t->b_step * d->element;
    if (end < d->k)
        t->next = weights_at(d, at, end, offsets[0]);
    else if (c->first + 1 < d->segments)
        t->next = weights_at(d, at, 0, offsets[1]);
}

/* Each tile asks for what comes next: pixels that are met for the first time;
 * or, if `weights` is not NULL, a line of every row of those. */
static void look_ahead(const direct *d, const target *at, const char *weights,
                       size_t tile, size_t m, fv__tile *t)
{
    const size_t line = 64, row = (size_t)d->kernels->nr * d->element;

    if (at->first_met) {
        t->next = fv__at(t->a, m * t->a_row, d->element);
        t->next_step = line;
    } else {
        t->next = weights && tile * line < row ? weights + tile * line : NULL;
    }
}

static void run_stretch(const direct *d, const target *at, const stretch *c,
                        fv__meet meet, bool last)
{
    const fv__sweep *s = &d->sweep;
    const walk *l = &at->walk;
    size_t nr = (size_t)d->kernels->nr, mr = (size_t)d->kernels->mr, number = 0;
    int64_t first = at->panel * (int64_t)nr,
            filter = at->group * s->filters + first;
    size_t n = (size_t)fv__min(s->filters - first, (int64_t)nr);
    int64_t to =
        s->out_at + at->image * s->out_image + at->row * s->out_row + filter;
    fv__finish finish = d->call->finish;
    const void *residual = finish.residual;
    fv__tile t = {
        .a_row = (size_t)l->a_pixel,
        .a_step = 1,
        .c_row = (size_t)l->c_pixel,
        .segments = (size_t)c->count,
        .k = (size_t)c->length,
        .a_segment = d->offsets + c->first,
        .finish = last && !d->data ? &finish : NULL,
        .meet = meet,
    };

    meet_weights(d, at, c, &t);
    const char *weights = t.next;
    if (finish.bias)
        finish.bias = fv__at(finish.bias, (size_t)filter, d->element);
    finish.residual_row = t.c_row;
    for (int64_t i = 0; i < l->count; i++, to += l->c_line) {
        bool very_last = at->row + i == s->out[0] - 1;
        size_t pixels = (size_t)(l->pixels - (very_last ? s->ragged : 0));
        size_t tiles = (pixels + mr - 1) / mr, pixel = 0;

        for (size_t tile = 0; tile < tiles; tile++) {
            size_t m = fv__even(pixels, tiles, tile);
            size_t out = (size_t)to + pixel * t.c_row;

            t.a =
                fv__at(at->a, (size_t)(i * l->a_line + c->k) + pixel * t.a_row,
                       d->element);
            t.c = fv__slot(d->out, out, d->element);
            if (residual) finish.residual = fv__at(residual, out, d->element);
            look_ahead(d, at, weights, number++, m, &t);
            d->kernels->tile(m, n, &t);
            pixel += m;
        }
    }
}

/* One panel: stretch after stretch of its weights, each against all rows. What
 * is added to cannot hold a sum that goes on, so there the stretch is whole. */
static void run_panel(const direct *d, const target *at)
{
    int64_t nr = d->kernels->nr * (int64_t)d->element;
    bool add = d->data && !d->call->overwrite;
    int64_t most = add           ? d->k * d->segments
                   : d->in_place ? IN_PLACE_CHANNELS
                                 : PANEL_BYTES / nr;
    int64_t length = fv__min(d->k, most),
            count = fv__max(1, most / fv__max(1, d->k));
    fv__meet meet = add ? FV__ACCUMULATE : FV__REPLACE;

    if (d->segments == 0 && !add)
        run_stretch(d, at, &(stretch){ 0 }, meet, false);
    for (int64_t s = 0; s < d->segments; s += count)
        for (int64_t k = 0; k < d->k; k += length) {
            const stretch c = { s, fv__min(count, d->segments - s), k,
                                fv__min(length, d->k - k) };

            run_stretch(d, at, &c, meet,
                        s + count >= d->segments && k + length >= d->k);
            meet = FV__CONTINUE;
        }
}

static walk walk_of(const direct *d, int64_t lines)
{
    const fv__sweep *s = &d->sweep;
    const walk rows = { lines,
                        s->out[1],
                        s->stride[0] * d->strip.row,
                        s->stride[1] * d->strip.pixel,
                        s->out_row,
                        s->out_pixel };
    const walk columns = { rows.pixels, rows.count,   rows.a_pixel,
                           rows.a_line, rows.c_pixel, rows.c_line };

    return d->columns ? columns : rows;
}

/* Item -> image, group, block of rows, piece of the panels. */
static target target_of(const direct *d, int64_t block)
{
    int64_t line = block / d->blocks;
    target at = { .image = line / d->sweep.groups,
                  .group = line % d->sweep.groups,
                  .row = block % d->blocks * d->rows };

    at.rows = fv__min(d->rows, d->sweep.out[0] - at.row);
    return at;
}

static void fill(const direct *d, const target *at, char *strip)
{
    fv__strip_fill(&d->sweep, &d->strip, at->image, at->group, at->row,
                   at->rows, d->element, d->in, strip);
}

static void fill_shared(void *argument, size_t item, size_t worker)
{
    const direct *d = argument;
    const target at = target_of(d, (int64_t)item);

    (void)worker;
    fill(d, &at, d->strips + item * d->strip_bytes);
}

/* Rows of an image that are read where they are. */
static const char *rows_in_place(const direct *d, const target *at)
{
    const fv__sweep *s = &d->sweep;
    int64_t row = (at->row * s->stride[0] + s->first[0]) + at->image * s->in[0];

    return fv__at(d->in,
                  (size_t)(row * d->strip.row + s->first[1] * s->in_pixel
                           + at->group * s->channels),
                  d->element);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const direct *d = argument;
    size_t splits = (size_t)d->splits, block = item / splits;
    target at = target_of(d, (int64_t)block);
    char *strip = d->strips + (splits > 1 ? block : worker) * d->strip_bytes;
    size_t panel = 0, split = item % splits;

    if (d->strip.in_place)
        at.a = rows_in_place(d, &at);
    else if (splits == 1)
        fill(d, &at, strip);
    if (!d->strip.in_place) at.a = strip;
    at.walk = walk_of(d, at.rows);
    for (size_t i = 0; i < split; i++)
        panel += fv__even((size_t)d->panels, splits, i);
    for (size_t i = 0; i < fv__even((size_t)d->panels, splits, split); i++) {
        at.panel = (int64_t)(panel + i);
        at.first_met = i == 0 && d->in_memory;
        run_panel(d, &at);
    }
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    const fv__direction directions[] = { FV__FORWARD, FV__BACKWARD_DATA };

    (void)context;
    for (int i = 0; i < 2; i++)
        for (int64_t n = 0; n < fv__sweep_count(g, directions[i]); n++) {
            const fv__sweep s = fv__sweep_of(g, directions[i], n);

            if (!fv__strip_fits(&s)) return false;
        }
    return true;
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const direct d = plan(context, g, direction, i);
        size_t bytes;

        if (!sweep_packed(&d, &bytes) || !fv__add(all, bytes, &all))
            return SIZE_MAX;
    }
    return all;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    size_t most = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__direct_weights_scratch(context, g);
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const direct d = plan(context, g, direction, i);
        size_t bytes;

        if (!sweep_scratch(context, &d, &bytes)) return SIZE_MAX;
        if (bytes > most) most = bytes;
    }
    return most;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        direct d = plan(call->context, g, direction, i);
        size_t bytes;

        if (d.in_place) continue;
        d.call = call;
        d.packed = at;
        fv__parallel(call->context, (size_t)(g->groups * d.panels),
                     (double)(d.segments * d.k * d.sweep.filters)
                         * (double)g->groups,
                     pack_panel, &d);
        if (sweep_packed(&d, &bytes)) at += bytes;
    }
}

static void write_offsets(const direct *d, ptrdiff_t *offsets)
{
    const fv__sweep *s = &d->sweep;

    for (int64_t i = 0; i < d->segments; i++) {
        int64_t r = d->merged ? i : i / s->taps[1];
        int64_t q = d->merged ? 0 : i % s->taps[1];

        offsets[d->segments + i] =
            (ptrdiff_t)(r * s->weight_tap[0] + q * s->weight_tap[1]);
        offsets[i] = (ptrdiff_t)(r * s->step[0] * d->strip.row
                                 + q * s->step[1] * d->strip.pixel);
    }
}

static void run_sweep(direct *d)
{
    fv_context *context = d->call->context;
    const fv__sweep *s = &d->sweep;
    size_t blocks = (size_t)(s->batch * s->groups * d->blocks);
    double pixels = (double)s->batch * (double)(s->out[0] * s->out[1]);
    double cost = pixels * (double)(s->groups * s->filters)
                  * (double)(d->segments * d->k);
    ptrdiff_t *offsets = d->call->scratch;

    write_offsets(d, offsets);
    d->offsets = offsets;
    d->weight_offsets = offsets + d->segments;
    d->strips = (char *)d->call->scratch + offset_bytes(d);
    if (d->splits > 1 && !d->strip.in_place)
        fv__parallel(context, blocks, cost, fill_shared, d);
    fv__parallel(context, blocks * (size_t)d->splits, cost, run_item, d);
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    if (g->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS) {
        fv__direct_weights_run(call);
        return;
    }
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        direct d = plan(call->context, g, direction, i);
        size_t bytes;

        d.call = call;
        d.packed = at;
        d.in = d.data ? call->dy : call->x;
        d.out = d.data ? call->dx : call->y;
        run_sweep(&d);
        if (sweep_packed(&d, &bytes)) at += bytes;
    }
}

const fv__conv_algorithm fv__conv_direct = {
    .name = "direct",
    .applicable = applicable,
    .cost = fv__direct_cost,
    .plain = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
