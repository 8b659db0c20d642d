/* Plans a direct weight gradient. */
#include "conv/direct/weight_grad.h"

enum { LINE = 64 }; /* bytes of a cache line */
/* dy is copied if its pixels are a multiple of ALIASED_BYTES apart, so that
 * they map to few sets of a first-level cache, and at least DY_COLUMNS columns
 * are multiplied with them. Where a tile reads at most half a cache line of a
 * pixel, so that several tiles read each line, a multiple of
 * ALIASED_SHORT_BYTES is enough. Tuned by measurement. */
enum { DY_COLUMNS = 128, ALIASED_BYTES = 4096, ALIASED_SHORT_BYTES = 512 };
/* From so many tiles of a panel on it is packed. Tuned by measurement. */
enum { PACKED_TILES = 6 };
/* Most filters of a filter block: its part of dy stays in a second-level cache
 * while all panels are multiplied with it. Tuned by measurement. */
enum { BLOCK_FILTERS = 168 };

typedef fv__direct_weight_grad_plan plan;

/* Rows of the padded copies of a block, which may span several planes, and has
 * copies for each depth of taps. */
static int64_t padded_rows(const plan *p)
{
    const fv__subconv *s = &p->subconv;
    const int64_t lines =
        fv__min(p->parts.sizes.lines, s->batch * s->out[FV__DEPTH] * s->out[0]);
    const int64_t planes = fv__divide_up(lines, s->out[0]) + 1;

    if (p->form.windows) return lines;
    return s->taps[FV__DEPTH]
           * (lines * s->stride[0] + planes * p->padded.reach[0]);
}

int64_t fv__direct_weight_grad_panels(const plan *p)
{
    const int64_t nr = p->parts.kernels->nr;

    return p->form.transposed ? fv__divide_up(p->subconv.filters, nr)
                              : p->runs * fv__divide_up(p->run, nr);
}

/* Each split copies all of the operand that is not split, which had better be
 * the smaller one. */
static void plan_splits(plan *p)
{
    const int64_t few = FV__FEW_ITEMS, mr = p->parts.kernels->mr;
    const int64_t filters = p->subconv.filters, span = p->parts.sizes.span;

    p->split_filters = p->form.transposed || p->form.windows || filters > span
                       || filters >= few * BLOCK_FILTERS;
    p->splits = fv__divide_up(few, p->parts.sizes.parts * p->subconv.groups);
    p->splits =
        fv__min(p->splits, p->split_filters ? fv__divide_up(filters, mr)
                                            : fv__direct_weight_grad_panels(p));
}

static void plan_copies(plan *p)
{
    const fv__subconv *s = &p->subconv;
    const int64_t nr = p->parts.kernels->nr, mr = p->parts.kernels->mr;
    const size_t pixels = (size_t)p->parts.sizes.block;
    const int64_t filters =
        fv__divide_up(s->filters, p->split_filters ? p->splits : 1);
    const int64_t most = p->form.transposed ? filters : BLOCK_FILTERS;

    p->filter_block = fv__divide_up(filters, fv__divide_up(filters, most));

    const int64_t tiles = p->form.transposed
                              ? p->runs * fv__divide_up(p->run, mr)
                              : fv__divide_up(p->filter_block, mr);
    const size_t aliased = 2 * (size_t)mr * p->element <= LINE
                               ? ALIASED_SHORT_BYTES
                               : ALIASED_BYTES;

    p->pack_columns = !p->form.windows && tiles >= PACKED_TILES;
    if ((size_t)s->out_pixel * p->element % aliased == 0
        && p->parts.sizes.span >= DY_COLUMNS
        && !(p->form.transposed && p->pack_columns))
        p->dy_pixel = fv__odd_row((size_t)p->filter_block, p->element);
    p->dy_bytes = p->dy_pixel * pixels * p->element;
    if (p->pack_columns)
        p->column_bytes = fv__align(pixels * (size_t)nr * p->element);
}

fv__direct_weight_grad_plan
fv__direct_weight_grad_plan_of(fv__conv_target target, const fv__geometry *g)
{
    plan p = {
        .subconv = fv__subconv_of(g, FV__FORWARD, 0),
        .parts = fv__partials_of(target.kernels, g),
        .element = fv__element(target.kernels),
        .form = fv__direct_weight_grad_form_of(g),
    };
    const fv__subconv *s = &p.subconv;

    p.padded = p.form.windows  ? fv__padded_rows_of_windows(s)
               : p.form.inside ? fv__padded_rows_in_place(s)
                               : fv__padded_rows_of(s, p.element, false, false);
    p.run = p.form.windows        ? p.parts.sizes.span
            : p.padded.contiguous ? s->taps[1] * s->channels
                                  : s->channels;
    p.runs = p.parts.sizes.span / p.run;
    p.one_segment = fv__subconv_is_pointwise(s);
    p.skips_planes =
        !fv__subconv_is_flat(s) && fv__subconv_padded_share(s, FV__DEPTH) > 0;
    plan_splits(&p);
    plan_copies(&p);
    if (!p.padded.in_place)
        p.padded_bytes =
            fv__align((size_t)(padded_rows(&p) * p.padded.row) * p.element);
    p.line_bytes =
        fv__align((size_t)((s->taps[FV__DEPTH] + 2) * p.parts.sizes.lines)
                  * sizeof(ptrdiff_t));
    p.thread_bytes =
        p.padded_bytes + p.dy_bytes + p.line_bytes + p.column_bytes;
    if (p.form.windows || p.form.transposed)
        p.thread_bytes +=
            fv__align((size_t)(p.parts.sizes.span * s->filters) * p.element);
    return p;
}

size_t fv__direct_weight_grad_scratch(fv__conv_target target,
                                      const fv__geometry *g)
{
    const plan p = fv__direct_weight_grad_plan_of(target, g);
    size_t all;

    return fv__multiply(p.thread_bytes, (size_t)target.threads, &all)
                   && fv__add(all, p.parts.bytes, &all)
               ? all
               : SIZE_MAX;
}
