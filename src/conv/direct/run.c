/* Runs a plan of direct convolution. The loop nest, from the outside:
 *
 *     items, over the threads: rows of a plane of some images,
 *     one group                                                  run_item
 *       panels of nr filters                                     run_item
 *         blocks of the sum's chain: segments of taps            run_panels
 *           lines of output pixels                               run_block
 *             tiles of at most mr pixels of a line               run_block
 *               panels, where all of an item are run together    run_tile
 *                 the microkernel
 *
 * A line is a row, a column, or one pixel of all images, by the plan's tile
 * axis. The file is longer than 600 lines because the functions of the loop
 * nest share one item and are read together. */
#include "conv/direct/direct.h"

/* At most so many tiles share the prefetch of the next panel: each its part, as
 * a core has few buffers for cache lines in flight. Tuned by measurement. */
enum { PREFETCH_TILES = 8 };
/* Bytes from what the microkernel for small n reads to what it prefetches: it
 * is limited by reading the input. Tuned by measurement. */
enum { PREFETCH_BYTES = 1 << 14 };

/* Output pixels along one axis, and elements from one to the next in the input
 * and in the output. */
typedef struct axis {
    int64_t count, in, out;
} axis;

/* A block of the chain of every output: terms [k, k + length) of each of the
 * segments [first, first + count). */
typedef struct chain_block {
    int64_t first, count, k, length;
} chain_block;

/* What the loops over one item have set so far. */
typedef struct item {
    /* Output rows [row, row + rows) of a plane of images [image, image +
     * images), and the depths [front, behind) of taps that are inside. */
    int64_t image, images, group, plane, front, behind, row, rows;
    const char *in;          /* what tap 0 of the first output pixel reads */
    axis outer, line, pixel; /* output pixels: a line is run in tiles */
    char *thread_panel, *thread_sums; /* buffers of this thread */

    /* Panels [panel, panel + panels), run together. */
    int64_t panel, panels;
    bool prefetch_pixels; /* tiles prefetch the next pixels of the line */
    char *out; /* the first filter of `panel` at the first output pixel */

    /* Operands of a chain block. */
    fv__tile tile;
    fv__epilogue epilogue;
    const void *weights;         /* of `panel`, first segment of the block, */
    const void *row_weights;     /* or of the output row; see set_row */
    const void *bias, *residual; /* of `panel`; beside `out` */
    const char *next_weights;    /* what follows the block; NULL: nothing */
    size_t steps, prefetched;    /* terms of the block; those of tiles so far */
} item;

/* Elements from the first output to `out`. */
static int64_t output_offset(const fv__direct *d, const item *it)
{
    const fv__subconv *s = &d->subconv;

    return s->out_at + it->image * s->out_image + it->plane * s->out_plane
           + it->row * s->out_row + it->group * s->filters
           + it->panel * d->kernels->nr;
}

/* Whether sums are added to what was there. */
static bool adds(const fv__direct *d) { return d->data && !d->call->overwrite; }

static fv__epilogue epilogue_of(const fv__direct *d)
{
    return fv__conv_epilogue(d->call,
                             d->data ? FV__BACKWARD_DATA : FV__FORWARD);
}

static bool has_epilogue(const fv__direct *d)
{
    const fv__epilogue e = epilogue_of(d);

    return e.bias || e.residual || e.clamp;
}

/* Pixels of line `line`: the last row of all may be shorter. */
static int64_t line_pixels(const fv__direct *d, const item *it, int64_t line)
{
    const bool last = it->row + line == d->subconv.out[0] - 1;

    return it->pixel.count - (last ? d->subconv.ragged : 0);
}

/* ---- weights ------------------------------------------------------------ */

/* The panel's weights in the caller's memory, for term k of the segment that
 * begins `offset` elements behind tap 0. */
static const char *weights_at(const fv__direct *d, const item *it, int64_t k,
                              ptrdiff_t offset)
{
    const fv__subconv *s = &d->subconv;
    const int64_t from = s->weight_at + it->group * s->weight_group
                         + it->panel * d->kernels->nr + k * s->weight_channel;

    return fv__at(d->call->weight, from + offset, d->element);
}

/* Packs the panel's weights of a chain block: [count][length][nr]. */
static void pack_thread_panel(const fv__direct *d, const item *it,
                              const chain_block *c)
{
    const int64_t nr = d->kernels->nr;
    const int64_t n = fv__min(nr, d->subconv.filters - it->panel * nr);

    for (int64_t i = 0; i < c->count; i++)
        d->kernels->copy_rows(
            (size_t)c->length, (size_t)n,
            weights_at(d, it, c->k, d->weight_offsets[c->first + i]),
            (size_t)d->subconv.weight_channel,
            fv__slot(it->thread_panel, i * c->length * nr, d->element),
            (size_t)nr);
}

/* Number of tiles of a chain block, counted by the share of its rows of taps
 * that they multiply. */
static int64_t count_tiles(const fv__direct *d, const item *it,
                           const chain_block *c)
{
    const int64_t of_row = d->merged_taps ? 1 : d->subconv.taps[1];
    const int64_t tiles = it->outer.count * it->line.count
                          * fv__divide_up(it->pixel.count, d->kernels->mr);
    int64_t rows = 0, all = 0;

    if (!d->skips_rows) return tiles;
    for (int64_t r = c->first / of_row; r * of_row < c->first + c->count;
         r++, all += it->rows) {
        int64_t low, high;

        fv__subconv_inside(&d->subconv, 0, r, &low, &high);
        low = fv__max(low, it->row);
        rows += fv__max(fv__min(high, it->row + it->rows) - low, 0);
    }
    return fv__max(tiles * rows / fv__max(all, 1), 1);
}

/* Sets the panel's weights of a chain block, and those that follow: of the same
 * panel, or of the next. */
static void set_weights(const fv__direct *d, item *it, const chain_block *c)
{
    const ptrdiff_t *offsets = d->weight_offsets + c->first;
    const int64_t nr = d->kernels->nr, end = c->k + c->length;
    const int64_t panel = it->group * d->panels + it->panel;
    fv__tile *t = &it->tile;

    t->b_step = (size_t)nr;
    if (!d->pack_per_thread) {
        const int64_t terms = c->count * c->length;
        const int64_t tiles = count_tiles(d, it, c);

        it->weights = fv__at(fv__at(d->packed, panel, d->panel_bytes),
                             c->k * nr, d->element);
        it->next_weights = fv__at(
            it->weights, terms * nr + (c->count ? *offsets : 0), d->element);
        t->b_segment = offsets;
        t->next_step =
            t->b_step * d->element / (size_t)fv__min(tiles, PREFETCH_TILES);
        return;
    }
    pack_thread_panel(d, it, c);
    it->weights = it->thread_panel;
    it->next_weights = NULL;
    t->b_segment = NULL;
    t->next_step = (size_t)d->subconv.weight_channel * d->element;
    if (c->count && end < d->k)
        it->next_weights = weights_at(d, it, end, offsets[0]);
    else if (c->first + c->count < d->segments)
        it->next_weights = weights_at(d, it, 0, offsets[c->count]);
}

/* ---- tiles -------------------------------------------------------------- */

/* The next tile, of m pixels, prefetches the pixels behind it, or its part of
 * the next weights: one cache line of each row in the caller's memory, or
 * packed ones in order. */
static void set_prefetch(const fv__direct *d, item *it, size_t m)
{
    const size_t line = 64, row = (size_t)d->kernels->nr * d->element;
    fv__tile *t = &it->tile;
    const size_t steps = t->segments * t->k, from = it->prefetched;

    if (it->prefetch_pixels) {
        t->next = fv__at(t->a, (ptrdiff_t)(m * t->a_row), d->element);
        t->next_step = line;
        return;
    }
    it->prefetched += steps;
    t->next = NULL;
    if (!it->next_weights || steps == 0) return;
    if (d->pack_per_thread) {
        const size_t column = from / it->steps, at = from % it->steps;

        if (column * line < row)
            t->next = it->next_weights + column * line + at * t->next_step;
        if (at + steps > it->steps) it->prefetched = (column + 1) * it->steps;
    } else if (from * t->next_step < it->steps * row) {
        t->next = it->next_weights + from * t->next_step;
    }
}

/* m pixels whose input is at `in` and whose output is `out` elements behind
 * the first, against all panels that are run together. */
static void run_tile(const fv__direct *d, item *it, size_t m, const void *in,
                     int64_t out)
{
    const int64_t nr = d->kernels->nr;
    const int64_t filters = d->subconv.filters - it->panel * nr;
    fv__tile *t = &it->tile;
    fv__epilogue *e = &it->epilogue;

    t->a = in;
    set_prefetch(d, it, m);
    for (int64_t p = 0; p < it->panels; p++, out += nr) {
        t->b = fv__at(it->row_weights, p, d->panel_bytes);
        t->c = fv__slot(it->out, out, d->element);
        if (it->bias) e->bias = fv__at(it->bias, p * nr, d->element);
        if (it->residual) e->residual = fv__at(it->residual, out, d->element);
        d->kernels->microkernel(m, (size_t)fv__min(filters - p * nr, nr), t);
    }
}

/* The first pixels of a line, against few filters: returns how many, a multiple
 * of FV__LANES, or 0 if the table's kernel for small n does not apply. */
static int64_t run_small_n(const fv__direct *d, item *it, int64_t pixels,
                           const void *in, int64_t out)
{
    const int64_t filters = d->subconv.filters;
    fv__tile *t = &it->tile;

    pixels -= pixels % FV__LANES;
    if (filters > d->kernels->small_n || t->k < FV__LANES || !pixels) return 0;
    t->a = in;
    t->b = it->row_weights;
    t->c = fv__slot(it->out, out, d->element);
    t->c_column = 1;
    t->next = fv__at(in, PREFETCH_BYTES, 1);
    it->epilogue.bias = it->bias;
    if (it->residual)
        it->epilogue.residual = fv__at(it->residual, out, d->element);
    d->kernels->microkernel_small_n((size_t)pixels, (size_t)filters, t);
    return pixels;
}

/* Sets what the tiles of a chain block have in common; `last`: its sums are
 * complete afterwards. */
static void set_operands(const fv__direct *d, item *it, const chain_block *c,
                         fv__accumulation accumulation, bool last)
{
    const fv__subconv *s = &d->subconv;
    const int64_t filter = it->group * s->filters + it->panel * d->kernels->nr;

    it->tile = (fv__tile){ .a_row = (size_t)it->pixel.in,
                           .a_step = 1,
                           .c_row = (size_t)it->pixel.out,
                           .segments = (size_t)c->count,
                           .k = (size_t)c->length,
                           .a_segment = d->offsets + c->first,
                           .epilogue = last ? &it->epilogue : NULL,
                           .accumulation = accumulation };
    it->epilogue = epilogue_of(d);
    it->epilogue.nontemporal = d->nontemporal;
    it->epilogue.residual_row = it->tile.c_row;
    it->bias = it->epilogue.bias;
    it->residual = it->epilogue.residual;
    if (it->bias) it->bias = fv__at(it->bias, filter, d->element);
    if (it->residual)
        it->residual = fv__at(it->residual, output_offset(d, it), d->element);
    it->steps = (size_t)(c->count * c->length);
    it->prefetched = 0;
    set_weights(d, it, c);
    it->row_weights = it->weights;
}

/* Leaves out of a chain block the rows of taps that are outside the image for
 * output row `row` of the item: the others follow one another. The first block
 * with taps inside begins the sums, unless they are added to what was there,
 * and the last one completes them. False: nothing is left to do. */
static bool set_row(const fv__direct *d, item *it, const chain_block *c,
                    int64_t row, bool last)
{
    const int64_t of_row = d->merged_taps ? 1 : d->subconv.taps[1];
    const int64_t end = c->first + c->count;
    fv__tile *t = &it->tile;
    int64_t low, high;

    fv__subconv_taps_inside(&d->subconv, 0, it->row + row, &low, &high);
    low *= of_row;
    high *= of_row;
    const int64_t first = fv__min(fv__max(low, c->first), end);
    const int64_t count = fv__max(fv__min(high, end) - first, 0);
    const bool begun = low < fv__min(high, c->first) || (count && c->k);
    const bool complete =
        count ? high <= end && c->k + c->length == d->k : low >= high && last;

    t->segments = (size_t)count;
    t->a_segment = d->offsets + first;
    if (d->pack_per_thread) {
        it->row_weights =
            fv__at(it->weights, (first - c->first) * c->length * d->kernels->nr,
                   d->element);
        return true;
    }
    t->b_segment = d->weight_offsets + first;
    if (!adds(d)) t->accumulation = begun ? FV__ACCUMULATE : FV__STORE;
    t->epilogue = complete ? &it->epilogue : NULL;
    return count || complete;
}

/* A chain block of the item's output pixels: outer axis, lines, tiles. */
static void run_block(const fv__direct *d, item *it, const chain_block *c,
                      fv__accumulation accumulation, bool last)
{
    const axis *outer = &it->outer, *line = &it->line, *pixel = &it->pixel;
    const size_t mr = (size_t)d->kernels->mr;

    set_operands(d, it, c, accumulation, last);
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t j = 0; j < line->count; j++) {
            const int64_t pixels = line_pixels(d, it, j);
            const int64_t in = i * outer->in + j * line->in + c->k;
            const int64_t out = i * outer->out + j * line->out;
            const void *first = fv__at(it->in, in, d->element);
            int64_t at;

            if (d->skips_rows
                && !set_row(d, it, c, d->tile_axis == FV__TILE_WIDTH ? j : i,
                            last))
                continue;
            at = run_small_n(d, it, pixels, first, out);
            for (int64_t m; at < pixels; at += m) {
                m = (int64_t)fv__tile_height((size_t)(pixels - at), mr);
                run_tile(d, it, (size_t)m,
                         fv__at(first, at * pixel->in, d->element),
                         out + at * pixel->out);
            }
        }
}

/* ---- chain blocks ------------------------------------------------------- */

/* Adds the sums of a chain block, [pixels][nr], to the outputs. */
static void add_thread_sums(const fv__direct *d, const item *it,
                            const item *sums)
{
    const int64_t nr = d->kernels->nr;
    const size_t n = (size_t)fv__min(nr, d->subconv.filters - it->panel * nr);

    for (int64_t i = 0; i < it->outer.count; i++)
        for (int64_t j = 0; j < it->line.count; j++) {
            const int64_t from = i * sums->outer.out + j * sums->line.out;
            const int64_t to = i * it->outer.out + j * it->line.out;

            d->kernels->add_rows(
                (size_t)line_pixels(d, it, j), n,
                fv__at(sums->out, from, d->element), (size_t)sums->pixel.out,
                fv__slot(it->out, to, d->element), (size_t)it->pixel.out);
        }
}

/* A chain block of a panel that this thread packs, FV__DIRECT_THREAD_TERMS
 * terms at a time. Where sums are added to outputs, those of the whole block
 * are summed in the thread's buffer first, since the next terms continue them.
 */
static void run_block_packing(const fv__direct *d, item *it,
                              const chain_block *c,
                              fv__accumulation accumulation, bool last)
{
    const bool add = accumulation == FV__ACCUMULATE;
    const int64_t length = fv__min(c->length, FV__DIRECT_THREAD_TERMS);
    const int64_t count = fv__max(1, FV__DIRECT_THREAD_TERMS / c->length);
    item sums = *it;

    if (add) {
        sums.out = it->thread_sums;
        sums.pixel.out = d->kernels->nr;
        sums.line.out = sums.pixel.count * sums.pixel.out;
        sums.outer.out = sums.line.count * sums.line.out;
    }
    for (int64_t i = 0; i < c->count; i += count)
        for (int64_t k = 0; k < c->length; k += length) {
            const chain_block part = { c->first + i,
                                       fv__min(count, c->count - i), c->k + k,
                                       fv__min(length, c->length - k) };
            const bool end = i + count >= c->count && k + length >= c->length;

            run_block(d, &sums, &part, i || k ? FV__RESUME : FV__STORE,
                      last && end && !add);
        }
    if (!add) return;
    add_thread_sums(d, it, &sums);
    if (last && has_epilogue(d)) /* without terms */
        run_block(d, it, &(chain_block){ 0 }, FV__ACCUMULATE, true);
}

/* Rows of taps of this block of outputs before row `row` of those of the whole
 * subconvolution, at all depths. */
static int64_t rows_before(const fv__direct *d, int64_t row)
{
    const fv__subconv *s = &d->subconv;
    const int64_t rows = d->chain.rows / s->taps[FV__DEPTH];

    return row / rows * s->taps[0]
           + fv__max(fv__min(row % rows - s->tap[0], s->taps[0]), 0);
}

/* Leaves of a chain block the segments at depths inside the image. */
static chain_block limit_depth(const fv__direct *d, const item *it,
                               chain_block c)
{
    if (fv__subconv_is_flat(&d->subconv)) return c;
    const int64_t of_depth = d->segments / d->subconv.taps[FV__DEPTH];
    const int64_t first = fv__max(c.first, it->front * of_depth);

    c.count =
        fv__max(fv__min(c.first + c.count, it->behind * of_depth) - first, 0);
    c.first = first;
    return c;
}

/* The part of terms [at, at + n) of the whole subconvolution's chain, a block
 * of it, that the outputs of the item have: rows of taps, taps of a row, or
 * channels of a tap. */
static chain_block chain_block_of(const fv__direct *d, const item *it,
                                  int64_t at, int64_t n)
{
    const fv__subconv *s = &d->subconv;
    const int64_t channels = s->channels, columns = s->taps[1];
    const int64_t row = d->chain.columns * channels;

    if (n == fv__chain_terms(d->chain))
        return limit_depth(d, it, (chain_block){ 0, d->segments, 0, d->k });
    const int64_t r = rows_before(d, at / row);
    const int64_t q = at % row / channels - s->tap[1];

    if (n >= row) {
        const int64_t rows = rows_before(d, (at + n) / row) - r;
        const int64_t of_row = d->merged_taps ? 1 : columns;

        return limit_depth(d, it,
                           (chain_block){ r * of_row, rows * of_row, 0, d->k });
    }
    const int64_t first = fv__max(q, 0);
    const int64_t last = fv__min(q + fv__max(n / channels, 1), columns);

    if (rows_before(d, at / row + 1) == r || first >= last)
        return (chain_block){ 0 };
    if (!d->merged_taps)
        return limit_depth(d, it,
                           (chain_block){ r * columns + first, last - first,
                                          at % channels,
                                          fv__min(n, channels) });
    return limit_depth(
        d, it,
        (chain_block){ r, 1, first * channels + at % channels,
                       n < channels ? n : (last - first) * channels });
}

static void run_chain_block(const fv__direct *d, item *it, const chain_block *c,
                            fv__accumulation accumulation, bool last)
{
    if (d->pack_per_thread && c->count)
        run_block_packing(d, it, c, accumulation, last);
    else
        run_block(d, it, c, accumulation, last);
}

/* Block after block of the chains of the item's current panels. An input
 * gradient that is added to, and has no taps, is left as it is. */
static void run_panels(const fv__direct *d, item *it)
{
    const int64_t terms = fv__chain_terms(d->chain);
    const bool add = adds(d);
    fv__accumulation accumulation = add ? FV__ACCUMULATE : FV__STORE;
    chain_block last = { 0 };

    it->out = fv__slot(d->out, output_offset(d, it), d->element);
    for (int64_t at = 0, n; at < terms; at += n) {
        n = fv__chain_block(d->chain, at);
        const chain_block c = chain_block_of(d, it, at, n);

        if (c.count == 0) continue;
        if (last.count) {
            run_chain_block(d, it, &last, accumulation, false);
            accumulation = FV__ACCUMULATE;
        }
        last = c;
    }
    if (last.count || !add) run_chain_block(d, it, &last, accumulation, true);
}

/* ---- items -------------------------------------------------------------- */

static item item_of(const fv__direct *d, int64_t number)
{
    const fv__subconv *s = &d->subconv;
    const int64_t plane = number / d->row_blocks;
    const bool flat = fv__subconv_is_flat(s);
    const int64_t block = flat ? plane : plane / s->out[FV__DEPTH];
    item it = { .image = block / s->groups * d->images,
                .group = block % s->groups,
                .plane = flat ? 0 : plane % s->out[FV__DEPTH],
                .behind = 1,
                .row = number % d->row_blocks * d->rows };

    if (!flat)
        fv__subconv_taps_inside(s, FV__DEPTH, it.plane, &it.front, &it.behind);
    it.images = fv__min(d->images, s->batch - it.image);
    it.rows = fv__min(d->rows, s->out[0] - it.row);
    return it;
}

/* The plane of an image that depth 0 of the taps reads. */
static int64_t first_plane(const fv__subconv *s, const item *it)
{
    return it->plane * s->stride[FV__DEPTH] + s->first[FV__DEPTH];
}

/* Copies the padded rows of each image of an item, at each depth of taps. */
static void fill_copies(const fv__direct *d, const item *it, char *copies)
{
    const fv__subconv *s = &d->subconv;

    for (int64_t i = 0; i < it->images; i++)
        for (int64_t z = it->front; z < it->behind; z++)
            fv__padded_rows_fill(
                s, &d->padded,
                (it->image + i) * s->in[FV__DEPTH] + first_plane(s, it)
                    + z * s->step[FV__DEPTH],
                it->group, it->row, it->rows, d->element, d->in,
                copies + (size_t)i * d->padded_bytes
                    + (size_t)z * d->plane_bytes);
}

/* The copies of an item, or of a thread. */
static char *copies_of(const fv__direct *d, size_t number)
{
    return d->padded_copies + number * (size_t)d->images * d->padded_bytes;
}

static void fill_shared_copies(void *argument, size_t number, size_t worker)
{
    const fv__direct *d = argument;
    const item it = item_of(d, (int64_t)number);

    (void)worker;
    fill_copies(d, &it, copies_of(d, number));
}

/* Finds the item's input, in place or in `copies`, and sets the loops over its
 * output pixels. */
static void set_loops(const fv__direct *d, item *it, const char *copies)
{
    const fv__subconv *s = &d->subconv;
    const bool in_place = d->padded.in_place;
    const int64_t first_row =
        (it->image * s->in[FV__DEPTH] + first_plane(s, it)) * s->in[0]
        + it->row * s->stride[0] + s->first[0];
    const int64_t first = first_row * d->padded.row + s->first[1] * s->in_pixel
                          + it->group * s->channels;
    const axis images = { it->images,
                          in_place ? s->in[FV__DEPTH] * s->in[0] * d->padded.row
                                   : (int64_t)(d->padded_bytes / d->element),
                          s->out_image };
    const axis rows = { it->rows, s->stride[0] * d->padded.row, s->out_row };
    const axis columns = { s->out[1], s->stride[1] * d->padded.pixel,
                           s->out_pixel };

    it->in = in_place ? fv__at(d->in, first, d->element) : copies;
    it->outer = d->tile_axis == FV__TILE_BATCH ? rows : images;
    it->line = d->tile_axis == FV__TILE_WIDTH ? rows : columns;
    it->pixel = d->tile_axis == FV__TILE_WIDTH    ? columns
                : d->tile_axis == FV__TILE_HEIGHT ? rows
                                                  : images;
}

/* One part of the panels of an item. */
static void run_item(void *argument, size_t number, size_t worker)
{
    const fv__direct *d = argument;
    const size_t splits = (size_t)d->splits, split = number % splits;
    const size_t first = fv__even_at((size_t)d->panels, splits, split);
    const int64_t panels = (int64_t)fv__even((size_t)d->panels, splits, split);
    item it = item_of(d, (int64_t)(number / splits));
    char *copies = copies_of(d, splits > 1 ? number / splits : worker);

    it.thread_panel = d->thread_buffers + worker * d->thread_bytes;
    it.thread_sums = it.thread_panel + d->thread_panel_bytes;
    if (splits == 1 && !d->padded.in_place) fill_copies(d, &it, copies);
    set_loops(d, &it, copies);
    it.panels = panels <= d->joint_panels ? panels : 1;
    for (int64_t i = 0; i < panels; i += it.panels) {
        it.panel = (int64_t)first + i;
        it.prefetch_pixels = d->prefetch_pixels && i == 0;
        run_panels(d, &it);
    }
    if (d->nontemporal) d->kernels->store_fence();
}

/* ---- the run ------------------------------------------------------------ */

static void write_offsets(const fv__direct *d, ptrdiff_t *offsets)
{
    const fv__subconv *s = &d->subconv;
    const int64_t plane = d->padded.in_place
                              ? s->step[FV__DEPTH] * s->in[0] * d->padded.row
                              : (int64_t)(d->plane_bytes / d->element);
    const int64_t columns = d->merged_taps ? 1 : s->taps[1];
    const int64_t rows = d->chain.rows / fv__max(s->taps[FV__DEPTH], 1);
    const int64_t nr = d->kernels->nr;
    ptrdiff_t *weights = offsets + d->segments;

    for (int64_t z = 0, i = 0; i < d->segments; z++)
        for (int64_t r = 0; r < s->taps[0]; r++)
            for (int64_t q = 0; q < columns; q++, i++) {
                const int64_t tap =
                    (z * rows + s->tap[0] + r) * d->chain.columns + s->tap[1]
                    + q;

                offsets[i] =
                    (ptrdiff_t)(z * plane + r * d->padded.step * d->padded.row
                                + q * s->step[1] * d->padded.pixel);
                weights[i] = (ptrdiff_t)(d->pack_per_thread
                                             ? z * s->weight_tap[FV__DEPTH]
                                                   + r * s->weight_tap[0]
                                                   + q * s->weight_tap[1]
                                             : tap * s->channels * nr);
            }
}

void fv__direct_run(fv__direct *d)
{
    fv_context *context = d->call->context;
    const fv__subconv *s = &d->subconv;
    const double pixels = (double)s->batch * (double)fv__subconv_outputs(s);
    const double macs = pixels * (double)(s->groups * s->filters)
                        * (double)(d->segments * d->k);
    ptrdiff_t *offsets = d->call->scratch;

    write_offsets(d, offsets);
    d->offsets = offsets;
    d->weight_offsets = offsets + d->segments;
    d->padded_copies = (char *)d->call->scratch + d->offsets_bytes;
    d->thread_buffers =
        d->padded_copies + (size_t)d->padded_count * d->padded_bytes;
    if (d->splits > 1 && !d->padded.in_place)
        fv__parallel(context, (size_t)d->items, macs, fill_shared_copies, d);
    fv__parallel(context, (size_t)(d->items * d->splits), macs, run_item, d);
}
