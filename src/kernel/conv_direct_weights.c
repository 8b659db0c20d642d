/* Direct weight gradient: filters of the output's gradient times runs of taps
 * and channels of the image, summed over pixels where they lie. */
#include "kernel/conv_direct.h"

#include <string.h>

/* Items that any number of threads finds enough; they cut outputs only. Bytes
 * of a cache line, and of a block that is asked for while the one before is
 * met. */
enum { FEW_ITEMS = 8, LINE = 64, AHEAD_BYTES = 1 << 19 };
/* A block of dy that meets so many numbers is copied where its pixels are a
 * multiple of so many bytes apart, so that a first-level cache cannot hold
 * them: more where a tile meets a whole line of each, and does not come back.
 */
enum { COPY_NUMBERS = 128, FEW_BYTES = 512, LINE_BYTES = 4096 };
/* The sums of the largest tile of any table. */
enum { TILE_BYTES = 14 * 128 };

typedef struct weights {
    fv__sweep sweep;
    fv__strip strip;
    fv__conv_parts parts;
    size_t element;
    int64_t splits, tiles; /* pieces of the filters; tiles of a piece */
    int64_t runs, run;     /* of taps and channels; elements of one */
    bool turned;           /* these are the rows of a tile, not filters */
    bool windows;          /* a run is one, of a strip of them */
    bool whole;            /* the lines of a block are one */
    size_t dy_row;         /* elements of a pixel of dy copied; 0: none is */
    size_t strip_bytes, dy_bytes, line_bytes, worker;
    const fv__conv_call *call;
} weights;

/* Rows of the strips of a block, which meets one image or more. */
static int64_t strip_rows(const weights *w)
{
    const fv__sweep *s = &w->sweep;
    int64_t lines = fv__min(w->parts.sizes.lines, s->batch * s->out[0]);
    int64_t images = fv__divide_up(lines, s->out[0]) + 1;

    if (w->windows) return lines;
    return lines * s->stride[0] + images * w->strip.reach[0];
}

static weights plan(const fv_context *context, const fv__geometry *g)
{
    weights w = {
        .sweep = fv__sweep_of(g, FV__FORWARD, 0),
        .parts = fv__conv_parts_of(context->kernels, g),
        .element = fv__element(context->kernels),
    };
    const fv__sweep *s = &w.sweep;
    const fv__direct_form form = fv__direct_form_of(g);
    int64_t mr = context->kernels->mr;
    const size_t apart =
        2 * (size_t)mr * w.element <= LINE ? FEW_BYTES : LINE_BYTES;

    w.turned = form.turned;
    w.windows = form.windows;
    w.strip = w.windows ? fv__strip_of_windows(s) : fv__strip_of(s, w.element);
    w.run = w.windows            ? w.parts.sizes.span
            : w.strip.contiguous ? s->taps[1] * s->channels
                                 : s->channels;
    w.runs = w.parts.sizes.span / w.run;
    w.whole = fv__sweep_is_pointwise(s);
    w.splits = fv__divide_up(FEW_ITEMS, w.parts.sizes.parts * s->groups);
    w.splits = fv__min(w.splits, fv__divide_up(s->filters, mr));
    if (!w.strip.in_place)
        w.strip_bytes =
            fv__align((size_t)(strip_rows(&w) * w.strip.row) * w.element);
    if ((size_t)s->out_pixel * w.element % apart == 0
        && w.runs * w.run >= COPY_NUMBERS)
        w.dy_row =
            fv__odd_row((size_t)fv__divide_up(s->filters, w.splits), w.element);
    w.dy_bytes = w.dy_row * (size_t)w.parts.sizes.block * w.element;
    w.line_bytes = fv__align((size_t)w.parts.sizes.lines * sizeof(ptrdiff_t));
    w.worker = w.strip_bytes + w.dy_bytes + w.line_bytes;
    if (w.windows) w.worker += fv__align(w.parts.weights * w.element);
    return w;
}

/* A block of some filters of a group: its first pixel in the output, where its
 * lines begin in `base`, dy, and how its sums meet those before. */
typedef struct block {
    int64_t group, filter, filters, pixel, lines;
    const void *base, *dy;
    size_t dy_step;
    const ptrdiff_t *line;
    void *sums;
    fv__meet meet;
} block;

/* Copies the rows that output rows [first, first + rows) of an image meet; how
 * many they are in the strip. */
static int64_t copy(const weights *w, int64_t group, int64_t image,
                    int64_t first, int64_t rows, void *to)
{
    if (w->windows) {
        fv__strip_fill_windows(w->parts.kernels, &w->sweep, &w->strip, image,
                               first, rows, w->call->x, to);
        return rows;
    }
    fv__strip_fill(&w->sweep, &w->strip, image, group, first, rows, w->element,
                   w->call->x, to);
    return fv__strip_rows(&w->sweep, &w->strip, rows);
}

/* Finds, or copies, the rows that lines [first, first + count) meet. */
static block block_of(const weights *w, int64_t group, int64_t number,
                      char *scratch)
{
    const fv__sweep *s = &w->sweep;
    const fv__strip *strip = &w->strip;
    int64_t first = number * w->parts.sizes.lines;
    int64_t last = fv__min(first + w->parts.sizes.lines, s->batch * s->out[0]);
    ptrdiff_t *line =
        (ptrdiff_t *)(void *)(scratch + w->strip_bytes + w->dy_bytes);
    int64_t step = (w->windows ? 1 : s->stride[0]) * strip->row;
    int64_t held = 0; /* rows of the strip in use */
    block b = { .group = group,
                .pixel = first * s->out[1],
                .lines = last - first,
                .base = strip->in_place ? w->call->x : scratch,
                .line = line };

    for (int64_t l = first; l < last;) {
        int64_t image = l / s->out[0], row = l % s->out[0];
        int64_t rows = fv__min(s->out[0] - row, last - l);
        int64_t top = strip->in_place
                          ? image * s->in[0] + row * s->stride[0] + s->first[0]
                          : held;
        int64_t begin = top * strip->row;

        if (strip->in_place)
            begin += s->first[1] * s->in_pixel + group * s->channels;
        else
            held += copy(w, group, image, row, rows,
                         fv__slot(scratch, (size_t)begin, w->element));
        for (int64_t i = 0; i < rows; i++)
            line[l - first + i] = (ptrdiff_t)(begin + i * step);
        l += rows;
    }
    return b;
}

/* dy is read where it lies, or copied. */
static void find_dy(const weights *w, block *b, char *copied)
{
    const fv__sweep *s = &w->sweep;
    const size_t size = w->element, row = w->dy_row * size;
    const size_t pixels = (size_t)(b->lines * s->out[1]);
    const int64_t at =
        b->pixel * s->out_pixel + b->group * s->filters + b->filter;
    const char *dy = fv__at(w->call->dy, (size_t)at, size);

    b->dy = row ? copied : dy;
    b->dy_step = row ? w->dy_row : (size_t)s->out_pixel;
    for (size_t i = 0; row && i < pixels; i++)
        memcpy(copied + i * row, dy + i * (size_t)s->out_pixel * size,
               (size_t)b->filters * size);
}

/* Lines of memory that are met soon. */
typedef struct lines {
    const char *at;
    size_t count;
} lines;

/* What the next block meets, the output's gradient and the image, if it is one
 * run of memory and not too long. A tile meets a little of each pixel, which no
 * processor foresees. */
typedef struct ahead {
    lines dy, x;
} ahead;

static lines next_pixels(const weights *w, const block *b, const void *all,
                         int64_t pixel)
{
    const int64_t pixels = w->parts.sizes.block;
    const int64_t first = b->pixel + pixels;
    const int64_t left = fv__max(w->parts.sizes.pixels - first, 0);
    const size_t size = (size_t)pixel * w->element;
    const size_t bytes = (size_t)fv__min(left, pixels) * size;

    return (lines){ fv__at(all, (size_t)first * size, 1),
                    bytes <= AHEAD_BYTES ? bytes / LINE : 0 };
}

static ahead look_ahead(const weights *w, const block *b)
{
    const fv__sweep *s = &w->sweep;
    ahead a = { 0 };

    if (s->groups > 1 || w->splits > 1) return a;
    a.dy = next_pixels(w, b, w->call->dy, s->out_pixel);
    if (w->strip.in_place && fv__sweep_is_pointwise(s))
        a.x = next_pixels(w, b, w->call->x, s->in_pixel);
    return a;
}

/* Some of them, one at each step of a tile. */
static const void *take(ahead *next, size_t steps)
{
    lines *from = next->dy.count ? &next->dy : &next->x;
    const void *at = from->count ? from->at : NULL;
    const size_t taken = from->count < steps ? from->count : steps;

    from->at += taken * LINE;
    from->count -= taken;
    return at;
}

/* Some filters of a block against some numbers of a run. */
typedef struct piece {
    int64_t filter, run, number;
    size_t filters, numbers;
} piece;

/* Filters as rows, numbers as columns: the sums as they lie in the weights. */
static void run_tile(const weights *w, const piece *p, fv__tile *t,
                     const void *dy, const void *x, const block *b, char *sums)
{
    t->a = dy, t->a_step = b->dy_step;
    t->b = x, t->b_step = (size_t)(w->sweep.stride[1] * w->strip.pixel);
    t->b_segment = b->line;
    t->c = sums, t->c_row = (size_t)w->parts.sizes.span;
    t->meet = b->meet;
    w->parts.kernels->tile(p->filters, p->numbers, t);
}

/* Numbers as rows, filters as columns: the sums are turned. */
static void run_turned(const weights *w, const piece *p, fv__tile *t,
                       const void *dy, const void *x, const block *b,
                       char *sums)
{
    const fv__kernels *kernels = w->parts.kernels;
    const size_t nr = (size_t)kernels->nr, mr = (size_t)kernels->mr;
    const size_t span = (size_t)w->parts.sizes.span;
    _Alignas(64) char made[TILE_BYTES], turned[TILE_BYTES];

    t->a = x, t->a_step = (size_t)(w->sweep.stride[1] * w->strip.pixel);
    t->a_segment = b->line;
    t->b = dy, t->b_step = b->dy_step;
    t->c = made, t->c_row = nr;
    t->meet = FV__REPLACE;
    kernels->tile(p->numbers, p->filters, t);
    if (b->meet == FV__REPLACE) {
        kernels->transpose(p->numbers, p->filters, made, nr, sums, span,
                           p->numbers);
        return;
    }
    kernels->transpose(p->numbers, p->filters, made, nr, turned, mr,
                       p->numbers);
    kernels->add_rows(p->filters, p->numbers, turned, mr, sums, span);
}

static void run_piece(const weights *w, const block *b, const piece *p,
                      ahead *next)
{
    const fv__sweep *s = &w->sweep;
    const fv__strip *strip = &w->strip;
    const int64_t pixels = b->lines * s->out[1];
    const int64_t row = strip->contiguous ? p->run : p->run / s->taps[1];
    const int64_t tap = strip->contiguous ? 0 : p->run % s->taps[1];
    const int64_t filter = b->group * s->filters + b->filter + p->filter;
    const int64_t to = filter * w->parts.sizes.span + p->run * w->run;
    const int64_t at =
        row * s->step[0] * strip->row + tap * s->step[1] * strip->pixel;
    fv__tile t = {
        .a_row = 1,
        .segments = (size_t)(w->whole ? 1 : b->lines),
        .k = (size_t)(w->whole ? pixels : s->out[1]),
        .next = take(next, (size_t)pixels),
        .next_step = LINE,
    };

    (w->turned ? run_turned : run_tile)(
        w, p, &t, fv__at(b->dy, (size_t)p->filter, w->element),
        fv__at(b->base, (size_t)(at + p->number), w->element), b,
        fv__slot(b->sums, (size_t)(to + p->number), w->element));
}

static void run_block(const weights *w, const block *b)
{
    const int64_t nr = w->parts.kernels->nr, mr = w->parts.kernels->mr;
    const int64_t rows = w->turned ? w->run : b->filters;
    const int64_t columns = w->turned ? b->filters : w->run;
    const size_t tiles = (size_t)fv__divide_up(rows, mr);
    ahead next = look_ahead(w, b);

    for (int64_t r = 0; r < w->runs; r++)
        for (int64_t j = 0; j < columns; j += nr) {
            const size_t n = (size_t)fv__min(nr, columns - j);
            int64_t i = 0;

            for (size_t tile = 0; tile < tiles; tile++) {
                const size_t m = fv__even((size_t)rows, tiles, tile);
                const piece across = { i, r, j, m, n };
                const piece down = { j, r, i, n, m };

                run_piece(w, b, w->turned ? &down : &across, &next);
                i += (int64_t)m;
            }
        }
}

/* The sums of some filters, `rows` of `columns` each, the other way round. */
static void turn(const weights *w, int64_t filter, int64_t filters,
                 int64_t rows, int64_t columns, const void *from, void *to)
{
    for (int64_t f = filter; f < filter + filters; f++) {
        const size_t at = (size_t)(f * rows * columns);

        w->parts.kernels->transpose(
            (size_t)rows, (size_t)columns, fv__at(from, at, w->element),
            (size_t)columns, fv__slot(to, at, w->element), (size_t)rows,
            (size_t)rows);
    }
}

/* The blocks of a part, summed up in `sums`. */
static void run_blocks(const weights *w, int64_t part, int64_t group,
                       int64_t filter, int64_t filters, void *sums,
                       char *scratch)
{
    const fv__conv_sizes *sizes = &w->parts.sizes;

    for (int64_t i = fv__conv_part(sizes, part);
         i < fv__conv_part(sizes, part + 1); i++) {
        block b = block_of(w, group, i, scratch);

        b.filter = filter;
        b.filters = filters;
        find_dy(w, &b, scratch + w->strip_bytes);
        b.sums = sums;
        b.meet = fv__conv_part_meet(&w->parts, part, i);
        if (group == 0 && filter == 0) fv__conv_block_bias(&w->parts, part, i);
        run_block(w, &b);
    }
}

/* A part, a group and a piece of its filters. */
static void run_item(void *argument, size_t item, size_t worker)
{
    const weights *w = argument;
    size_t splits = (size_t)w->splits, split = item % splits;
    int64_t group = (int64_t)(item / splits) % w->sweep.groups;
    int64_t part = (int64_t)(item / splits) / w->sweep.groups, filter = 0;
    int64_t filters =
        (int64_t)fv__even((size_t)w->sweep.filters, splits, split);
    char *scratch =
        (char *)w->call->scratch + w->parts.bytes + worker * w->worker;
    void *sums = fv__conv_part_weights(&w->parts, part);
    void *turned = scratch + w->strip_bytes + w->dy_bytes + w->line_bytes;
    const int64_t *taps = w->sweep.taps;
    const int64_t first = fv__conv_part(&w->parts.sizes, part);

    for (size_t i = 0; i < split; i++)
        filter += (int64_t)fv__even((size_t)w->sweep.filters, splits, i);
    if (!w->windows) {
        run_blocks(w, part, group, filter, filters, sums, scratch);
        return;
    }
    if (fv__conv_part_meet(&w->parts, part, first) == FV__ACCUMULATE)
        turn(w, filter, filters, taps[0], taps[1], sums, turned);
    run_blocks(w, part, group, filter, filters, turned, scratch);
    turn(w, filter, filters, taps[1], taps[0], turned, sums);
}

size_t fv__direct_weights_scratch(const fv_context *context,
                                  const fv__geometry *g)
{
    const weights w = plan(context, g);
    size_t all;

    if (!fv__multiply(w.worker, (size_t)context->threads, &all)
        || !fv__add(all, w.parts.bytes, &all))
        return SIZE_MAX;
    return all;
}

void fv__direct_weights_run(const fv__conv_call *call)
{
    weights w = plan(call->context, call->geometry);

    w.call = call;
    fv__conv_parts_begin(&w.parts, call);
    fv__parallel(call->context,
                 (size_t)(w.parts.sizes.parts * w.sweep.groups * w.splits),
                 (double)fv__geometry_macs(call->geometry), run_item, &w);
    fv__conv_parts_add(&w.parts);
}
