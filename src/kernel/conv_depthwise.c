/* Convolution of each channel on its own, with one filter or more. */
#include "kernel/conv_depthwise.h"

/* An item of a sweep has so many rows, or a multiple of it. */
enum { ITEM_ROWS = 4 };
/* Of the vector that costs are counted in; and what a vector costs that is
 * spread, or gathered, where channels have several filters. */
enum { LANES = 16, SPREAD = 48 };

/* ---- a sweep's axes ------------------------------------------------------ */

/* Outputs `every` apart meet inputs `size` apart, all of one class and no
 * others: each class is a dense convolution. */
typedef struct classes {
    int64_t every, size, stride;
} classes;

static classes classes_of(const fv__sweep *s, int axis)
{
    int64_t size = fv__max(s->step[axis], 1), stride = s->stride[axis];
    int64_t divisor = fv__common_divisor(stride, size);

    if (s->taps[axis] < 2) return (classes){ 1, stride, 1 };
    return (classes){ fv__max(size / divisor, 1), size, stride / divisor };
}

/* A class of outputs, distances in pixels; where its output 0 and its input 0,
 * there or not, lie. */
static fv__window axis_of(const fv__sweep *s, int axis, int64_t number,
                          int64_t *in, int64_t *out)
{
    classes c = classes_of(s, axis);
    int64_t outputs = fv__divide_up(s->out[axis] - number, c.every);
    fv__window a = { .outputs = outputs,
                     .taps = s->taps[axis],
                     .stride = c.stride,
                     .step = 1,
                     .from = c.size,
                     .to = c.every };

    *out = number;
    *in = number * s->stride[axis] + s->first[axis];
    a.low = fv__max(0, fv__divide_up(-*in, c.size));
    a.high = fv__divide_up(fv__max(s->in[axis] - *in, 0), c.size);
    return a;
}

/* ---- packed weights: [tap][output], whole vectors ------------------------ */

static size_t packed_row(const fv__sweep *s, size_t element)
{
    return fv__align((size_t)(s->groups * s->filters) * element) / element;
}

/* SIZE_MAX: uncountable */
static size_t packed_bytes(const fv__sweep *s, size_t element)
{
    size_t taps = (size_t)(s->taps[0] * s->taps[1] * s->channels), bytes;

    if (!fv__multiply(taps, packed_row(s, element) * element, &bytes))
        return SIZE_MAX;
    return bytes;
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const fv__sweep s = fv__sweep_of(g, direction, i);

        if (!fv__add(all, packed_bytes(&s, fv__element(context->kernels)),
                     &all))
            return SIZE_MAX;
    }
    return all;
}

typedef struct packing {
    const fv__sweep *sweep;
    size_t element;
    const char *weight;
    char *out;
} packing;

/* One tap of groups [first, last). */
static inline void pack_tap(const fv__sweep *s, size_t size, int64_t first,
                            int64_t last, const char *weight, char *out)
{
    const int64_t group = s->weight_group * (int64_t)size;
    const int64_t filter = s->weight_filter * (int64_t)size;

    for (int64_t g = first; g < last; g++)
        for (int64_t f = 0; f < s->filters; f++, out += size)
            fv__copy_element(size, out, weight + g * group + f * filter);
}

static void pack_groups(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    const fv__sweep *s = p->sweep;
    const int64_t first = (int64_t)item * FV__DEPTHWISE_CHANNELS;
    const int64_t last = fv__min(first + FV__DEPTHWISE_CHANNELS, s->groups);
    const size_t size = p->element, row = packed_row(s, size) * size;
    char *out = p->out + (size_t)(first * s->filters) * size;

    (void)worker;
    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++)
            for (int64_t c = 0; c < s->channels; c++, out += row) {
                const char *from = fv__at(
                    p->weight,
                    (size_t)(s->weight_at + r * s->weight_tap[0]
                             + q * s->weight_tap[1] + c * s->weight_channel),
                    size);

                if (size == 4)
                    pack_tap(s, 4, first, last, from, out);
                else
                    pack_tap(s, 8, first, last, from, out);
            }
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const fv__sweep s = fv__sweep_of(g, direction, i);
        packing p = { &s, fv__element(call->context->kernels), call->weight,
                      at };
        size_t bytes = packed_bytes(&s, p.element), count = bytes / p.element;

        memset(at, 0, bytes); /* the ends of rows */
        fv__parallel(call->context,
                     (size_t)fv__divide_up(g->groups, FV__DEPTHWISE_CHANNELS),
                     (double)count, pack_groups, &p);
        at += bytes;
    }
}

/* ---- a sweep: the forward pass, or a phase of the input gradient --------- */

/* An item is an image, a block of rows and a piece of the channels, of all
 * sweeps. */
static fv__depthwise_plan plan_sweeps(const fv_context *context,
                                      const fv__geometry *g,
                                      fv__direction direction)
{
    fv__depthwise_plan p = {
        .kernels = context->kernels,
        .g = g,
        .direction = direction,
        .element = fv__element(context->kernels),
        .worker = fv__spread_bytes(context, g, direction),
    };
    const fv__sweep s = fv__sweep_of(g, direction, 0); /* has most rows */
    int64_t rows = fv__divide_up(s.out[0], classes_of(&s, 0).every);

    p.rows = fv__divide_up(rows, FV__DEPTHWISE_ITEMS * ITEM_ROWS) * ITEM_ROWS;
    p.blocks = fv__divide_up(rows, p.rows);
    fv__depthwise_cut(&p, s.groups * s.filters, FV__DEPTHWISE_ITEMS / p.blocks);
    return p;
}

/* What an item works on. */
typedef struct place {
    const fv__depthwise_plan *plan;
    const fv__sweep *sweep;
    int64_t image, block, channel;
    const char *packed;
    char *strip;
} place;

/* A class of rows and one of columns, whose distances are pixels still; where
 * input 0 and output 0 lie, in elements. */
typedef struct dense {
    fv__window axis[2];
    int64_t in, out;
} dense;

static dense dense_of(const place *at, int64_t row, int64_t column)
{
    const fv__sweep *s = at->sweep;
    int64_t in[2], out[2], in_row = s->in[1] * s->in_pixel;
    int64_t weights = (int64_t)packed_row(s, at->plan->element);
    dense d = { .axis = { axis_of(s, 0, row, &in[0], &out[0]),
                          axis_of(s, 1, column, &in[1], &out[1]) } };

    d.in = (at->image * s->in[0] + in[0]) * in_row + in[1] * s->in_pixel
           + at->channel;
    d.out = s->out_at + at->image * s->out_image + out[0] * s->out_row
            + out[1] * s->out_pixel + at->channel;
    d.axis[0].from *= in_row;
    d.axis[0].to *= s->out_row;
    d.axis[0].weight = s->taps[1] * s->channels * weights;
    d.axis[1].from *= s->in_pixel;
    d.axis[1].to *= s->out_pixel;
    d.axis[1].weight = weights;
    return d;
}

/* Leaves `count` rows from `first` on. */
static void cut_rows(dense *d, int64_t first, int64_t count)
{
    fv__window *a = &d->axis[0];

    a->outputs = fv__min(count, a->outputs - first);
    a->low -= first * a->stride;
    a->high -= first * a->stride;
    d->in += first * a->stride * a->from;
    d->out += first * a->to;
}

static void run_dense(const place *at, const dense *d, const void *x)
{
    const fv__depthwise_plan *p = at->plan;
    const fv__conv_call *call = p->call;
    int64_t channels = at->sweep->groups * at->sweep->filters;
    bool data = p->direction == FV__BACKWARD_DATA;
    size_t out = (size_t)d->out, channel = (size_t)at->channel;
    fv__depthwise work = {
        .axis = { d->axis[0], d->axis[1] },
        .channels = (size_t)fv__min(p->channels, channels - at->channel),
        .x = x,
        .weight = fv__at(at->packed, channel, p->element),
        .y = fv__slot(data ? call->dx : call->y, out, p->element),
    };
    fv__finish *f = &work.finish;

    if (!data) *f = call->finish;
    if (f->bias) f->bias = fv__at(f->bias, channel, p->element);
    if (f->residual) f->residual = fv__at(f->residual, out, p->element);
    if (data && !call->overwrite) f->residual = work.y;
    p->kernels->depthwise(&work);
}

/* One row of outputs, from spread inputs. */
static void run_strip(const place *at, dense d, const void *x)
{
    const fv__depthwise_plan *p = at->plan;
    const fv__sweep *s = at->sweep;
    fv__window *r = &d.axis[0], *c = &d.axis[1];
    size_t row = fv__spread_elements(p->g, p->direction);
    const fv__spread how = { p->element, (size_t)s->groups,
                             (size_t)(s->channels * s->filters),
                             s->channels > 1, c->from };

    for (int64_t i = fv__max(r->low, 0); i < fv__min(r->high, r->taps); i++)
        fv__spread_row(
            &how,
            fv__at(x, (size_t)(i * r->from + c->low * c->from), p->element),
            c->high - c->low, fv__slot(at->strip, (size_t)i * row, p->element));
    r->from = (ptrdiff_t)row;
    c->from = s->groups * s->filters;
    x = fv__at(at->strip, (size_t)(-c->low * p->g->filters), p->element);
    c->taps *= s->channels;
    c->stride *= s->channels;
    c->low *= s->channels;
    c->high *= s->channels;
    run_dense(at, &d, x);
}

static void run_class(const place *at, dense d)
{
    const fv__depthwise_plan *p = at->plan;
    const void *in =
        p->direction == FV__BACKWARD_DATA ? p->call->dy : p->call->x;

    if (at->block * p->rows >= d.axis[0].outputs) return;
    cut_rows(&d, at->block * p->rows, p->rows);
    if (p->worker == 0) run_dense(at, &d, fv__at(in, (size_t)d.in, p->element));
    for (int64_t i = 0; p->worker && i < d.axis[0].outputs; i++) {
        dense one = d;

        cut_rows(&one, i, 1);
        run_strip(at, one, fv__at(in, (size_t)one.in, p->element));
    }
}

static void sweeps(void *argument, size_t item, size_t worker)
{
    const fv__depthwise_plan *p = argument;
    int64_t block = (int64_t)item / p->pieces;
    place at = {
        .plan = p,
        .image = block / p->blocks,
        .block = block % p->blocks,
        .channel = (int64_t)item % p->pieces * p->channels,
        .packed = p->call->packed,
        .strip = (char *)p->call->scratch + worker * p->worker,
    };

    for (int64_t i = 0; i < fv__sweep_count(p->g, p->direction); i++) {
        const fv__sweep s = fv__sweep_of(p->g, p->direction, i);
        int64_t rows = fv__min(classes_of(&s, 0).every, s.out[0]);
        int64_t columns = fv__min(classes_of(&s, 1).every, s.out[1]);

        at.sweep = &s;
        for (int64_t j = 0; j < rows * columns; j++)
            run_class(&at, dense_of(&at, j / columns, j % columns));
        at.packed += packed_bytes(&s, p->element);
    }
}

static void run_sweeps(const fv__conv_call *call, fv__direction direction)
{
    fv__depthwise_plan p =
        plan_sweeps(call->context, call->geometry, direction);

    p.call = call;
    fv__parallel(call->context,
                 (size_t)(call->geometry->batch * p.blocks * p.pieces),
                 (double)fv__geometry_macs(call->geometry), sweeps, &p);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    (void)context;
    return g->groups == g->channels && g->channels > 1;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    size_t bytes;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__depthwise_grad_scratch(context, g);
    if (!fv__multiply(plan_sweeps(context, g, direction).worker,
                      (size_t)context->threads, &bytes))
        return SIZE_MAX;
    return bytes;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__depthwise_grad_run(call);
    else
        run_sweeps(call, direction);
}

/* About half of what registers allow: the rest is loads. */
static double cost(const fv__geometry *g, fv__direction direction)
{
    const int64_t multiplier = g->filters / g->channels;
    const double taps = (double)(g->kernel[0] * g->kernel[1]);
    const double vectors =
        (double)(g->batch * g->out[0] * g->out[1])
        * (double)(multiplier * fv__divide_up(g->channels, LANES));

    (void)direction;
    return vectors * (2 * taps + (multiplier > 1 ? SPREAD : 0));
}

const fv__conv_algorithm fv__conv_depthwise = {
    .name = "depthwise",
    .applicable = applicable,
    .cost = cost,
    .plain = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
