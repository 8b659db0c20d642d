/* Direct convolution of images with one channel under few filters: vectors lie
 * along output rows and filters are the rows of tiles. What they make, plane by
 * plane, is turned into pixels. */
#include "conv/direct/direct.h"

#include <string.h>

/* They cut outputs only. Pixels of an item, at least, if there are so many. */
enum { ITEM_PIXELS = 256 };

typedef struct plan {
    const fv__kernels *kernels;
    fv__subconv subconv;
    fv__padded_rows padded;
    size_t element;
    int64_t span, rows, blocks; /* of a filter; of an item; items of an image */
    size_t planes, padded_copies, worker; /* bytes */
    const fv__conv_call *call;
} plan;

static plan plan_of(const fv__kernels *kernels, const fv__geometry *g)
{
    plan p = {
        .kernels = kernels,
        .subconv = fv__subconv_of(g, FV__FORWARD, 0),
        .element = fv__element(kernels),
        .span = g->kernel[0] * g->kernel[1],
    };
    const fv__subconv *s = &p.subconv;

    p.padded = fv__padded_rows_of(s, p.element, false);
    p.rows = fv__min(s->out[0], fv__divide_up(ITEM_PIXELS, s->out[1]));
    p.blocks = fv__divide_up(s->out[0], p.rows);
    p.planes = fv__align((size_t)(s->filters * p.rows * s->out[1]) * p.element);
    p.padded_copies = fv__padded_rows_bytes(s, &p.padded, p.rows, p.element);
    p.worker = p.planes + p.padded_copies
               + fv__align((size_t)s->taps[0] * sizeof(ptrdiff_t));
    return p;
}

/* Output rows [row, row + rows) of an image. */
typedef struct block {
    int64_t image, row, rows;
    const char *in; /* what tap (0, 0) of the first pixel meets */
    char *planes;
    const ptrdiff_t *segments; /* rows of taps, from there */
} block;

static block block_of(const plan *p, int64_t item, char *scratch)
{
    const fv__subconv *s = &p->subconv;
    ptrdiff_t *segments =
        (ptrdiff_t *)(void *)(scratch + p->planes + p->padded_copies);
    block b = { .image = item / p->blocks,
                .row = item % p->blocks * p->rows,
                .in = scratch + p->planes,
                .planes = scratch,
                .segments = segments };

    b.rows = fv__min(p->rows, s->out[0] - b.row);
    for (int64_t r = 0; r < s->taps[0]; r++)
        segments[r] = (ptrdiff_t)(r * s->step[0] * p->padded.row);
    if (p->padded.in_place) {
        const int64_t row =
            b.image * s->in[0] + b.row * s->stride[0] + s->first[0];

        b.in = fv__at(p->call->x, row * s->in[1] + s->first[1], p->element);
    } else {
        fv__padded_rows_fill(s, &p->padded, b.image, 0, b.row, b.rows,
                             p->element, p->call->x, scratch + p->planes);
    }
    return b;
}

/* Some filters: all taps, or, of a chain that is cut, blocks of whole rows of
 * taps, or inside one. */
static void run_blocks(const plan *p, const block *b, size_t m, size_t n,
                       fv__tile t)
{
    const fv__subconv *s = &p->subconv;
    const fv__chain chain = fv__subconv_chain(s);
    const int64_t row = s->taps[1];
    const void *const a = t.a, *const in = t.b;

    t.b_segment = b->segments;
    t.segments = (size_t)s->taps[0];
    t.k = (size_t)row;
    t.accumulation = FV__STORE;
    if (!fv__chain_is_cut(chain)) {
        p->kernels->microkernel(m, n, &t);
        return;
    }
    for (int64_t at = 0, length; at < p->span; at += length) {
        length = fv__chain_block(chain, at);
        t.a = fv__at(a, at, p->element);
        t.b = fv__at(in, at % row, p->element);
        t.b_segment = b->segments + at / row;
        t.segments = (size_t)fv__max(length / row, 1);
        t.k = (size_t)fv__min(length, row);
        t.accumulation = at ? FV__ACCUMULATE : FV__STORE;
        p->kernels->microkernel(m, n, &t);
    }
}

/* Columns [column, column + n) of one of its rows, all filters. */
static void run_columns(const plan *p, const block *b, int64_t row,
                        int64_t column, size_t n)
{
    const fv__subconv *s = &p->subconv;
    const int64_t from = row * s->stride[0] * p->padded.row + column;
    const int64_t filters = s->filters;
    fv__tile t = {
        .b = fv__at(b->in, from, p->element),
        .a_row = (size_t)p->span,
        .a_step = 1,
        .b_step = 1,
        .c_row = (size_t)(b->rows * s->out[1]),
    };

    for (int64_t filter = 0, m; filter < filters; filter += m) {
        m = (int64_t)fv__tile_height((size_t)(filters - filter),
                                     (size_t)p->kernels->mr);
        t.a = fv__at(p->call->packed, filter * p->span, p->element);
        t.c = fv__slot(b->planes, (filter * b->rows + row) * s->out[1] + column,
                       p->element);
        run_blocks(p, b, (size_t)m, n, t);
    }
}

/* The planes become pixels, and are finished. */
static void epilogue(const plan *p, const block *b)
{
    const fv__subconv *s = &p->subconv;
    const int64_t pixel = (b->image * s->out[0] + b->row) * s->out[1];
    const size_t filters = (size_t)s->filters;
    const size_t count = (size_t)(b->rows * s->out[1]);
    fv__conv_call rest = *p->call;

    for (size_t f = 0; rest.epilogue.bias && f < filters; f++) {
        void *plane = fv__slot(b->planes, (ptrdiff_t)(f * count), p->element);

        p->kernels->binary(FV__ADD, count, plane, 1,
                           fv__at(rest.epilogue.bias, (ptrdiff_t)f, p->element),
                           0, plane);
    }
    p->kernels->transpose(
        filters, count, b->planes, count,
        fv__slot(rest.y, (ptrdiff_t)((size_t)pixel * filters), p->element),
        filters, filters);
    rest.epilogue.bias = NULL;
    fv__conv_apply_epilogue(&rest, pixel, b->rows * s->out[1]);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->subconv;
    const int64_t nr = p->kernels->nr;
    const block b = block_of(p, (int64_t)item,
                             (char *)p->call->scratch + worker * p->worker);

    for (int64_t i = 0; i < b.rows; i++)
        for (int64_t j = 0; j < s->out[1]; j += nr)
            run_columns(p, &b, i, j, (size_t)fv__min(nr, s->out[1] - j));
    epilogue(p, &b);
}

size_t fv__direct_single_channel_packed(const fv_context *context,
                                        const fv__geometry *g)
{
    return fv__align((size_t)(g->filters * g->kernel[0] * g->kernel[1])
                     * fv__element(context->kernels));
}

/* The caller's weights need not be there any more when it runs. */
void fv__direct_single_channel_pack(const fv__conv_call *call)
{
    const fv__geometry *g = call->geometry;

    memcpy(call->packed, call->weight,
           (size_t)(g->filters * g->kernel[0] * g->kernel[1])
               * fv__element(call->context->kernels));
}

size_t fv__direct_single_channel_scratch(const fv_context *context,
                                         const fv__geometry *g)
{
    size_t all;

    return fv__multiply(plan_of(context->kernels, g).worker,
                        (size_t)context->threads, &all)
               ? all
               : SIZE_MAX;
}

void fv__direct_single_channel_run(const fv__conv_call *call)
{
    const fv__geometry *g = call->geometry;
    plan p = plan_of(call->context->kernels, g);

    p.call = call;
    fv__parallel(call->context, (size_t)(g->batch * p.blocks),
                 (double)fv__geometry_macs(g), run_item, &p);
}
