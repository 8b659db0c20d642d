/* The directions of a convolution of groups of few channels that make an
 * image. */
#include "conv/grouped/grouped.h"

#include <string.h>

/* A sweep, cut into items: a vector of filters and a block of outputs of an
 * image. A strip holds what a few rows of outputs meet that share inputs.
 * Weights are [vector][tap][channel][lane]. */
typedef struct plan {
    fv__replicated padded;
    int64_t vectors, rows, blocks[2];
    size_t span;    /* of a filter */
    size_t weights; /* bytes of a vector of them */
    bool data;
    const fv__conv_call *call;
    char *packed;
} plan;

static plan plan_sweep(const fv_context *context, const fv__geometry *g,
                       fv__direction direction, int64_t number)
{
    const fv__subconv s = fv__subconv_of(g, direction, number);
    const int64_t together = fv__min(2 * s.step[0], s.out[0]);
    plan p = { .padded = fv__replicated_of(context->kernels, &s, s.channels,
                                           together, together),
               .span = (size_t)(s.taps[0] * s.taps[1] * s.channels),
               .data = direction == FV__BACKWARD_DATA };
    const int64_t *most = p.padded.outputs;

    p.vectors = fv__replicated_vectors(&p.padded);
    p.weights = p.span * (size_t)p.padded.lanes * p.padded.element;
    p.blocks[1] = fv__divide_up(s.out[1], most[1]);
    p.rows = fv__divide_up(
        s.out[0], fv__divide_up(FV__FEW_ITEMS, p.vectors * p.blocks[1]));
    p.rows = fv__divide_up(p.rows, most[0]) * most[0];
    p.blocks[0] = fv__divide_up(s.out[0], p.rows);
    return p;
}

static bool packed_bytes(const plan *p, size_t *bytes)
{
    return fv__multiply((size_t)p->vectors, p->weights, bytes);
}

static double spread_cost(const fv__geometry *g, fv__direction direction);

/* Planes are added to an input gradient as a whole, not block by block. */
static bool planes_fit(const fv__geometry *g, fv__direction direction)
{
    if (direction == FV__FORWARD) return true;
    if (direction == FV__BACKWARD_WEIGHTS) return false;
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (fv__chain_is_cut(fv__subconv_chain(&s))) return false;
    }
    return true;
}

/* Whether vectors run along rows of pixels, not over filters. */
static bool in_planes(const fv__geometry *g, fv__direction direction)
{
    return planes_fit(g, direction)
           && fv__grouped_planar_cost(g, direction) < spread_cost(g, direction);
}

size_t fv__grouped_packed(const fv_context *context, const fv__geometry *g,
                          fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    if (in_planes(g, direction))
        return fv__grouped_planar_packed(context, g, direction);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const plan p = plan_sweep(context, g, direction, i);
        size_t bytes;

        if (!packed_bytes(&p, &bytes) || !fv__add(all, fv__align(bytes), &all))
            return SIZE_MAX;
    }
    return all;
}

size_t fv__grouped_scratch(const fv_context *context, const fv__geometry *g,
                           fv__direction direction)
{
    size_t most = 0, all;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__grouped_weight_grad_scratch(context, g);
    if (in_planes(g, direction))
        return fv__grouped_planar_scratch(context, g, direction);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const plan p = plan_sweep(context, g, direction, i);

        if (p.padded.bytes > most) most = p.padded.bytes;
    }
    if (most > SIZE_MAX - 64
        || !fv__multiply(fv__align(most), (size_t)context->threads, &all))
        return SIZE_MAX;
    return all;
}

/* ---- packed weights ----------------------------------------------------- */

/* Filters of one group, neighbours in memory. */
static inline void pack_group(const fv__subconv *s, size_t size, size_t lanes,
                              size_t n, const char *weight, char *out)
{
    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++)
            for (int64_t c = 0; c < s->channels; c++, out += lanes * size) {
                const int64_t at = r * s->weight_tap[0] + q * s->weight_tap[1]
                                   + c * s->weight_channel;

                fv__copy_run(out, weight + at * (int64_t)size, n * size);
            }
}

static void pack_vector(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->padded.subconv;
    const size_t size = p->padded.element, lanes = (size_t)p->padded.lanes;
    const int64_t first = (int64_t)(item * lanes);
    const int64_t end =
        first + fv__replicated_filters(&p->padded, (int64_t)item);
    char *out = p->packed + item * p->weights;

    (void)worker;
    /* forward: a filter is all it needs, in order */
    if (s->weight_filter != 1) {
        p->padded.kernels->transpose(
            (size_t)(end - first), p->span,
            fv__at(p->call->weight, (ptrdiff_t)((size_t)first * p->span), size),
            p->span, out, lanes, lanes);
        return;
    }
    memset(out, 0, p->weights);
    for (int64_t i = first, n; i < end; i += n) {
        const int64_t group = i / s->filters, filter = i % s->filters;
        const int64_t at = s->weight_at + group * s->weight_group + filter;

        n = fv__min(s->filters - filter, end - i);
        pack_group(s, size, lanes, (size_t)n, fv__at(p->call->weight, at, size),
                   out + (size_t)(i - first) * size);
    }
}

/* ---- a sweep ------------------------------------------------------------ */

/* The outputs from `first` on, as the kernel sees them. */
static fv__grouped grouped(const plan *p, int64_t vector, fv__pixel first)
{
    const fv__subconv *s = &p->padded.subconv;
    const fv__conv_call *call = p->call;
    const size_t size = p->padded.element;
    const int64_t filter = vector * p->padded.lanes;
    const size_t at =
        (size_t)(s->out_at + first.image * s->out_image + first.row * s->out_row
                 + first.column * s->out_pixel + filter);
    fv__grouped g = {
        .rows = p->padded.rows,
        .channels = (size_t)s->channels,
        .count = (size_t)fv__replicated_filters(&p->padded, vector),
        .weight = p->packed + (size_t)vector * p->weights,
        .y = fv__slot(p->data ? call->dx : call->y, (ptrdiff_t)at, size),
        .from = p->padded.row,
        .to = { s->out_row, s->out_pixel }
    };
    fv__epilogue *f = &g.epilogue;

    for (int i = 0; i < 2; i++) {
        g.taps[i] = s->taps[i];
        g.stride[i] = p->padded.stride[i];
        g.step[i] = p->padded.step[i];
    }
    if (!p->data) *f = call->epilogue;
    if (f->bias) f->bias = fv__at(f->bias, filter, size);
    if (f->residual) f->residual = fv__at(f->residual, (ptrdiff_t)at, size);
    g.add = p->data && !call->overwrite;
    if (g.add) f->residual = g.y;
    return g;
}

/* Down a block of outputs: each row of inputs is spread once. */
static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__replicated *padded = &p->padded;
    const fv__conv_call *call = p->call;
    const int64_t *out = padded->subconv.out, *most = padded->outputs;
    void *replicate = (char *)call->scratch + worker * fv__align(padded->bytes);
    fv__replicated_block piece = {
        .vector = (int64_t)item % p->vectors,
        .first = fv__pixel_at(p->blocks, (int64_t)item / p->vectors),
    };

    piece.first.row *= p->rows;
    piece.first.column *= most[1];
    piece.columns = fv__min(most[1], out[1] - piece.first.column);
    fv__pixel first = piece.first;
    const int64_t end = fv__min(first.row + p->rows, out[0]);
    for (int64_t rows, filled = 0; first.row < end; first.row += rows) {
        fv__grouped g = grouped(p, piece.vector, first);

        rows = fv__min(most[0], end - first.row);
        fv__replicated_inside(padded, &piece, 0, &g.low, &g.high);
        g.top = (first.row - piece.first.row) * padded->stride[0];
        g.x = replicate;
        g.outputs[0] = rows;
        g.outputs[1] = piece.columns;
        const int64_t needed = g.top + fv__replicated_rows(padded, rows);
        fv__replicated_fill(padded, &piece, fv__max(filled, g.top), needed,
                            p->data ? call->dy : call->x, replicate);
        filled = needed;
        padded->kernels->grouped(&g);
    }
}

/* ---- all sweeps --------------------------------------------------------- */

static void each_sweep(const fv__conv_call *call, fv__direction direction,
                       bool packs)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        plan p = plan_sweep(call->context, g, direction, i);
        const int64_t vectors = p.vectors, *blocks = p.blocks;
        const int64_t *out = p.padded.subconv.out;
        size_t bytes;

        p.call = call;
        p.packed = at;
        if (packs)
            fv__parallel(call->context, (size_t)vectors,
                         (double)vectors * (double)p.weights, pack_vector, &p);
        else
            fv__parallel(call->context,
                         (size_t)(g->batch * vectors * blocks[0] * blocks[1]),
                         (double)(g->batch * out[0] * out[1] * g->filters)
                             * (double)p.span,
                         run_item, &p);
        if (packed_bytes(&p, &bytes)) at += fv__align(bytes);
    }
}

void fv__grouped_pack(const fv__conv_call *call, fv__direction direction)
{
    if (in_planes(call->geometry, direction))
        fv__grouped_planar_pack(call, direction);
    else
        each_sweep(call, direction, true);
}

void fv__grouped_run(const fv__conv_call *call, fv__direction direction)
{
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__grouped_weight_grad_run(call);
    else if (in_planes(call->geometry, direction))
        fv__grouped_planar_run(call, direction);
    else
        each_sweep(call, direction, false);
}

/* ---- what it costs ------------------------------------------------------ */

/* Of one vector of filters: a multiply-add; a channel of an input that is
 * spread, and each vector of memory, or group, that it comes from; an output.
 * Weight gradients the same, and of a block and a channel besides; where
 * columns are dilated no outputs in order share an input. Strips and short runs
 * take a part of them. */
enum { LANES = 16, SPREAD = 4, OUTPUT = 17, BLOCK = 3000, ALONE = 3 };

/* Inputs of an axis that outputs meet. */
static int64_t met(const fv__subconv *s, int axis)
{
    const int64_t stride = s->stride[axis], step = s->step[axis];
    const int64_t taps = s->taps[axis], out = s->out[axis];

    if (taps < 2) return taps * out;
    return ((out - 1) * stride + (taps - 1) * step)
               / fv__common_divisor(stride, step)
           + 1;
}

static double sweep_cost(const fv__subconv *s)
{
    const int64_t groups = fv__min(s->groups, fv__divide_up(LANES, s->filters));
    const int64_t sources =
        fv__min(groups, fv__divide_up(groups * s->channels, LANES));
    const double inputs = (double)(met(s, 0) * met(s, 1));
    const double outputs = (double)(s->out[0] * s->out[1]);
    const double taps = (double)(s->taps[0] * s->taps[1]);

    return (double)(s->batch * fv__divide_up(s->groups * s->filters, LANES))
           * (outputs * (1.7 * taps * (double)s->channels + OUTPUT)
              + inputs * (double)(s->channels * (SPREAD + sources)));
}

static double spread_cost(const fv__geometry *g, fv__direction direction)
{
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        const fv__conv_sizes sizes = fv__conv_sizes_of(g);
        const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
        const double calls = (double)(fv__divide_up(g->filters, LANES)
                                      * s.channels * sizes.blocks);

        return (s.step[1] == 1 ? 1.5 : ALONE) * sweep_cost(&s) + BLOCK * calls;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        all += sweep_cost(&s);
    }
    return all;
}

double fv__grouped_cost(const fv__geometry *g, fv__direction direction)
{
    return in_planes(g, direction) ? fv__grouped_planar_cost(g, direction)
                                   : spread_cost(g, direction);
}
