/* The items of a direct sweep: rows of an image against panels of filters. */
#include "conv/direct/direct.h"

/* Channels of a panel that is packed where it is met, so that it stays in a
 * first-level cache: chains go on from some to the next. */
enum { NEAR_CHANNELS = 256 };
/* Of all panels of an item, that pixels meet together, so that they are written
 * in long runs: few chains take less time than outputs. */
enum { TOGETHER_BYTES = 1 << 14 };
/* So many tiles share in asking for the next weights: asked for all at once,
 * these would fill what a core has for lines on their way. */
enum { ASKING = 8 };
/* Few filters take less time than what they meet, which comes from memory:
 * bytes that it is asked for before. */
enum { AHEAD_BYTES = 1 << 14 };

/* Of a block of the chains, segments [first, first + count), elements
 * [k, k + length) of each. */
typedef struct stretch {
    int64_t first, count, k, length;
} stretch;

/* So many, and elements from one to the next, in what is read and in what is
 * made. */
typedef struct axis {
    int64_t count, a, c;
} axis;

/* Output pixels of an item in lines, which tiles go along: rows of images,
 * columns, or the same pixel of all images. */
typedef struct walk {
    axis block, line, pixel;
} walk;

/* All output rows of an item against one stretch of panels. */
typedef struct target {
    int64_t image, images, group, row, rows;
    int64_t panel, panels;            /* met together */
    const char *a;                    /* tap 0 of the first output pixel */
    int64_t a_image;                  /* elements from image to image */
    char *thread_panel, *thread_sums; /* these of a block, [pixel][filter] */
    walk walk;
    bool first_met; /* pixels, by this panel */
    char *out;      /* the first output of the first filter of the panel */
} target;

/* Weights of a panel that lie where the caller has them; tap 0 of a segment
 * is `offset` from there. */
static const char *weights_at(const fv__direct *d, const target *at, int64_t k,
                              ptrdiff_t offset)
{
    const fv__subconv *s = &d->subconv;
    int64_t from = s->weight_at + at->group * s->weight_group
                   + at->panel * d->kernels->nr + k * s->weight_channel;

    return fv__at(d->call->weight, from + offset, d->element);
}

/* The columns of a stretch, copied to be neighbours. */
static void pack_near(const fv__direct *d, const target *at, const stretch *c)
{
    const size_t nr = (size_t)d->kernels->nr, length = (size_t)c->length;
    const size_t left = (size_t)d->subconv.filters - (size_t)at->panel * nr;
    const size_t n = left < nr ? left : nr;

    for (int64_t i = 0; i < c->count; i++)
        d->kernels->copy_rows(
            length, n, weights_at(d, at, c->k, d->weight_offsets[c->first + i]),
            (size_t)d->subconv.weight_channel,
            fv__slot(at->thread_panel, (ptrdiff_t)((size_t)i * length * nr),
                     d->element),
            nr);
}

/* Where the tile finds a stretch of a panel, and what comes after it. */
static void set_weights(const fv__direct *d, const target *at, const stretch *c,
                        fv__tile *t)
{
    const ptrdiff_t *offsets = d->weight_offsets + c->first;
    int64_t nr = d->kernels->nr, panel = at->group * d->panels + at->panel;
    int64_t end = c->k + c->length;

    t->b_step = (size_t)nr;
    if (!d->pack_per_thread) {
        const walk *w = &at->walk;
        const int64_t tiles = w->block.count * w->line.count
                              * fv__divide_up(w->pixel.count, d->kernels->mr);

        t->b = d->packed + (size_t)panel * d->panel_bytes
               + (size_t)(c->k * nr) * d->element;
        t->b_segment = offsets;
        t->next_step = t->b_step * d->element / (size_t)fv__min(tiles, ASKING);
        t->next = fv__at(t->b, c->count * c->length * nr, d->element);
        if (c->count) t->next = fv__at(t->next, *offsets, d->element);
        return;
    }
    pack_near(d, at, c);
    t->b = at->thread_panel;
    t->next_step = (size_t)d->subconv.weight_channel * d->element;
    if (end < d->k)
        t->next = weights_at(d, at, end, offsets[0]);
    else if (c->first + c->count < d->segments)
        t->next = weights_at(d, at, 0, offsets[c->count]);
}

/* Each tile asks for what comes next: pixels that are met for the first time;
 * or, if `weights` is not NULL, its share of those: of every row a line, or
 * packed ones in order. */
static void prefetch_next(const fv__direct *d, const target *at,
                          const char *weights, size_t tile, size_t m,
                          fv__tile *t)
{
    const size_t line = 64, row = (size_t)d->kernels->nr * d->element;
    const size_t steps = t->segments * t->k;

    if (at->first_met) {
        t->next = fv__at(t->a, (ptrdiff_t)(m * t->a_row), d->element);
        t->next_step = line;
        return;
    }
    const size_t share = d->pack_per_thread ? line : steps * t->next_step;
    const size_t all = d->pack_per_thread ? row : steps * row;

    t->next = weights && tile * share < all ? weights + tile * share : NULL;
}

static const void *after(const void *at, size_t bytes)
{
    return at ? (const char *)at + bytes : NULL;
}

/* What a stretch of panels has for all its tiles. */
typedef struct course {
    fv__tile tile;
    fv__epilogue epilogue;
    const void *residual; /* beside the target's `out` */
    size_t number;        /* tiles so far */
    const char *weights;
} course;

/* What the panels make of m pixels. */
static void run_tiles(const fv__direct *d, const target *at, course *all,
                      size_t m)
{
    const int64_t nr = d->kernels->nr;
    const size_t bytes = (size_t)nr * d->element;
    const void *const weights = all->tile.b, *const bias = all->epilogue.bias;
    int64_t filters = d->subconv.filters - at->panel * nr;

    for (int64_t p = 0; p < at->panels; p++, filters -= nr) {
        d->kernels->microkernel(m, (size_t)fv__min(filters, nr), &all->tile);
        all->tile.b = after(all->tile.b, d->panel_bytes);
        all->tile.c = (char *)all->tile.c + bytes;
        all->epilogue.bias = after(all->epilogue.bias, bytes);
        all->epilogue.residual = after(all->epilogue.residual, bytes);
    }
    all->tile.b = weights;
    all->epilogue.bias = bias;
}

/* Few filters meet whole squares of pixels: returns how many pixels these are.
 */
static size_t run_small_n(const fv__direct *d, course *all, size_t pixels)
{
    const int64_t filters = d->subconv.filters;

    if (filters > d->kernels->small_n || all->tile.k < FV__LANES) return 0;
    pixels -= pixels % FV__LANES;
    all->tile.next = (const char *)all->tile.a + AHEAD_BYTES;
    all->tile.c_column = 1;
    if (pixels)
        d->kernels->microkernel_small_n(pixels, (size_t)filters, &all->tile);
    return pixels;
}

/* A line of pixels, `from` being the first of them and `to` the first output.
 */
static void run_line(const fv__direct *d, const target *at, course *all,
                     size_t pixels, const void *from, size_t to)
{
    const void *residual = all->residual;
    const size_t mr = (size_t)d->kernels->mr;
    fv__tile *t = &all->tile;

    t->a = from;
    t->c = fv__slot(at->out, (ptrdiff_t)to, d->element);
    if (residual)
        all->epilogue.residual = fv__at(residual, (ptrdiff_t)to, d->element);
    for (size_t pixel = run_small_n(d, all, pixels), m; pixel < pixels;
         pixel += m) {
        const size_t out = to + pixel * t->c_row;

        m = fv__tile_height(pixels - pixel, mr);

        t->a = fv__at(from, (ptrdiff_t)(pixel * t->a_row), d->element);
        t->c = fv__slot(at->out, (ptrdiff_t)out, d->element);
        if (residual)
            all->epilogue.residual =
                fv__at(residual, (ptrdiff_t)out, d->element);
        prefetch_next(d, at, all->weights, all->number++, m, t);
        run_tiles(d, at, all, m);
    }
}

/* The first output of the panel's first filter. */
static size_t first_output(const fv__direct *d, const target *at)
{
    const fv__subconv *s = &d->subconv;

    return (size_t)(s->out_at + at->image * s->out_image + at->row * s->out_row
                    + at->group * s->filters + at->panel * d->kernels->nr);
}

static void run_stretch(const fv__direct *d, const target *at, const stretch *c,
                        fv__accumulation accumulation, bool last)
{
    const fv__subconv *s = &d->subconv;
    const walk *w = &at->walk;
    const size_t filter =
        (size_t)(at->group * s->filters + at->panel * d->kernels->nr);
    course all = {
        .tile = { .a_row = (size_t)w->pixel.a,
                  .a_step = 1,
                  .c_row = (size_t)w->pixel.c,
                  .segments = (size_t)c->count,
                  .k = (size_t)c->length,
                  .a_segment = d->offsets + c->first,
                  .accumulation = accumulation },
        .epilogue = d->call->epilogue,
    };

    set_weights(d, at, c, &all.tile);
    all.weights = all.tile.next;
    if (d->data) all.epilogue = (fv__epilogue){ 0 };
    all.epilogue.nontemporal = d->nontemporal;
    if (last) all.tile.epilogue = &all.epilogue;
    if (all.epilogue.bias)
        all.epilogue.bias =
            fv__at(all.epilogue.bias, (ptrdiff_t)filter, d->element);
    if (all.epilogue.residual)
        all.residual = fv__at(all.epilogue.residual,
                              (ptrdiff_t)first_output(d, at), d->element);
    all.epilogue.residual_row = all.tile.c_row;
    for (int64_t i = 0; i < w->block.count * w->line.count; i++) {
        const int64_t block = i / w->line.count, line = i % w->line.count;
        const bool very_last = at->row + line == s->out[0] - 1;
        const int64_t in = block * w->block.a + line * w->line.a + c->k;
        const int64_t out = block * w->block.c + line * w->line.c;
        const int64_t pixels = w->pixel.count - (very_last ? s->ragged : 0);

        run_line(d, at, &all, (size_t)pixels, fv__at(at->a, in, d->element),
                 (size_t)out);
    }
}

/* Adds the sums of a block to the outputs. */
static void add_block(const fv__direct *d, const target *at, const target *sums)
{
    const int64_t nr = d->kernels->nr;
    const walk *w = &at->walk, *from = &sums->walk;
    const size_t n = (size_t)fv__min(nr, d->subconv.filters - at->panel * nr);

    for (int64_t i = 0; i < w->block.count * w->line.count; i++) {
        const int64_t block = i / w->line.count, line = i % w->line.count;
        const int64_t ragged =
            at->row + line == d->subconv.out[0] - 1 ? d->subconv.ragged : 0;

        d->kernels->add_rows(
            (size_t)(w->pixel.count - ragged), n,
            fv__at(sums->out, block * from->block.c + line * from->line.c,
                   d->element),
            (size_t)from->pixel.c,
            fv__slot(at->out, block * w->block.c + line * w->line.c,
                     d->element),
            (size_t)w->pixel.c);
    }
}

/* A block of a panel that is packed where it is met, some channels at a time.
 * It takes the place of what is there, or is summed apart and added to that:
 * such sums, which are those of an input gradient, are not finished. */
static void run_near_block(const fv__direct *d, const target *at,
                           const stretch *c, fv__accumulation accumulation,
                           bool last)
{
    const bool apart = accumulation == FV__ACCUMULATE;
    const int64_t nr = d->kernels->nr;
    const int64_t length = fv__min(c->length, NEAR_CHANNELS);
    const int64_t count = fv__max(1, NEAR_CHANNELS / c->length);
    target sums = *at;
    walk *w = &sums.walk;

    if (apart) {
        sums.out = at->thread_sums;
        w->pixel.c = nr;
        w->line.c = w->pixel.count * nr;
        w->block.c = w->line.count * w->line.c;
    }
    for (int64_t s = 0; s < c->count; s += count)
        for (int64_t k = 0; k < c->length; k += length) {
            const stretch some = { c->first + s, fv__min(count, c->count - s),
                                   c->k + k, fv__min(length, c->length - k) };

            const bool end = s + count >= c->count && k + length >= c->length;

            run_stretch(d, &sums, &some, s || k ? FV__RESUME : FV__STORE,
                        last && end && !apart);
        }
    if (apart) add_block(d, at, &sums);
}

/* One of these blocks; `last` of the chains. */
static void run_block(const fv__direct *d, const target *at, const stretch *c,
                      fv__accumulation accumulation, bool last)
{
    if (d->pack_per_thread && c->count)
        run_near_block(d, at, c, accumulation, last);
    else
        run_stretch(d, at, c, accumulation, last);
}

/* What a piece has of block [at, at + n) of the whole sweep's chains, which is
 * rows of taps, taps of a row or channels of a tap. */
static stretch stretch_of(const fv__direct *d, int64_t at, int64_t n)
{
    const fv__subconv *s = &d->subconv;
    const int64_t channels = s->channels, columns = s->taps[1];
    const int64_t row = d->chain.columns * channels;
    const int64_t r = at / row - s->tap[0];
    const int64_t q = at % row / channels - s->tap[1];

    if (n >= row) {
        const int64_t first = fv__max(r, 0);
        const int64_t rows =
            fv__max(fv__min(r + n / row, s->taps[0]) - first, 0);
        const int64_t runs = d->merged ? 1 : columns;

        return (stretch){ first * runs, rows * runs, 0, d->k };
    }
    const int64_t first = fv__max(q, 0);
    const int64_t last = fv__min(q + fv__max(n / channels, 1), columns);

    if (r < 0 || r >= s->taps[0] || first >= last) return (stretch){ 0 };
    if (!d->merged)
        return (stretch){ r * columns + first, last - first, at % channels,
                          fv__min(n, channels) };
    return (stretch){ r, 1, first * channels + at % channels,
                      n < channels ? n : (last - first) * channels };
}

/* Panels: block after block of the chains, each against all rows. */
static void run_panels(const fv__direct *d, target *at)
{
    const int64_t terms = fv__chain_terms(d->chain);
    const bool add = d->data && !d->call->overwrite;
    fv__accumulation accumulation = add ? FV__ACCUMULATE : FV__STORE;
    stretch last = { 0 };

    at->out = fv__slot(d->out, (ptrdiff_t)first_output(d, at), d->element);
    for (int64_t i = 0, n; i < terms; i += n) {
        n = fv__chain_block(d->chain, i);
        const stretch c = stretch_of(d, i, n);

        if (c.count == 0) continue;
        if (last.count) {
            run_block(d, at, &last, accumulation, false);
            accumulation = FV__ACCUMULATE;
        }
        last = c;
    }
    if (last.count || !add) run_block(d, at, &last, accumulation, true);
}

static walk walk_of(const fv__direct *d, const target *at)
{
    const fv__subconv *s = &d->subconv;
    const axis images = { at->images, at->a_image, s->out_image };
    const axis rows = { at->rows, s->stride[0] * d->padded.row, s->out_row };
    const axis columns = { s->out[1], s->stride[1] * d->padded.pixel,
                           s->out_pixel };

    if (d->tile_axis == FV__TILE_BATCH) return (walk){ rows, columns, images };
    if (d->tile_axis == FV__TILE_HEIGHT) return (walk){ images, columns, rows };
    return (walk){ images, rows, columns };
}

/* Item -> images, group, block of rows. */
static target target_of(const fv__direct *d, int64_t item)
{
    const fv__subconv *s = &d->subconv;
    const int64_t line = item / d->blocks;
    target at = { .image = line / s->groups * d->images,
                  .group = line % s->groups,
                  .row = item % d->blocks * d->rows };

    at.images = fv__min(d->images, s->batch - at.image);
    at.rows = fv__min(d->rows, s->out[0] - at.row);
    return at;
}

/* A strip for each image of an item. */
static void fill(const fv__direct *d, const target *at, char *padded_copies)
{
    for (int64_t i = 0; i < at->images; i++)
        fv__padded_rows_fill(&d->subconv, &d->padded, at->image + i, at->group,
                             at->row, at->rows, d->element, d->in,
                             padded_copies + (size_t)i * d->padded_bytes);
}

static size_t padded_copies_bytes(const fv__direct *d)
{
    return (size_t)d->images * d->padded_bytes;
}

static void fill_shared(void *argument, size_t item, size_t worker)
{
    const fv__direct *d = argument;
    const target at = target_of(d, (int64_t)item);

    (void)worker;
    fill(d, &at, d->padded_copies + item * padded_copies_bytes(d));
}

/* Rows of an image that are read where they are. */
static const char *rows_in_place(const fv__direct *d, const target *at)
{
    const fv__subconv *s = &d->subconv;
    int64_t row = (at->row * s->stride[0] + s->first[0]) + at->image * s->in[0];

    return fv__at(d->in,
                  row * d->padded.row + s->first[1] * s->in_pixel
                      + at->group * s->channels,
                  d->element);
}

/* Some panels of an item. */
static void run_item(void *argument, size_t number, size_t worker)
{
    const fv__direct *d = argument;
    size_t splits = (size_t)d->splits, item = number / splits;
    target at = target_of(d, (int64_t)item);
    char *padded_copies =
        d->padded_copies
        + (splits > 1 ? item : worker) * padded_copies_bytes(d);
    const size_t split = number % splits;
    const size_t first = fv__even_at((size_t)d->panels, splits, split);
    const size_t panels = fv__even((size_t)d->panels, splits, split);

    at.thread_panel = d->thread_panels + worker * d->thread_bytes;
    at.thread_sums = at.thread_panel + fv__direct_thread_panel(d);
    if (d->padded.in_place) {
        at.a = rows_in_place(d, &at);
        at.a_image = d->subconv.in[0] * d->padded.row;
    } else {
        if (splits == 1) fill(d, &at, padded_copies);
        at.a = padded_copies;
        at.a_image = (int64_t)(d->padded_bytes / d->element);
    }
    at.walk = walk_of(d, &at);
    at.panels = !d->pack_per_thread && panels * d->panel_bytes <= TOGETHER_BYTES
                    ? (int64_t)panels
                    : 1;
    for (size_t i = 0; i < panels; i += (size_t)at.panels) {
        at.panel = (int64_t)(first + i);
        at.first_met = i == 0 && d->in_memory;
        run_panels(d, &at);
    }
    if (d->nontemporal) d->kernels->store_fence();
}

/* ---- the sweep ---------------------------------------------------------- */

size_t fv__direct_offsets(const fv__direct *d)
{
    return fv__align(2 * (size_t)d->segments * sizeof(ptrdiff_t));
}

size_t fv__direct_thread_panel(const fv__direct *d)
{
    const int64_t terms = fv__min(NEAR_CHANNELS, d->segments * d->k);

    return fv__align((size_t)(terms * d->kernels->nr) * d->element);
}

static void write_offsets(const fv__direct *d, ptrdiff_t *offsets)
{
    const fv__subconv *s = &d->subconv;

    for (int64_t i = 0; i < d->segments; i++) {
        int64_t r = d->merged ? i : i / s->taps[1];
        int64_t q = d->merged ? 0 : i % s->taps[1];
        int64_t tap = (s->tap[0] + r) * d->chain.columns + s->tap[1] + q;

        offsets[d->segments + i] =
            (ptrdiff_t)(d->pack_per_thread
                            ? r * s->weight_tap[0] + q * s->weight_tap[1]
                            : tap * s->channels * (int64_t)d->kernels->nr);
        offsets[i] = (ptrdiff_t)(r * s->step[0] * d->padded.row
                                 + q * s->step[1] * d->padded.pixel);
    }
}

void fv__direct_run(fv__direct *d)
{
    fv_context *context = d->call->context;
    const fv__subconv *s = &d->subconv;
    double pixels = (double)s->batch * (double)(s->out[0] * s->out[1]);
    double cost = pixels * (double)(s->groups * s->filters)
                  * (double)(d->segments * d->k);
    ptrdiff_t *offsets = d->call->scratch;

    write_offsets(d, offsets);
    d->offsets = offsets;
    d->weight_offsets = offsets + d->segments;
    d->padded_copies = (char *)d->call->scratch + fv__direct_offsets(d);
    d->thread_panels =
        d->padded_copies + (size_t)d->padded_count * d->padded_bytes;
    if (d->splits > 1 && !d->padded.in_place)
        fv__parallel(context, (size_t)d->items, cost, fill_shared, d);
    fv__parallel(context, (size_t)(d->items * d->splits), cost, run_item, d);
}
