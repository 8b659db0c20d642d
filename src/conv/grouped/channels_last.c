/* The forward pass and the input gradient of grouped convolution with vectors
 * over filters: a padded copy of the image holds each channel replicated under
 * the filters that read it. */
#include "conv/grouped/grouped.h"
#include "conv/grouped/replicate.h"

/* A subconvolution cut into items: one vector of filters, and a block of
 * outputs of one image. A copy holds what a few rows of outputs read. Weights
 * are packed as [vector][tap][channel][lane]. */
typedef struct plan {
    fv__replicated replicated;
    int64_t vectors;
    int64_t rows;      /* of outputs, in an item */
    int64_t blocks[2]; /* of rows and columns of outputs */
    size_t span;       /* weights of a filter */
    size_t weights;    /* bytes of the packed weights of a vector */
    bool data;         /* an input gradient */
    const fv__conv_call *call;
    char *packed;
} plan;

static plan plan_of(fv__conv_target target, const fv__geometry *g,
                    fv__direction direction, int64_t number)
{
    const fv__subconv s = fv__subconv_of(g, direction, number);
    /* the kernel makes pairs of rows that are `step` or fewer apart */
    const int64_t rows = fv__min(2 * s.step[0], s.out[0]);
    plan p = { .replicated = fv__replicated_of(target.kernels, &s, s.channels,
                                               rows, rows),
               .span = (size_t)(s.taps[0] * s.taps[1] * s.channels),
               .data = direction == FV__BACKWARD_DATA };
    const int64_t *most = p.replicated.outputs;

    p.vectors = fv__replicated_vectors(&p.replicated);
    p.weights = p.span * (size_t)p.replicated.lanes * p.replicated.element;
    p.blocks[1] = fv__divide_up(s.out[1], most[1]);
    p.rows = fv__divide_up(
        s.out[0], fv__divide_up(FV__FEW_ITEMS, p.vectors * p.blocks[1]));
    p.rows = fv__divide_up(p.rows, most[0]) * most[0];
    p.blocks[0] = fv__divide_up(s.out[0], p.rows);
    return p;
}

static size_t packed_bytes(const plan *p)
{
    return fv__grouped_packed_bytes(p->vectors, p->weights);
}

size_t fv__grouped_channels_last_packed(fv__conv_target target,
                                        const fv__geometry *g,
                                        fv__direction direction)
{
    size_t all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const plan p = plan_of(target, g, direction, i);

        if (!fv__add(all, packed_bytes(&p), &all)) return SIZE_MAX;
    }
    return all;
}

size_t fv__grouped_channels_last_scratch(fv__conv_target target,
                                         const fv__geometry *g,
                                         fv__direction direction)
{
    size_t most = 0, all;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const plan p = plan_of(target, g, direction, i);

        if (p.replicated.bytes > most) most = p.replicated.bytes;
    }
    if (most > SIZE_MAX - 64
        || !fv__multiply(fv__align(most), (size_t)target.threads, &all))
        return SIZE_MAX;
    return all;
}

/* ---- packed weights ----------------------------------------------------- */

/* `filters` filters of one group, from `weight` on. */
static inline void pack_group(const fv__subconv *s, size_t element,
                              size_t lanes, size_t filters, const char *weight,
                              char *out)
{
    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++)
            for (int64_t c = 0; c < s->channels; c++, out += lanes * element) {
                const int64_t at = r * s->weight_tap[0] + q * s->weight_tap[1]
                                   + c * s->weight_channel;

                fv__copy_run(out, weight + at * (int64_t)element,
                             filters * element);
            }
}

static void pack_vector(void *argument, size_t vector, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->replicated.subconv;
    const size_t element = p->replicated.element;
    const size_t lanes = (size_t)p->replicated.lanes;
    const int64_t first = (int64_t)(vector * lanes);
    const int64_t end =
        first + fv__replicated_filters(&p->replicated, (int64_t)vector);
    char *out = p->packed + vector * p->weights;

    (void)worker;
    /* In the forward pass the weights of a filter are one run of memory. */
    if (s->weight_filter != 1) {
        p->replicated.kernels->transpose(
            (size_t)(end - first), p->span,
            fv__at(p->call->weight, (ptrdiff_t)((size_t)first * p->span),
                   element),
            p->span, out, lanes, lanes);
        return;
    }
    memset(out, 0, p->weights);
    for (int64_t i = first, n; i < end; i += n) {
        const int64_t group = i / s->filters, filter = i % s->filters;
        const int64_t at = s->weight_at + group * s->weight_group + filter;

        n = fv__min(s->filters - filter, end - i);
        pack_group(s, element, lanes, (size_t)n,
                   fv__at(p->call->weight, at, element),
                   out + (size_t)(i - first) * element);
    }
}

/* ---- an item ------------------------------------------------------------ */

/* The operands of the outputs of a vector from `first` on, but for the inputs
 * and the number of outputs. */
static fv__grouped operands(const plan *p, int64_t vector, fv__pixel first)
{
    const fv__replicated *r = &p->replicated;
    const fv__subconv *s = &r->subconv;
    const fv__conv_call *call = p->call;
    const int64_t filter = vector * r->lanes;
    const size_t at =
        (size_t)(s->out_at + first.image * s->out_image + first.row * s->out_row
                 + first.column * s->out_pixel + filter);
    fv__grouped g = { .rows = r->rows,
                      .channels = (size_t)s->channels,
                      .filters = (size_t)fv__replicated_filters(r, vector),
                      .weight = p->packed + (size_t)vector * p->weights,
                      .y = fv__slot(p->data ? call->dx : call->y, (ptrdiff_t)at,
                                    r->element),
                      .x_row = r->row,
                      .y_stride = { s->out_row, s->out_pixel } };
    fv__epilogue *e = &g.epilogue;

    for (int i = 0; i < 2; i++) {
        g.taps[i] = s->taps[i];
        g.stride[i] = r->stride[i];
        g.step[i] = r->step[i];
    }
    *e = fv__conv_epilogue(call, p->data ? FV__BACKWARD_DATA : FV__FORWARD);
    if (e->bias) e->bias = fv__at(e->bias, filter, r->element);
    if (e->residual)
        e->residual = fv__at(e->residual, (ptrdiff_t)at, r->element);
    g.add = p->data && !call->overwrite;
    if (g.add) e->residual = g.y;
    return g;
}

/* From the top of a block of outputs to its bottom: the copy is a ring, so that
 * each row of inputs is copied once. */
static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__replicated *r = &p->replicated;
    const fv__conv_call *call = p->call;
    const int64_t *out = r->subconv.out, *most = r->outputs;
    void *copy = (char *)call->scratch + worker * fv__align(r->bytes);
    fv__replicated_block block = {
        .vector = (int64_t)item % p->vectors,
        .first = fv__pixel_at(p->blocks, (int64_t)item / p->vectors),
    };

    block.first.row *= p->rows;
    block.first.column *= most[1];
    block.columns = fv__min(most[1], out[1] - block.first.column);
    fv__pixel first = block.first;
    const int64_t end = fv__min(first.row + p->rows, out[0]);
    for (int64_t rows, filled = 0; first.row < end; first.row += rows) {
        fv__grouped g = operands(p, block.vector, first);

        rows = fv__min(most[0], end - first.row);
        fv__replicated_inside(r, &block, 0, &g.low, &g.high);
        g.top = (first.row - block.first.row) * r->stride[0];
        g.x = copy;
        g.outputs[0] = rows;
        g.outputs[1] = block.columns;
        const int64_t needed = g.top + fv__replicated_rows(r, rows);
        fv__replicated_fill(r, &block, fv__max(filled, g.top), needed,
                            p->data ? call->dy : call->x, copy);
        filled = needed;
        r->kernels->grouped(&g);
    }
}

/* ---- all subconvolutions ------------------------------------------------ */

void fv__grouped_channels_last_pack(const fv__conv_call *call,
                                    fv__direction direction)
{
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(call->geometry, direction); i++) {
        plan p = plan_of(fv__conv_target_of(call->context), call->geometry,
                         direction, i);

        p.call = call;
        p.packed = at;
        fv__parallel(call->context, (size_t)p.vectors,
                     (double)p.vectors * (double)p.weights, pack_vector, &p);
        at += packed_bytes(&p);
    }
}

void fv__grouped_channels_last_run(const fv__conv_call *call,
                                   fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        plan p = plan_of(fv__conv_target_of(call->context), g, direction, i);
        const int64_t *out = p.replicated.subconv.out;

        p.call = call;
        p.packed = at;
        fv__parallel(call->context,
                     (size_t)(g->batch * p.vectors * p.blocks[0] * p.blocks[1]),
                     (double)(g->batch * out[0] * out[1] * g->filters)
                         * (double)p.span,
                     run_item, &p);
        at += packed_bytes(&p);
    }
}

/* ---- cost --------------------------------------------------------------- */

/* Inputs of an axis that the outputs read, those in the padding too. */
static int64_t inputs_read(const fv__subconv *s, int axis)
{
    const int64_t stride = s->stride[axis], step = s->step[axis];
    const int64_t taps = s->taps[axis], out = s->out[axis];

    if (taps < 2) return taps * out;
    return ((out - 1) * stride + (taps - 1) * step)
               / fv__common_divisor(stride, step)
           + 1;
}

double fv__grouped_channels_last_cost_of(const fv__subconv *s)
{
    const fv__conv_costs *c = &fv__costs;
    const int64_t groups =
        fv__min(s->groups, fv__divide_up(FV__COST_LANES, s->filters));
    const int64_t sources =
        fv__min(groups, fv__divide_up(groups * s->channels, FV__COST_LANES));
    const double inputs = (double)(inputs_read(s, 0) * inputs_read(s, 1));
    const double outputs = (double)(s->out[0] * s->out[1]);
    const double taps = (double)(s->taps[0] * s->taps[1]);
    const double vectors =
        (double)(s->batch
                 * fv__divide_up(s->groups * s->filters, FV__COST_LANES));

    return vectors
           * (outputs
                  * (c->grouped_multiply_add * taps * (double)s->channels
                     + c->grouped_output)
              + inputs * (double)s->channels
                    * (c->grouped_replicate
                       + c->grouped_source * (double)sources));
}

double fv__grouped_channels_last_cost(const fv__geometry *g,
                                      fv__direction direction)
{
    double all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        all += fv__grouped_channels_last_cost_of(&s);
    }
    return all;
}
