/* Direct weight gradient: the product dy^T x, summed over the output pixels of
 * the batch. Both operands are read in place, or copied where a layout is slow
 * to read. Loop nest, from the outside:
 *
 *     items, over the threads: a part of the batch, a group, and a
 *     split of its filters or panels                              run_item
 *       blocks of pixels, each a chain                            run_blocks
 *         filter blocks                                           run_block
 *           panels of nr columns                                  run_block
 *             tiles of at most mr rows                            run_panel
 *               the microkernel                                   run_tile
 *
 * Rows are filters and columns weights of a run; `transposed`: the reverse. */
#include "conv/direct/weight_grad.h"

enum { LINE = 64 }; /* bytes of a cache line */
/* Most bytes of the next block of dy or x that are prefetched while a block is
 * multiplied. Tuned by measurement. */
enum { PREFETCH_BYTES = 1 << 19 };

typedef fv__direct_weight_grad_plan plan;

/* ---- the operands of a block -------------------------------------------- */

/* A block of pixels against filters [filter, filter + filters) and panels
 * [panel, panel + panels) of a group. */
typedef struct block {
    int64_t group, filter, filters, panel, panels;
    int64_t pixel, lines; /* its first output pixel; output rows */
    const void *x, *dy;   /* dy: of `filter` at `pixel` */
    size_t dy_step;       /* elements from pixel to pixel of dy */
    ptrdiff_t *line;      /* for each depth of taps a list: elements from x to
                             what its first tap reads for each line, where that
                             plane is inside the image; followed by two lists as
                             long for a range */
    void *column;         /* the packed panel */
    void *sums;           /* of the part of the batch, all weights */
    fv__accumulation accumulation;
} block;

/* Copies what some output rows read of a plane, which is one of all images;
 * returns the copy's rows. */
static int64_t copy_rows(const plan *p, int64_t group, int64_t plane,
                         int64_t first, int64_t rows, void *to)
{
    if (p->form.windows) {
        fv__padded_rows_fill_windows(p->parts.kernels, &p->subconv, &p->padded,
                                     plane, first, rows, p->call->x, to);
        return rows;
    }
    fv__padded_rows_fill(&p->subconv, &p->padded, plane, group, first, rows,
                         p->element, p->call->x, to);
    return fv__padded_rows_count(&p->subconv, &p->padded, rows);
}

/* Sets the lines of taps at a depth for `rows` output rows of a plane, from row
 * number `first` of the batch on, unless the taps are outside the image.
 * Returns the rows that are copied, behind `copied` others. */
static int64_t set_plane(const plan *p, block *b, int64_t depth, int64_t first,
                         int64_t rows, char *scratch, int64_t copied)
{
    const fv__subconv *s = &p->subconv;
    const fv__padded_rows *padded = &p->padded;
    const int64_t out = first / s->out[0], row = first % s->out[0];
    const int64_t image = out / s->out[FV__DEPTH];
    const int64_t at = out % s->out[FV__DEPTH] * s->stride[FV__DEPTH]
                       + s->first[FV__DEPTH] + depth * s->step[FV__DEPTH];
    const int64_t plane = image * s->in[FV__DEPTH] + at;
    const int64_t step = (p->form.windows ? 1 : s->stride[0]) * padded->row;
    ptrdiff_t *line =
        b->line + depth * p->parts.sizes.lines + (first - b->pixel / s->out[1]);
    int64_t begin = copied * padded->row, count = 0;

    if (at < 0 || at >= s->in[FV__DEPTH]) return 0;
    if (padded->in_place)
        begin =
            (plane * s->in[0] + row * s->stride[0] + s->first[0]) * padded->row
            + s->first[1] * s->in_pixel + b->group * s->channels;
    else
        count = copy_rows(p, b->group, plane, row, rows,
                          fv__slot(scratch, begin, p->element));
    for (int64_t i = 0; i < rows; i++) line[i] = (ptrdiff_t)(begin + i * step);
    return count;
}

/* Sets the x, lines and pixel of block `number` of the batch, whose rows are
 * copied to `scratch` unless they are read in place. */
static void set_lines(const plan *p, int64_t number, char *scratch, block *b)
{
    const fv__subconv *s = &p->subconv;
    const int64_t first = number * p->parts.sizes.lines;
    const int64_t last = fv__min(first + p->parts.sizes.lines,
                                 s->batch * s->out[FV__DEPTH] * s->out[0]);
    int64_t copied = 0; /* rows of the copy so far */

    b->pixel = first * s->out[1];
    b->lines = last - first;
    b->x = p->padded.in_place ? p->call->x : scratch;
    b->line = (ptrdiff_t *)(void *)(scratch + p->padded_bytes + p->dy_bytes);
    for (int64_t l = first, rows; l < last; l += rows) {
        rows = fv__min(s->out[0] - l % s->out[0], last - l);
        for (int64_t d = 0; d < s->taps[FV__DEPTH]; d++)
            copied += set_plane(p, b, d, l, rows, scratch, copied);
    }
}

/* Sets dy, which is copied to `copy` unless it is read in place. */
static void set_dy(const plan *p, block *b, char *copy)
{
    const fv__subconv *s = &p->subconv;
    const int64_t at =
        b->pixel * s->out_pixel + b->group * s->filters + b->filter;
    const void *dy = fv__at(p->call->dy, at, p->element);

    b->dy = p->dy_pixel ? copy : dy;
    b->dy_step = p->dy_pixel ? p->dy_pixel : (size_t)s->out_pixel;
    if (p->dy_pixel)
        p->parts.kernels->copy_rows((size_t)(b->lines * s->out[1]),
                                    (size_t)b->filters, dy,
                                    (size_t)s->out_pixel, copy, p->dy_pixel);
}

/* ---- prefetch ----------------------------------------------------------- */

/* Cache lines of the next block that are not yet prefetched. A tile reads a few
 * elements of each pixel, a pattern that no processor foresees. */
typedef struct prefetch {
    const char *at;
    size_t count;
} prefetch;

/* The pixels behind block b of an image at `all`, `pixel` elements each, unless
 * they have more than PREFETCH_BYTES. */
static prefetch next_pixels(const plan *p, const block *b, const void *all,
                            int64_t pixel)
{
    const int64_t pixels = p->parts.sizes.block, first = b->pixel + pixels;
    const int64_t left = fv__max(p->parts.sizes.pixels - first, 0);
    const size_t size = (size_t)pixel * p->element;
    const size_t bytes = (size_t)fv__min(left, pixels) * size;

    return (prefetch){ fv__at(all, first, size),
                       bytes <= PREFETCH_BYTES ? bytes / LINE : 0 };
}

/* Of dy, and then of x where the next block is contiguous. */
static void set_prefetch(const plan *p, const block *b, prefetch next[2])
{
    const fv__subconv *s = &p->subconv;

    next[0] = next[1] = (prefetch){ 0 };
    if (s->groups > 1 || p->splits > 1) return;
    next[0] = next_pixels(p, b, p->call->dy, s->out_pixel);
    if (p->padded.in_place && fv__subconv_is_pointwise(s))
        next[1] = next_pixels(p, b, p->call->x, s->in_pixel);
}

/* Takes at most `count` cache lines and returns the first; NULL: none left. */
static const void *take(prefetch next[2], size_t count)
{
    prefetch *from = next[0].count ? &next[0] : &next[1];
    const void *at = from->count ? from->at : NULL;
    const size_t taken = from->count < count ? from->count : count;

    from->at += taken * LINE;
    from->count -= taken;
    return at;
}

/* ---- tiles -------------------------------------------------------------- */

/* The output pixels of a block for which a run is inside the image: `columns`
 * pixels of each of `lines` rows, which begin so many elements behind the
 * block's x and dy; dy NULL: all pixels, one after the other. */
typedef struct range {
    int64_t lines, columns;
    const ptrdiff_t *x, *dy;
} range;

/* The first tap of a run. */
typedef struct tap {
    int64_t depth, row, column;
} tap;

static tap tap_of(const plan *p, int64_t run)
{
    const int64_t *taps = p->subconv.taps;
    const int64_t of_row = p->padded.contiguous ? 1 : taps[1];
    const int64_t row = run / of_row;
    const int64_t depth = taps[FV__DEPTH] == 1 ? 0 : row / taps[0];

    return (tap){ depth, row - depth * taps[0], run % of_row };
}

/* The range of a run: the pixels whose plane is inside the image and, with
 * form.inside, for which its tap reads no padding. Pixels of dy are `dy_step`
 * elements apart. */
static range range_of(const plan *p, const block *b, int64_t run,
                      size_t dy_step)
{
    const fv__subconv *s = &p->subconv;
    const tap t = tap_of(p, run);
    const int64_t lines = p->parts.sizes.lines;
    const ptrdiff_t *line = b->line + t.depth * lines;
    ptrdiff_t *x = b->line + s->taps[FV__DEPTH] * lines, *dy = x + lines;
    const range all = { b->lines, s->out[1], line, NULL };
    int64_t front = 0, behind = s->out[FV__DEPTH], top = 0, bottom = s->out[0];
    int64_t left = 0, at = 0;
    range inside = { 0, s->out[1], x, dy };

    if (!p->form.inside && !p->skips_planes) return all;
    if (p->skips_planes)
        fv__subconv_inside(s, FV__DEPTH, t.depth, &front, &behind);
    if (p->form.inside) {
        fv__subconv_inside(s, 0, t.row, &top, &bottom);
        fv__subconv_inside(s, 1, t.column, &left, &inside.columns);
        inside.columns -= left;
        at = t.row * s->step[0] * p->padded.row
             + (left * s->stride[1] + t.column * s->step[1]) * s->in_pixel;
    }
    const int64_t first = b->pixel / s->out[1];
    int64_t row = first % s->out[0];
    int64_t plane = first / s->out[0] % s->out[FV__DEPTH];
    for (int64_t i = 0; i < b->lines && inside.columns; i++) {
        if (plane >= front && plane < behind && row >= top && row < bottom) {
            x[inside.lines] = line[i] + (ptrdiff_t)at;
            dy[inside.lines++] =
                (ptrdiff_t)((i * s->out[1] + left) * (int64_t)dy_step);
        }
        if (++row < s->out[0]) continue;
        row = 0;
        if (++plane == s->out[FV__DEPTH]) plane = 0;
    }
    return inside.lines == b->lines && !p->form.inside ? all : inside;
}

/* An operand of the product: elements of consecutive pixels are `step` apart;
 * lines begin at `line`, or follow one another if that is NULL. */
typedef struct operand {
    const void *at;
    size_t step;
    const ptrdiff_t *line;
} operand;

static operand filters_operand(const plan *p, const block *b, int64_t filter,
                               const range *pixels)
{
    return (operand){ fv__at(b->dy, filter, p->element), b->dy_step,
                      pixels->dy };
}

static operand run_operand(const plan *p, const block *b, int64_t run,
                           int64_t weight, const range *pixels)
{
    const fv__subconv *s = &p->subconv;
    const fv__padded_rows *padded = &p->padded;
    const tap t = tap_of(p, run);
    int64_t at = weight;

    if (!p->form.inside)
        at += t.row * s->step[0] * padded->row
              + t.column * s->step[1] * padded->pixel;
    return (operand){ fv__at(b->x, at, p->element),
                      (size_t)(s->stride[1] * padded->pixel), pixels->x };
}

/* Packs n columns: [pixels][nr]. */
static operand pack(const plan *p, const block *b, const operand *from,
                    const range *pixels, size_t n)
{
    const int64_t nr = p->parts.kernels->nr;
    const bool one = !from->line || p->one_segment;
    const int64_t segments = one ? 1 : pixels->lines;
    const int64_t k = one ? b->lines * p->subconv.out[1] : pixels->columns;

    for (int64_t i = 0; i < segments; i++)
        p->parts.kernels->copy_rows(
            (size_t)k, n,
            fv__at(from->at, from->line ? from->line[i] : 0, p->element),
            from->step, fv__slot(b->column, i * k * nr, p->element),
            (size_t)nr);
    return (operand){ b->column, (size_t)nr, NULL };
}

/* A tile of m x n weights, from a filter of the block and a weight of it on. */
typedef struct tile {
    operand row, column;
    range pixels;
    size_t m, n;
    int64_t filter, weight;
} tile;

/* A tile of one output row whose chain is cut: block after block. */
static void run_chain_blocks(const plan *p, const tile *t,
                             const fv__tile *whole)
{
    const fv__chain chain = { 1, 1, (int64_t)whole->k };
    fv__tile part = *whole;

    for (size_t at = 0; at < whole->k; at += part.k) {
        part.a = fv__at(whole->a, (ptrdiff_t)(at * part.a_step), p->element);
        part.b = fv__at(whole->b, (ptrdiff_t)(at * part.b_step), p->element);
        part.k = (size_t)fv__chain_block(chain, (int64_t)at);
        if (whole->next) part.next = (const char *)whole->next + at * LINE;
        p->parts.kernels->microkernel(t->m, t->n, &part);
        part.accumulation = FV__ACCUMULATE;
    }
}

static void run_tile(const plan *p, const block *b, const tile *t,
                     const void *next)
{
    const int64_t span = p->parts.sizes.span, filters = p->subconv.filters;
    const int64_t filter = b->filter + t->filter;
    const int64_t at = p->form.transposed
                           ? t->weight * filters + filter
                           : (b->group * filters + filter) * span + t->weight;
    const bool one = p->one_segment || (!t->row.line && !t->column.line);
    const fv__tile product = {
        .a = t->row.at,
        .a_row = 1,
        .a_step = t->row.step,
        .a_segment = t->row.line,
        .b = t->column.at,
        .b_step = t->column.step,
        .b_segment = t->column.line,
        .c = fv__slot(b->sums, at, p->element),
        .c_row = (size_t)(p->form.transposed ? filters : span),
        .segments = (size_t)(one ? 1 : t->pixels.lines),
        .k = (size_t)(one ? b->lines * p->subconv.out[1] : t->pixels.columns),
        .accumulation = b->accumulation,
        .next = next,
        .next_step = LINE,
    };

    if (fv__chain_is_cut(
            (fv__chain){ 1, (int64_t)product.segments, (int64_t)product.k }))
        run_chain_blocks(p, t, &product);
    else
        p->parts.kernels->microkernel(t->m, t->n, &product);
}

/* A panel of n columns, weights of a run or filters from `column` on, against
 * all rows: the block's filters, or all runs. */
static void run_panel(const plan *p, const block *b, int64_t run,
                      int64_t column, size_t n, prefetch next[2])
{
    const bool transposed = p->form.transposed;
    const size_t mr = (size_t)p->parts.kernels->mr;
    const int64_t rows = transposed ? p->run : b->filters;
    const size_t pixels = (size_t)(b->lines * p->subconv.out[1]);
    tile t = { .n = n };

    if (transposed) {
        t.column = filters_operand(p, b, column, &t.pixels);
    } else {
        t.pixels = range_of(p, b, run, b->dy_step);
        t.column = run_operand(p, b, run, column, &t.pixels);
    }
    if (p->pack_columns) t.column = pack(p, b, &t.column, &t.pixels, n);
    for (int64_t r = transposed ? 0 : run; r < (transposed ? p->runs : run + 1);
         r++) {
        if (transposed) {
            t.pixels = range_of(p, b, r, t.column.step);
            t.column.line = t.pixels.dy;
        }
        for (int64_t i = 0; i < rows; i += (int64_t)t.m) {
            t.m = fv__tile_height((size_t)(rows - i), mr);
            t.row = transposed ? run_operand(p, b, r, i, &t.pixels)
                               : filters_operand(p, b, i, &t.pixels);
            t.filter = transposed ? column : i;
            t.weight = r * p->run + (transposed ? i : column);
            run_tile(p, b, &t, take(next, pixels));
        }
    }
}

/* A filter block after the other, each against all panels. */
static void run_block(const plan *p, const block *all, char *dy_copy)
{
    const int64_t nr = p->parts.kernels->nr;
    prefetch next[2];

    set_prefetch(p, all, next);
    for (int64_t i = 0; i < all->filters; i += p->filter_block) {
        block b = *all;

        b.filter += i;
        b.filters = fv__min(p->filter_block, all->filters - i);
        set_dy(p, &b, dy_copy);
        const int64_t columns = p->form.transposed ? b.filters : p->run;
        const int64_t of_run = fv__divide_up(columns, nr);

        for (int64_t j = b.panel; j < b.panel + b.panels; j++) {
            const int64_t column = j % of_run * nr;

            run_panel(p, &b, j / of_run, column,
                      (size_t)fv__min(nr, columns - column), next);
        }
    }
}

/* All blocks of a part of the batch. */
static void run_blocks(const plan *p, int64_t part, block *b, char *scratch)
{
    const bool first = b->group == 0 && b->filter == 0 && b->panel == 0;
    const int64_t end = fv__partial_first_block(&p->parts.sizes, part + 1);

    for (int64_t i = fv__partial_first_block(&p->parts.sizes, part); i < end;
         i++) {
        set_lines(p, i, scratch, b);
        b->accumulation = fv__partial_accumulation(&p->parts, part, i);
        if (first) fv__partial_add_bias(&p->parts, part, i);
        run_block(p, b, scratch + p->padded_bytes);
    }
}

/* y = x^T, where x is m x n, or, `back`, x = y^T. */
static void transpose(const fv__kernels *kernels, bool back, size_t m, size_t n,
                      void *x, size_t x_row, void *y, size_t y_row)
{
    if (back)
        kernels->transpose(n, m, y, y_row, x, x_row, n);
    else
        kernels->transpose(m, n, x, x_row, y, y_row, m);
}

/* Transposes the weights of the block's filters between a gradient, [filter]
 * [row][column][channel], and the order of the sums: filters innermost if
 * form.transposed, rows innermost if form.windows. `back`: from the sums to the
 * gradient. */
static void transpose_sums(const plan *p, const block *b, bool back,
                           void *gradient, void *sums)
{
    const fv__kernels *kernels = p->parts.kernels;
    const int64_t span = p->parts.sizes.span, all = p->subconv.filters;
    const int64_t rows = p->form.windows ? p->subconv.taps[0] : 1;
    const int64_t columns = span / rows, first = b->group * all + b->filter;

    gradient = fv__slot(gradient, first * span, p->element);
    if (p->form.transposed)
        for (int64_t r = 0; r < rows; r++)
            transpose(kernels, back, (size_t)b->filters, (size_t)columns,
                      fv__slot(gradient, r * columns, p->element), (size_t)span,
                      fv__slot(sums, r * all + b->filter, p->element),
                      (size_t)(rows * all));
    else
        for (int64_t f = 0; f < b->filters; f++)
            transpose(kernels, back, (size_t)rows, (size_t)columns,
                      fv__slot(gradient, f * span, p->element), (size_t)columns,
                      fv__slot(sums, (b->filter + f) * span, p->element),
                      (size_t)rows);
}

/* Makes the range [*first, *first + *count) split `number` of itself. */
static void take_split(size_t splits, size_t number, int64_t *first,
                       int64_t *count)
{
    *first += (int64_t)fv__even_at((size_t)*count, splits, number);
    *count = (int64_t)fv__even((size_t)*count, splits, number);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t splits = (size_t)p->splits;
    const int64_t part = (int64_t)(item / splits) / p->subconv.groups;
    char *scratch =
        (char *)p->call->scratch + p->parts.bytes + worker * p->thread_bytes;
    block b = { .group = (int64_t)(item / splits) % p->subconv.groups,
                .filters = p->subconv.filters,
                .panels = fv__direct_weight_grad_panels(p),
                .sums = fv__partial_weights(&p->parts, part),
                .column =
                    scratch + p->padded_bytes + p->dy_bytes + p->line_bytes };

    if (p->split_filters) {
        take_split(splits, item % splits, &b.filter, &b.filters);
        if (p->form.transposed)
            b.panels = fv__divide_up(b.filters, p->parts.kernels->nr);
    } else {
        take_split(splits, item % splits, &b.panel, &b.panels);
    }
    const bool transposed = p->form.windows || p->form.transposed;
    void *gradient = b.sums;

    if (transposed) b.sums = (char *)b.column + p->column_bytes;
    if (transposed
        && fv__partial_accumulation(
               &p->parts, part, fv__partial_first_block(&p->parts.sizes, part))
               == FV__ACCUMULATE)
        transpose_sums(p, &b, false, gradient, b.sums);
    run_blocks(p, part, &b, scratch);
    if (transposed) transpose_sums(p, &b, true, gradient, b.sums);
}

void fv__direct_weight_grad_run(const fv__conv_call *call)
{
    plan p = fv__direct_weight_grad_plan_of(fv__conv_target_of(call->context),
                                            call->geometry);

    p.call = call;
    fv__partials_begin(&p.parts, call);
    fv__parallel(call->context,
                 (size_t)(p.parts.sizes.parts * p.subconv.groups * p.splits),
                 (double)fv__geometry_macs(call->geometry), run_item, &p);
    fv__partials_reduce(&p.parts);
}
