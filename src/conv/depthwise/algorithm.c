/* Convolution of each channel on its own, and the choice between that and
 * groups of few channels. */
#include "conv/depthwise/depthwise.h"
#include "conv/grouped/grouped.h"

/* About so many items make an image of a sweep, of so many rows or a multiple
 * of it. They cut outputs only. */
enum { ITEMS = 16, ITEM_ROWS = 2, STRIP_ROWS = 8 };
/* Taps of a row that no tile is made for go over a strip, up to so many along
 * an axis, and with rows of outputs of such strides. */
enum { FEW_TAPS = 7, MOST_TAPS = 64, MOST_STRIDE = 2, LINE = 64 };
/* Of the vector that costs are counted in. */
enum { LANES = 16 };

/* Otherwise channels are in groups, or have several filters. */
static bool each_alone(const fv__geometry *g)
{
    return g->groups == g->channels && g->groups == g->filters;
}

/* ---- a sweep's axes ------------------------------------------------------ */

/* Outputs `every` apart meet inputs `size` apart, all of one class and no
 * others: each class is a dense convolution. */
typedef struct classes {
    int64_t every, size, stride;
} classes;

static classes classes_of(const fv__subconv *s, int axis)
{
    int64_t size = fv__max(s->step[axis], 1), stride = s->stride[axis];
    int64_t divisor = fv__common_divisor(stride, size);

    if (s->taps[axis] < 2) return (classes){ 1, stride, 1 };
    return (classes){ fv__max(size / divisor, 1), size, stride / divisor };
}

static bool in_strips(const fv__subconv *s)
{
    return s->taps[1] > FEW_TAPS && s->taps[0] <= MOST_TAPS
           && s->taps[1] <= MOST_TAPS && !fv__chain_is_cut(fv__subconv_chain(s))
           && classes_of(s, 0).stride <= MOST_STRIDE
           && classes_of(s, 1).stride == 1;
}

/* A class of outputs, distances in pixels; where its output 0 and its input 0,
 * there or not, lie. */
static fv__window axis_of(const fv__subconv *s, int axis, int64_t number,
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

/* ---- packed weights: [tap][channel], whole vectors; in strips, [line of
 * channels][tap][channel] ------------------------------------------------- */

static size_t packed_row(const fv__subconv *s, size_t element)
{
    return fv__align((size_t)s->groups * element) / element;
}

/* SIZE_MAX: uncountable */
static size_t packed_bytes(const fv__subconv *s, size_t element)
{
    size_t taps = (size_t)(s->taps[0] * s->taps[1]), bytes;

    if (!fv__multiply(taps, packed_row(s, element) * element, &bytes))
        return SIZE_MAX;
    return bytes;
}

static size_t packed_sweeps(const fv_context *context, const fv__geometry *g,
                            fv__direction direction)
{
    size_t all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (!fv__add(all, packed_bytes(&s, fv__element(context->kernels)),
                     &all))
            return SIZE_MAX;
    }
    return all;
}

typedef struct packing {
    const fv__subconv *subconv;
    size_t element;
    const char *weight;
    char *out;
} packing;

/* One tap of channels [first, last). */
static inline void pack_tap(const fv__subconv *s, size_t size, int64_t first,
                            int64_t last, const char *weight, char *out)
{
    const int64_t group = s->weight_group * (int64_t)size;

    for (int64_t g = first; g < last; g++, out += size)
        fv__copy_element(size, out, weight + g * group);
}

/* All taps of channels [first, last), `row` bytes apart. */
static void pack_taps(const packing *p, int64_t first, int64_t last, size_t row,
                      char *out)
{
    const fv__subconv *s = p->subconv;
    const size_t size = p->element;

    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++, out += row) {
            const char *from = fv__at(p->weight,
                                      s->weight_at + r * s->weight_tap[0]
                                          + q * s->weight_tap[1],
                                      size);

            if (size == 4)
                pack_tap(s, 4, first, last, from, out);
            else
                pack_tap(s, 8, first, last, from, out);
        }
}

static void pack_channels(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    const fv__subconv *s = p->subconv;
    const int64_t first = (int64_t)item * FV__DEPTHWISE_CHANNELS;
    const int64_t last = fv__min(first + FV__DEPTHWISE_CHANNELS, s->groups);
    const size_t size = p->element;
    const bool padded_copies = in_strips(s);
    const int64_t line = padded_copies ? LINE / (int64_t)size : last - first;
    const size_t row = padded_copies ? LINE : packed_row(s, size) * size;
    const int64_t taps = padded_copies ? s->taps[0] * s->taps[1] : 1;

    (void)worker;
    for (int64_t c = first; c < last; c += line)
        pack_taps(p, c, fv__min(c + line, last), row,
                  p->out + (size_t)(c * taps) * size);
}

static void pack_sweeps(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        packing p = { &s, fv__element(call->context->kernels), call->weight,
                      at };
        size_t bytes = packed_bytes(&s, p.element), count = bytes / p.element;

        memset(at, 0, bytes); /* the ends of rows */
        fv__parallel(call->context,
                     (size_t)fv__divide_up(g->groups, FV__DEPTHWISE_CHANNELS),
                     (double)count, pack_channels, &p);
        at += bytes;
    }
}

void fv__depthwise_cut(fv__depthwise_plan *p, int64_t channels, int64_t pieces)
{
    pieces = fv__max(1, fv__min(pieces, channels / FV__DEPTHWISE_CHANNELS));
    p->channels =
        fv__divide_up(fv__divide_up(channels, pieces), FV__DEPTHWISE_CHANNELS)
        * FV__DEPTHWISE_CHANNELS;
    p->pieces = fv__divide_up(channels, p->channels);
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
    };
    int64_t rows = 1;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const classes c = classes_of(&s, 0);

        rows = fv__max(rows, fv__divide_up(s.out[0], c.every));
        if (in_strips(&s)) {
            const size_t bytes = fv__depthwise_padded_bytes(c.stride, s.taps);

            p.padded = bytes > p.padded ? bytes : p.padded;
        }
    }
    p.rows = fv__divide_up(rows, ITEMS * ITEM_ROWS) * ITEM_ROWS;
    if (p.padded) p.rows = fv__max(p.rows, STRIP_ROWS);
    p.blocks = fv__divide_up(rows, p.rows);
    fv__depthwise_cut(&p, g->channels, ITEMS / fv__max(g->batch * p.blocks, 1));
    return p;
}

/* What an item works on. */
typedef struct place {
    const fv__depthwise_plan *plan;
    const fv__subconv *subconv;
    int64_t image, block, channel;
    const char *packed;
    void *padded;
} place;

/* A class of rows and one of columns, whose distances are pixels still; where
 * input 0 and output 0 lie, in elements. */
typedef struct dense {
    fv__window axis[2];
    int64_t in, out;
} dense;

static dense dense_of(const place *at, int64_t row, int64_t column)
{
    const fv__subconv *s = at->subconv;
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
    d.axis[0].weight = s->taps[1] * weights;
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
    int64_t channels = at->subconv->groups;
    bool data = p->direction == FV__BACKWARD_DATA;
    size_t out = (size_t)d->out, channel = (size_t)at->channel;
    const bool padded_copies = in_strips(at->subconv);
    const int64_t taps =
        padded_copies ? at->subconv->taps[0] * at->subconv->taps[1] : 1;
    fv__depthwise work = {
        .axis = { d->axis[0], d->axis[1] },
        .channels = (size_t)fv__min(p->channels, channels - at->channel),
        .x = x,
        .weight =
            fv__at(at->packed, (ptrdiff_t)(channel * (size_t)taps), p->element),
        .y = fv__slot(data ? call->dx : call->y, (ptrdiff_t)out, p->element),
    };
    fv__epilogue *f = &work.epilogue;

    if (!data) *f = call->epilogue;
    f->nontemporal = p->nontemporal;
    work.uncached = p->uncached;
    if (f->bias) f->bias = fv__at(f->bias, (ptrdiff_t)channel, p->element);
    if (f->residual)
        f->residual = fv__at(f->residual, (ptrdiff_t)out, p->element);
    work.add = data && !call->overwrite;
    if (work.add) f->residual = work.y;
    if (padded_copies)
        fv__depthwise_run_padded(p->kernels, &work, at->padded);
    else
        p->kernels->depthwise(&work);
}

static void run_class(const place *at, dense d)
{
    const fv__depthwise_plan *p = at->plan;
    const void *in =
        p->direction == FV__BACKWARD_DATA ? p->call->dy : p->call->x;

    if (at->block * p->rows >= d.axis[0].outputs) return;
    cut_rows(&d, at->block * p->rows, p->rows);
    run_dense(at, &d, fv__at(in, d.in, p->element));
}

static void subconvs(void *argument, size_t item, size_t worker)
{
    const fv__depthwise_plan *p = argument;
    int64_t block = (int64_t)item / p->pieces;
    place at = {
        .plan = p,
        .image = block / p->blocks,
        .block = block % p->blocks,
        .channel = (int64_t)item % p->pieces * p->channels,
        .packed = p->call->packed,
        .padded = (char *)p->call->scratch + worker * p->padded,
    };

    for (int64_t i = 0; i < fv__subconv_count(p->g, p->direction); i++) {
        const fv__subconv s = fv__subconv_of(p->g, p->direction, i);
        int64_t rows = fv__min(classes_of(&s, 0).every, s.out[0]);
        int64_t columns = fv__min(classes_of(&s, 1).every, s.out[1]);

        at.subconv = &s;
        for (int64_t j = 0; j < rows * columns; j++)
            run_class(&at, dense_of(&at, j / columns, j % columns));
        at.packed += packed_bytes(&s, p->element);
    }
    if (p->nontemporal) p->kernels->store_fence();
}

static void run_sweeps(const fv__conv_call *call, fv__direction direction)
{
    fv__depthwise_plan p =
        plan_sweeps(call->context, call->geometry, direction);

    p.call = call;
    p.uncached = fv__conv_reads_uncached(call->context, p.g, direction);
    p.nontemporal = fv__conv_is_nontemporal(call, direction);
    fv__parallel(call->context,
                 (size_t)(call->geometry->batch * p.blocks * p.pieces),
                 (double)fv__geometry_macs(call->geometry), subconvs, &p);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    (void)context;
    return g->groups > 1 && (each_alone(g) || fv__replicated_fit(g));
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    if (!each_alone(g)) return fv__grouped_packed(context, g, direction);
    return packed_sweeps(context, g, direction);
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    size_t all;

    if (!each_alone(g)) return fv__grouped_scratch(context, g, direction);
    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__depthwise_weight_grad_scratch(context, g);
    return fv__multiply(plan_sweeps(context, g, direction).padded,
                        (size_t)context->threads, &all)
               ? all
               : SIZE_MAX;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    if (each_alone(call->geometry))
        pack_sweeps(call, direction);
    else
        fv__grouped_pack(call, direction);
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (!each_alone(call->geometry))
        fv__grouped_run(call, direction);
    else if (direction == FV__BACKWARD_WEIGHTS)
        fv__depthwise_weight_grad_run(call);
    else
        run_sweeps(call, direction);
}

/* About half of what registers allow: the rest is loads. Large kernels leave
 * out taps in the padding. */
static double cost(const fv__geometry *g, fv__direction direction)
{
    double all = 2 * (double)(g->batch * g->out[0] * g->out[1])
                 * (double)fv__divide_up(g->channels, LANES)
                 * (double)(g->kernel[0] * g->kernel[1]);
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);

    if (!each_alone(g)) return fv__grouped_cost(g, direction);
    for (int i = 0; i < 2 && in_strips(&s); i++) {
        const fv__bands bands = fv__subconv_bands(&s, i);

        all *= fv__bands_share(&s, i, &bands);
    }
    return all;
}

const fv__conv_algorithm fv__conv_depthwise = {
    .name = "depthwise",
    .applicable = applicable,
    .cost = cost,
    .plain = true,
    .by_phases = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
