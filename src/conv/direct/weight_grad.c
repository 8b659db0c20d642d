/* Direct weight gradient: filters of the output's gradient times runs of taps
 * and channels of the image, summed over pixels where they lie. */
#include "conv/direct/direct.h"

/* Bytes of a cache line, and of a block that is asked for while the one before
 * is met. */
enum { LINE = 64, AHEAD_BYTES = 1 << 19 };
/* A block of dy that meets so many numbers is copied where its pixels are a
 * multiple of so many bytes apart, so that a first-level cache cannot hold
 * them: more where a tile meets a whole line of each, and does not come back.
 */
enum { COPY_NUMBERS = 128, FEW_BYTES = 512, LINE_BYTES = 4096 };
/* Columns that so many tiles meet are packed first; so many filters of a block
 * stay in a second-level cache while they do. */
enum { PACK_TILES = 6, NEAR_FILTERS = 168 };

typedef struct weights {
    fv__subconv subconv;
    fv__padded_rows padded;
    fv__partials parts;
    size_t element;
    int64_t runs, run;       /* of taps and channels; elements of one */
    int64_t pack_per_thread; /* filters that all panels meet before others do */
    int64_t splits;  /* pieces of the columns of tiles, or of the filters */
    bool transposed; /* filters are the columns of tiles, not runs */
    bool windows;    /* a run is one, of a strip of them */
    bool inside;     /* a run is a tap, at the pixels that it meets */
    bool whole;      /* the lines of a block are one */
    bool by_filters; /* it is they that are split */
    bool packs;      /* columns, for all of their tiles */
    size_t dy_row;   /* elements of a pixel of dy copied; 0: none is */
    size_t padded_bytes, dy_bytes, line_bytes, column_bytes, worker;
    const fv__conv_call *call;
} weights;

/* Rows of the strips of a block, which meets one image or more. */
static int64_t strip_rows(const weights *w)
{
    const fv__subconv *s = &w->subconv;
    int64_t lines = fv__min(w->parts.sizes.lines, s->batch * s->out[0]);
    int64_t images = fv__divide_up(lines, s->out[0]) + 1;

    if (w->windows) return lines;
    return lines * s->stride[0] + images * w->padded.reach[0];
}

/* Panels of columns, those of runs one after the other. */
static int64_t panels(const weights *w)
{
    const int64_t nr = w->parts.kernels->nr;

    return w->transposed ? fv__divide_up(w->subconv.filters, nr)
                         : w->runs * fv__divide_up(w->run, nr);
}

/* What an item does not split, it copies: the smaller side. */
static void split(weights *w)
{
    const int64_t small_channels = FV__FEW_ITEMS, mr = w->parts.kernels->mr;
    const int64_t filters = w->subconv.filters, span = w->parts.sizes.span;

    w->by_filters = w->transposed || w->windows || filters > span
                    || filters >= small_channels * NEAR_FILTERS;
    w->splits =
        fv__divide_up(small_channels, w->parts.sizes.parts * w->subconv.groups);
    w->splits = fv__min(w->splits,
                        w->by_filters ? fv__divide_up(filters, mr) : panels(w));
}

/* Of dy, and of columns. */
static void choose_copies(weights *w)
{
    const fv__subconv *s = &w->subconv;
    const int64_t nr = w->parts.kernels->nr, mr = w->parts.kernels->mr;
    const size_t block = (size_t)w->parts.sizes.block;
    const int64_t filters =
        fv__divide_up(s->filters, w->by_filters ? w->splits : 1);
    const int64_t most = w->transposed ? filters : NEAR_FILTERS;

    w->pack_per_thread = fv__divide_up(filters, fv__divide_up(filters, most));

    const int64_t tiles = w->transposed ? w->runs * fv__divide_up(w->run, mr)
                                        : fv__divide_up(w->pack_per_thread, mr);
    const size_t apart =
        2 * (size_t)mr * w->element <= LINE ? FEW_BYTES : LINE_BYTES;

    w->packs = !w->windows && tiles >= PACK_TILES;
    if ((size_t)s->out_pixel * w->element % apart == 0
        && w->parts.sizes.span >= COPY_NUMBERS && !(w->transposed && w->packs))
        w->dy_row = fv__odd_row((size_t)w->pack_per_thread, w->element);
    w->dy_bytes = w->dy_row * block * w->element;
    if (w->packs) w->column_bytes = fv__align(block * (size_t)nr * w->element);
}

static weights plan(const fv_context *context, const fv__geometry *g)
{
    weights w = {
        .subconv = fv__subconv_of(g, FV__FORWARD, 0),
        .parts = fv__partials_of(context->kernels, g),
        .element = fv__element(context->kernels),
    };
    const fv__subconv *s = &w.subconv;
    const fv__direct_weight_grad_form form = fv__direct_weight_grad_form_of(g);

    w.transposed = form.transposed;
    w.windows = form.windows;
    w.inside = form.inside;
    w.padded = w.windows  ? fv__padded_rows_of_windows(s)
               : w.inside ? fv__padded_rows_in_place(s)
                          : fv__padded_rows_of(s, w.element, false);
    w.run = w.windows             ? w.parts.sizes.span
            : w.padded.contiguous ? s->taps[1] * s->channels
                                  : s->channels;
    w.runs = w.parts.sizes.span / w.run;
    w.whole = fv__subconv_is_pointwise(s);
    split(&w);
    choose_copies(&w);
    if (!w.padded.in_place)
        w.padded_bytes =
            fv__align((size_t)(strip_rows(&w) * w.padded.row) * w.element);
    w.line_bytes =
        fv__align(3 * (size_t)w.parts.sizes.lines * sizeof(ptrdiff_t));
    w.worker = w.padded_bytes + w.dy_bytes + w.line_bytes + w.column_bytes;
    if (w.windows || w.transposed)
        w.worker +=
            fv__align((size_t)(w.parts.sizes.span * s->filters) * w.element);
    return w;
}

/* A block of a group, or of some of its filters or panels: its first pixel in
 * the output, where its lines begin in `base`, dy, memory for a panel, and how
 * its sums meet those before. */
typedef struct block {
    int64_t group, filter, filters, panel, panels, pixel, lines;
    const void *base, *dy;
    size_t dy_step;
    ptrdiff_t *line;
    void *column, *sums;
    fv__accumulation accumulation;
} block;

/* Copies the rows that output rows [first, first + rows) of an image meet; how
 * many they are in the strip. */
static int64_t copy(const weights *w, int64_t group, int64_t image,
                    int64_t first, int64_t rows, void *to)
{
    if (w->windows) {
        fv__padded_rows_fill_windows(w->parts.kernels, &w->subconv, &w->padded,
                                     image, first, rows, w->call->x, to);
        return rows;
    }
    fv__padded_rows_fill(&w->subconv, &w->padded, image, group, first, rows,
                         w->element, w->call->x, to);
    return fv__padded_rows_count(&w->subconv, &w->padded, rows);
}

/* Finds, or copies, the rows that the lines of block `number` meet; *b says
 * which part of it. */
static void find_lines(const weights *w, int64_t number, char *scratch,
                       block *b)
{
    const fv__subconv *s = &w->subconv;
    const fv__padded_rows *padded = &w->padded;
    int64_t first = number * w->parts.sizes.lines;
    int64_t last = fv__min(first + w->parts.sizes.lines, s->batch * s->out[0]);
    ptrdiff_t *line =
        (ptrdiff_t *)(void *)(scratch + w->padded_bytes + w->dy_bytes);
    int64_t step = (w->windows ? 1 : s->stride[0]) * padded->row;
    int64_t held = 0; /* rows of the strip in use */

    b->pixel = first * s->out[1];
    b->lines = last - first;
    b->base = padded->in_place ? w->call->x : scratch;
    b->line = line;
    for (int64_t l = first; l < last;) {
        int64_t image = l / s->out[0], row = l % s->out[0];
        int64_t rows = fv__min(s->out[0] - row, last - l);
        int64_t top = padded->in_place
                          ? image * s->in[0] + row * s->stride[0] + s->first[0]
                          : held;
        int64_t begin = top * padded->row;

        if (padded->in_place)
            begin += s->first[1] * s->in_pixel + b->group * s->channels;
        else
            held += copy(w, b->group, image, row, rows,
                         fv__slot(scratch, begin, w->element));
        for (int64_t i = 0; i < rows; i++)
            line[l - first + i] = (ptrdiff_t)(begin + i * step);
        l += rows;
    }
}

/* dy is read where it lies, or copied. */
static void find_dy(const weights *w, block *b, char *copied)
{
    const fv__subconv *s = &w->subconv;
    const int64_t at =
        b->pixel * s->out_pixel + b->group * s->filters + b->filter;
    const void *dy = fv__at(w->call->dy, at, w->element);

    b->dy = w->dy_row ? copied : dy;
    b->dy_step = w->dy_row ? w->dy_row : (size_t)s->out_pixel;
    if (w->dy_row)
        w->parts.kernels->copy_rows((size_t)(b->lines * s->out[1]),
                                    (size_t)b->filters, dy,
                                    (size_t)s->out_pixel, copied, w->dy_row);
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

    return (lines){ fv__at(all, (ptrdiff_t)((size_t)first * size), 1),
                    bytes <= AHEAD_BYTES ? bytes / LINE : 0 };
}

static ahead prefetch_next(const weights *w, const block *b)
{
    const fv__subconv *s = &w->subconv;
    ahead a = { 0 };

    if (s->groups > 1 || w->splits > 1) return a;
    a.dy = next_pixels(w, b, w->call->dy, s->out_pixel);
    if (w->padded.in_place && fv__subconv_is_pointwise(s))
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

/* One side of a product: numbers of each pixel of a block, `step` elements
 * apart; lines begin where `line` says, or follow one another. */
typedef struct side {
    const void *at;
    size_t step;
    const ptrdiff_t *line;
} side;

/* For which outputs of a block a run of taps reads the image: so many columns
 * of each of some lines, and where these lines begin in x and in dy, in
 * elements; without a list, the lines follow one another in dy. */
typedef struct covered {
    int64_t lines, columns;
    const ptrdiff_t *x, *dy;
} covered;

/* All outputs of the block, or, if each tap is a run, those for which it reads
 * no padding. Pixels of dy are `dy_step` elements apart. */
static covered covered_by(const weights *w, const block *b, int64_t run,
                          size_t dy_step)
{
    const fv__subconv *s = &w->subconv;
    const int64_t r = run / s->taps[1], q = run % s->taps[1];
    const int64_t most = w->parts.sizes.lines;
    ptrdiff_t *x = b->line + most, *dy = x + most;
    covered m = { b->lines, s->out[1], b->line, NULL };
    int64_t top, bottom, left, right;

    if (!w->inside) return m;
    fv__subconv_inside(s, 0, r, &top, &bottom);
    fv__subconv_inside(s, 1, q, &left, &right);
    m = (covered){ 0, right - left, x, dy };
    for (int64_t i = 0; i < b->lines && left < right; i++) {
        const int64_t row = (b->pixel / s->out[1] + i) % s->out[0];
        const int64_t column = left * s->stride[1] + q * s->step[1];

        if (row < top || row >= bottom) continue;
        x[m.lines] = b->line[i]
                     + (ptrdiff_t)(r * s->step[0] * w->padded.row
                                   + column * s->in_pixel);
        dy[m.lines++] = (ptrdiff_t)((i * s->out[1] + left) * (int64_t)dy_step);
    }
    return m;
}

static side side_of_filters(const weights *w, const block *b, int64_t filter,
                            const covered *m)
{
    return (side){ fv__at(b->dy, filter, w->element), b->dy_step, m->dy };
}

static side side_of_run(const weights *w, const block *b, int64_t run,
                        int64_t number, const covered *m)
{
    const fv__subconv *s = &w->subconv;
    const fv__padded_rows *padded = &w->padded;
    const int64_t row = padded->contiguous ? run : run / s->taps[1];
    const int64_t tap = padded->contiguous ? 0 : run % s->taps[1];
    int64_t at = number;

    if (!w->inside)
        at += row * s->step[0] * padded->row + tap * s->step[1] * padded->pixel;
    return (side){ fv__at(b->base, at, w->element),
                   (size_t)(s->stride[1] * padded->pixel), m->x };
}

/* n columns, copied so that they are neighbours. */
static side pack(const weights *w, const block *b, const side *from,
                 const covered *m, size_t n)
{
    const size_t nr = (size_t)w->parts.kernels->nr;
    const bool one = !from->line || w->whole;
    const size_t runs = one ? 1 : (size_t)m->lines;
    const size_t pixels =
        (size_t)(one ? b->lines * w->subconv.out[1] : m->columns);

    for (size_t i = 0; i < runs; i++)
        w->parts.kernels->copy_rows(
            pixels, n,
            fv__at(from->at,
                   (ptrdiff_t)(from->line ? (size_t)from->line[i] : 0),
                   w->element),
            from->step,
            fv__slot(b->column, (ptrdiff_t)(i * pixels * nr), w->element), nr);
    return (side){ b->column, nr, NULL };
}

/* m rows against n columns, at filter `filter` and number `number`. */
typedef struct piece {
    side row, column;
    covered covered;
    size_t m, n;
    int64_t filter, number;
} piece;

/* Blocks of the chains of pixels: a row that is cut is alone. */
static void run_cut(const weights *w, const piece *p, const fv__tile *whole)
{
    const fv__chain chain = { 1, 1, (int64_t)whole->k };
    fv__tile t = *whole;

    for (int64_t at = 0; at < (int64_t)whole->k; at += (int64_t)t.k) {
        const size_t pixel = (size_t)at;

        t.a = fv__at(whole->a, (ptrdiff_t)(pixel * t.a_step), w->element);
        t.b = fv__at(whole->b, (ptrdiff_t)(pixel * t.b_step), w->element);
        t.k = (size_t)fv__chain_block(chain, at);
        if (whole->next) t.next = (const char *)whole->next + pixel * LINE;
        w->parts.kernels->microkernel(p->m, p->n, &t);
        t.accumulation = FV__ACCUMULATE;
    }
}

static void run_piece(const weights *w, const block *b, const piece *p,
                      const void *next)
{
    const int64_t span = w->parts.sizes.span, filters = w->subconv.filters;
    const int64_t filter = b->filter + p->filter;
    const int64_t at = w->transposed
                           ? p->number * filters + filter
                           : (b->group * filters + filter) * span + p->number;
    const bool one = w->whole || (!p->row.line && !p->column.line);
    const fv__tile t = {
        .a = p->row.at,
        .a_row = 1,
        .a_step = p->row.step,
        .a_segment = p->row.line,
        .b = p->column.at,
        .b_step = p->column.step,
        .b_segment = p->column.line,
        .c = fv__slot(b->sums, at, w->element),
        .c_row = (size_t)(w->transposed ? filters : span),
        .segments = (size_t)(one ? 1 : p->covered.lines),
        .k = (size_t)(one ? b->lines * w->subconv.out[1] : p->covered.columns),
        .accumulation = b->accumulation,
        .next = next,
        .next_step = LINE,
    };

    if (fv__chain_is_cut((fv__chain){ 1, (int64_t)t.segments, (int64_t)t.k }))
        run_cut(w, p, &t);
    else
        w->parts.kernels->microkernel(p->m, p->n, &t);
}

/* n columns from `column` of a run on, or filters, against all rows. */
static void run_panel(const weights *w, const block *b, int64_t run,
                      int64_t column, size_t n, ahead *next)
{
    const int64_t mr = w->parts.kernels->mr;
    const int64_t rows = w->transposed ? w->run : b->filters;
    const size_t pixels = (size_t)(b->lines * w->subconv.out[1]);
    piece p = { .n = n };

    if (w->transposed) {
        p.column = side_of_filters(w, b, column, &p.covered);
    } else {
        p.covered = covered_by(w, b, run, b->dy_step);
        p.column = side_of_run(w, b, run, column, &p.covered);
    }
    if (w->packs) p.column = pack(w, b, &p.column, &p.covered, n);
    for (int64_t r = w->transposed ? 0 : run;
         r < (w->transposed ? w->runs : run + 1); r++) {
        if (w->transposed) {
            p.covered = covered_by(w, b, r, p.column.step);
            p.column.line = p.covered.dy;
        }
        for (int64_t i = 0; i < rows; i += (int64_t)p.m) {
            p.m = fv__tile_height((size_t)(rows - i), (size_t)mr);
            p.row = w->transposed ? side_of_run(w, b, r, i, &p.covered)
                                  : side_of_filters(w, b, i, &p.covered);
            p.filter = w->transposed ? column : i;
            p.number = r * w->run + (w->transposed ? i : column);
            run_piece(w, b, &p, take(next, pixels));
        }
    }
}

static void run_near(const weights *w, const block *b, ahead *next)
{
    const int64_t nr = w->parts.kernels->nr;
    const int64_t columns = w->transposed ? b->filters : w->run;
    const int64_t of_run = fv__divide_up(columns, nr);

    for (int64_t i = b->panel; i < b->panel + b->panels; i++) {
        const int64_t column = i % of_run * nr;

        run_panel(w, b, i / of_run, column,
                  (size_t)fv__min(nr, columns - column), next);
    }
}

static void run_block(const weights *w, const block *b, char *copied)
{
    ahead next = prefetch_next(w, b);

    for (int64_t i = 0; i < b->filters; i += w->pack_per_thread) {
        block pack_per_thread = *b;

        pack_per_thread.filter += i;
        pack_per_thread.filters = fv__min(w->pack_per_thread, b->filters - i);
        find_dy(w, &pack_per_thread, copied);
        run_near(w, &pack_per_thread, &next);
    }
}

/* Between the weights of some filters and sums in the order of tiles: windows
 * column by column; filters, where they are columns, neighbours. */
static void transpose_tile(const weights *w, const block *b, bool back,
                           void *gradient, void *sums)
{
    const fv__kernels *kernels = w->parts.kernels;
    const size_t size = w->element, span = (size_t)w->parts.sizes.span;
    const size_t rows = w->windows ? (size_t)w->subconv.taps[0] : 1;
    const size_t columns = span / rows, filter = (size_t)b->filter;
    const size_t all = (size_t)w->subconv.filters, n = (size_t)b->filters;

    gradient = fv__slot(
        gradient, (ptrdiff_t)(((size_t)b->group * all + filter) * span), size);
    if (w->transposed)
        for (size_t r = 0; r < rows; r++) {
            void *of_row = fv__slot(gradient, (ptrdiff_t)(r * columns), size);
            void *sum = fv__slot(sums, (ptrdiff_t)(r * all + filter), size);

            if (back)
                kernels->transpose(columns, n, sum, rows * all, of_row, span,
                                   columns);
            else
                kernels->transpose(n, columns, of_row, span, sum, rows * all,
                                   n);
        }
    else
        for (size_t f = 0; f < n; f++) {
            void *window = fv__slot(gradient, (ptrdiff_t)(f * span), size);
            void *sum = fv__slot(sums, (ptrdiff_t)((filter + f) * span), size);

            if (back)
                kernels->transpose(columns, rows, sum, rows, window, columns,
                                   columns);
            else
                kernels->transpose(rows, columns, window, columns, sum, rows,
                                   rows);
        }
}

/* The blocks of a part. */
static void run_blocks(const weights *w, int64_t part, block *b, char *scratch)
{
    const fv__conv_sizes *sizes = &w->parts.sizes;
    const bool first = b->group == 0 && b->filter == 0 && b->panel == 0;

    for (int64_t i = fv__partial_first_block(sizes, part);
         i < fv__partial_first_block(sizes, part + 1); i++) {
        find_lines(w, i, scratch, b);
        b->accumulation = fv__partial_accumulation(&w->parts, part, i);
        if (first) fv__partial_add_bias(&w->parts, part, i);
        run_block(w, b, scratch + w->padded_bytes);
    }
}

/* A range, the whole at first, becomes piece `number` of itself. */
static void take_piece(size_t pieces, size_t number, int64_t *first,
                       int64_t *count)
{
    *first = (int64_t)fv__even_at((size_t)*count, pieces, number);
    *count = (int64_t)fv__even((size_t)*count, pieces, number);
}

/* A part, a group and a piece of its filters or panels. */
static void run_item(void *argument, size_t item, size_t worker)
{
    const weights *w = argument;
    const size_t splits = (size_t)w->splits;
    const int64_t part = (int64_t)(item / splits) / w->subconv.groups;
    const int64_t nr = w->parts.kernels->nr;
    char *scratch =
        (char *)w->call->scratch + w->parts.bytes + worker * w->worker;
    block b = { .group = (int64_t)(item / splits) % w->subconv.groups,
                .filters = w->subconv.filters,
                .panels = panels(w),
                .sums = fv__partial_weights(&w->parts, part),
                .column =
                    scratch + w->padded_bytes + w->dy_bytes + w->line_bytes };

    if (w->by_filters) {
        take_piece(splits, item % splits, &b.filter, &b.filters);
        if (w->transposed) b.panels = fv__divide_up(b.filters, nr);
    } else {
        take_piece(splits, item % splits, &b.panel, &b.panels);
    }
    if (!w->windows && !w->transposed) {
        run_blocks(w, part, &b, scratch);
        return;
    }
    void *sums = b.sums;

    b.sums = (char *)b.column + w->column_bytes;
    if (fv__partial_accumulation(&w->parts, part,
                                 fv__partial_first_block(&w->parts.sizes, part))
        == FV__ACCUMULATE)
        transpose_tile(w, &b, false, sums, b.sums);
    run_blocks(w, part, &b, scratch);
    transpose_tile(w, &b, true, sums, b.sums);
}

size_t fv__direct_weight_grad_scratch(const fv_context *context,
                                      const fv__geometry *g)
{
    const weights w = plan(context, g);
    size_t all;

    if (!fv__multiply(w.worker, (size_t)context->threads, &all)
        || !fv__add(all, w.parts.bytes, &all))
        return SIZE_MAX;
    return all;
}

void fv__direct_weight_grad_run(const fv__conv_call *call)
{
    weights w = plan(call->context, call->geometry);

    w.call = call;
    fv__partials_begin(&w.parts, call);
    fv__parallel(call->context,
                 (size_t)(w.parts.sizes.parts * w.subconv.groups * w.splits),
                 (double)fv__geometry_macs(call->geometry), run_item, &w);
    fv__partials_reduce(&w.parts);
}
