/* Direct convolution of images with one channel and few filters: vectors lie
 * along output rows, and the rows of a tile are filters. Each filter's outputs
 * are a plane, and the planes of an item are transposed into pixels. */
#include "conv/direct/direct.h"

#include <string.h>

/* Least output pixels of an item, in whole rows, if the image has so many: no
 * result depends on it. Tuned by measurement. */
enum { ITEM_PIXELS = 256 };

typedef struct plan {
    const fv__kernels *kernels;
    fv__subconv subconv;
    fv__padded_rows padded;
    size_t element; /* bytes */
    int64_t span;   /* weights of a filter */
    int64_t rows;   /* output rows of an item */
    int64_t blocks; /* items of an image */
    /* Bytes of a thread's scratch: the planes of an item, its padded rows, and
     * both with the offsets of segments. */
    size_t planes_bytes, padded_bytes, thread_bytes;
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

    p.padded = fv__padded_rows_of(s, p.element, false, false);
    p.rows = fv__min(s->out[0], fv__divide_up(ITEM_PIXELS, s->out[1]));
    p.blocks = fv__divide_up(s->out[0], p.rows);
    p.planes_bytes =
        fv__align((size_t)(s->filters * p.rows * s->out[1]) * p.element);
    p.padded_bytes = fv__padded_rows_bytes(s, &p.padded, p.rows, p.element);
    p.thread_bytes = p.planes_bytes + p.padded_bytes
                     + fv__align((size_t)s->taps[0] * sizeof(ptrdiff_t));
    return p;
}

/* An item: output rows [row, row + rows) of an image. */
typedef struct block {
    int64_t image, row, rows;
    const char *in; /* what tap (0, 0) of the first output pixel reads */
    char *planes;   /* [filter][row][column] */
    const ptrdiff_t *segments; /* elements from `in` to each row of taps */
} block;

static block block_of(const plan *p, int64_t item, char *scratch)
{
    const fv__subconv *s = &p->subconv;
    ptrdiff_t *segments =
        (ptrdiff_t *)(void *)(scratch + p->planes_bytes + p->padded_bytes);
    block b = { .image = item / p->blocks,
                .row = item % p->blocks * p->rows,
                .in = scratch + p->planes_bytes,
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
                             p->element, p->call->x, scratch + p->planes_bytes);
    }
    return b;
}

/* A tile of m filters and n columns: its chain's blocks, which are whole rows
 * of taps or part of one. */
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

/* Columns [column, column + n) of a row of the block, all filters. */
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

/* Adds the bias to the planes, transposes them into pixels and applies the rest
 * of the epilogue. */
static void epilogue(const plan *p, const block *b)
{
    const fv__subconv *s = &p->subconv;
    const int64_t pixel = (b->image * s->out[0] + b->row) * s->out[1];
    const int64_t count = b->rows * s->out[1];
    fv__conv_call rest = *p->call;

    for (int64_t f = 0; rest.epilogue.bias && f < s->filters; f++) {
        void *plane = fv__slot(b->planes, f * count, p->element);

        p->kernels->binary(FV__ADD, (size_t)count, plane, 1,
                           fv__at(rest.epilogue.bias, f, p->element), 0, plane);
    }
    p->kernels->transpose((size_t)s->filters, (size_t)count, b->planes,
                          (size_t)count,
                          fv__slot(rest.y, pixel * s->filters, p->element),
                          (size_t)s->filters, (size_t)s->filters);
    rest.epilogue.bias = NULL;
    fv__conv_apply_epilogue(&rest, FV__FORWARD, pixel, count);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->subconv;
    const int64_t nr = p->kernels->nr;
    const block b = block_of(
        p, (int64_t)item, (char *)p->call->scratch + worker * p->thread_bytes);

    for (int64_t i = 0; i < b.rows; i++)
        for (int64_t j = 0; j < s->out[1]; j += nr)
            run_columns(p, &b, i, j, (size_t)fv__min(nr, s->out[1] - j));
    epilogue(p, &b);
}

size_t fv__direct_single_channel_packed(fv__conv_target target,
                                        const fv__geometry *g)
{
    return fv__align((size_t)(g->filters * g->kernel[0] * g->kernel[1])
                     * fv__element(target.kernels));
}

/* A copy: the caller may free its weights before the run. */
void fv__direct_single_channel_pack(const fv__conv_call *call)
{
    const fv__geometry *g = call->geometry;

    memcpy(call->packed, call->weight,
           (size_t)(g->filters * g->kernel[0] * g->kernel[1])
               * fv__element(call->context->kernels));
}

size_t fv__direct_single_channel_scratch(fv__conv_target target,
                                         const fv__geometry *g)
{
    size_t all;

    return fv__multiply(plan_of(target.kernels, g).thread_bytes,
                        (size_t)target.threads, &all)
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
