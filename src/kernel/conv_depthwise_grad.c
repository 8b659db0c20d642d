/* Weight gradient of a convolution of each channel on its own. */
#include "kernel/conv_depthwise.h"

/* At least so many, where channels allow. */
enum { ITEMS = 4 };

typedef struct weights {
    fv__depthwise_plan plan;
    fv__conv_parts parts;
    size_t row, sums; /* elements of the sums of a tap; of all taps */
    size_t worker;    /* bytes of scratch */
} weights;

/* An item is a part and a piece of the channels. A worker has a
 * block's sums and a part's. */
static weights plan_weights(const fv_context *context, const fv__geometry *g)
{
    weights w = {
        .plan = { .kernels = context->kernels,
                  .g = g,
                  .direction = FV__BACKWARD_WEIGHTS,
                  .element = fv__element(context->kernels) },
        .parts = fv__conv_parts_of(context->kernels, g),
    };
    fv__depthwise_plan *p = &w.plan;

    fv__depthwise_cut(p, g->filters, ITEMS / w.parts.sizes.parts);
    w.row = fv__align((size_t)fv__min(p->channels, g->filters) * p->element)
            / p->element;
    w.sums = (size_t)w.parts.sizes.taps * w.row;
    p->far = fv__conv_is_far(context, g, p->direction);
    if (!fv__multiply(w.sums, 2 * p->element, &w.worker)) w.worker = SIZE_MAX;
    return w;
}

/* What an item works on. */
typedef struct part {
    const weights *weights;
    int64_t number, channel, channels;
    void *dbias;
} part;

/* Sums, [tap][channel], from those of a part, [channel][tap], or to them. */
static void move_sums(const part *at, void *sums, bool store)
{
    const weights *w = at->weights;
    size_t size = w->plan.element, taps = (size_t)w->parts.sizes.taps;
    size_t channels = (size_t)at->channels;
    void *whole = fv__slot(fv__conv_part_weights(&w->parts, at->number),
                           (size_t)at->channel * taps, size);

    if (store)
        w->plan.kernels->transpose(taps, channels, sums, w->row, whole, taps,
                                   taps);
    else
        w->plan.kernels->transpose(channels, taps, whole, taps, sums, w->row,
                                   channels);
}

/* Rows `first` and following of an image, as the kernel sees them. */
static fv__depthwise_grad grad_of(const part *at, int64_t image, int64_t first,
                                  int64_t rows)
{
    const weights *w = at->weights;
    const fv__geometry *g = w->plan.g;
    int64_t pixel[] = { g->in[1] * g->channels, g->channels };
    int64_t x = image * g->in[0] * pixel[0] + at->channel;
    int64_t dy =
        ((image * g->out[0] + first) * g->out[1]) * g->filters + at->channel;
    fv__depthwise_grad d = { .channels = (size_t)at->channels,
                             .dbias = at->dbias,
                             .far = w->plan.far };

    for (int i = 0; i < 2; i++) {
        int64_t from = g->begin[i] - (i ? 0 : first * g->stride[0]);

        d.axis[i] = (fv__window){ .outputs = i ? g->out[1] : rows,
                                  .taps = g->kernel[i],
                                  .stride = g->stride[i],
                                  .step = g->dilation[i],
                                  .low = from,
                                  .high = from + g->in[i],
                                  .from = pixel[i],
                                  .to = i ? g->filters : g->out[1] * g->filters,
                                  .weight = (ptrdiff_t)w->row
                                            * (i ? 1 : g->kernel[1]) };
        x -= from * pixel[i];
    }
    d.x = fv__at(w->plan.call->x, (size_t)x, w->plan.element);
    d.dy = fv__at(w->plan.call->dy, (size_t)dy, w->plan.element);
    return d;
}

/* The chains of a block of output rows. */
static void add_block(const part *at, int64_t block, void *sums)
{
    const weights *w = at->weights;
    const fv__geometry *g = w->plan.g;
    const fv__conv_sizes *s = &w->parts.sizes;
    int64_t line = block * s->lines;
    int64_t end = fv__min(line + s->lines, g->batch * g->out[0]);

    for (int64_t rows, from = line; line < end; line += rows) {
        int64_t row = line % g->out[0];

        rows = fv__min(end - line, g->out[0] - row);
        fv__depthwise_grad d = grad_of(at, line / g->out[0], row, rows);
        d.dweight = sums;
        d.fresh = line == from;
        w->plan.kernels->depthwise_grad(&d);
    }
}

static void add_part(void *argument, size_t item, size_t worker)
{
    const weights *w = argument;
    const fv__depthwise_plan *p = &w->plan;
    void *block =
        (char *)p->call->scratch + w->parts.bytes + worker * w->worker;
    void *all = fv__slot(block, w->sums, p->element);
    part at = { .weights = w,
                .number = (int64_t)item / p->pieces,
                .channel = (int64_t)item % p->pieces * p->channels };
    int64_t first = fv__conv_part(&w->parts.sizes, at.number);
    int64_t end = fv__conv_part(&w->parts.sizes, at.number + 1);

    at.channels = fv__min(p->channels, p->g->filters - at.channel);
    at.dbias = fv__conv_part_bias_sums(&w->parts, at.number, (size_t)at.channel,
                                       (size_t)at.channels);
    for (int64_t i = first; i < end; i++) {
        fv__meet meet = fv__conv_part_meet(&w->parts, at.number, i);

        if (i == first && meet != FV__REPLACE) move_sums(&at, all, false);
        add_block(&at, i, meet == FV__REPLACE ? all : block);
        if (meet != FV__REPLACE) p->kernels->axpy(w->sums, 1, block, all);
    }
    move_sums(&at, all, true);
}

void fv__depthwise_grad_run(const fv__conv_call *call)
{
    weights w = plan_weights(call->context, call->geometry);

    w.plan.call = call;
    fv__conv_parts_begin(&w.parts, call);
    fv__parallel(call->context, (size_t)(w.parts.sizes.parts * w.plan.pieces),
                 (double)fv__geometry_macs(call->geometry), add_part, &w);
    fv__conv_parts_add(&w.parts);
}

size_t fv__depthwise_grad_scratch(const fv_context *context,
                                  const fv__geometry *g)
{
    const weights w = plan_weights(context, g);
    size_t bytes;

    if (!fv__multiply(w.worker, (size_t)context->threads, &bytes)
        || !fv__add(bytes, w.parts.bytes, &bytes))
        return SIZE_MAX;
    return bytes;
}
