/* Weight gradient of a convolution of each channel on its own. */
#include "conv/depthwise/depthwise.h"

/* At least so many, where channels allow. */
enum { ITEMS = 4 };

typedef struct weights {
    fv__depthwise_plan plan;
    fv__partials parts;
    size_t row, sums; /* elements of the sums of a tap; of all taps */
    size_t worker;    /* bytes of scratch */
} weights;

/* An item is a part and a piece of the channels. A worker has a block's sums, a
 * part's, and those of a block of the bias. */
static weights plan_weights(const fv_context *context, const fv__geometry *g)
{
    weights w = {
        .plan = { .kernels = context->kernels,
                  .g = g,
                  .direction = FV__BACKWARD_WEIGHTS,
                  .element = fv__element(context->kernels) },
        .parts = fv__partials_of(context->kernels, g),
    };
    fv__depthwise_plan *p = &w.plan;

    fv__depthwise_cut(p, g->filters, ITEMS / w.parts.sizes.parts);
    w.row = fv__align((size_t)fv__min(p->channels, g->filters) * p->element)
            / p->element;
    w.sums = (size_t)w.parts.sizes.taps * w.row;
    p->uncached = fv__conv_reads_uncached(context, g, p->direction);
    if (!fv__multiply(2 * w.sums + w.row, p->element, &w.worker))
        w.worker = SIZE_MAX;
    return w;
}

/* What an item works on. */
typedef struct part {
    const weights *weights;
    int64_t number, channel, channels;
    void *bias; /* of a block; NULL: not wanted */
} part;

/* Sums, [tap][channel], from those of a part, [channel][tap], or to them. */
static void move_sums(const part *at, void *sums, bool store)
{
    const weights *w = at->weights;
    size_t size = w->plan.element, taps = (size_t)w->parts.sizes.taps;
    size_t channels = (size_t)at->channels;
    void *whole = fv__slot(fv__partial_weights(&w->parts, at->number),
                           (ptrdiff_t)((size_t)at->channel * taps), size);

    if (store)
        w->plan.kernels->transpose(taps, channels, sums, w->row, whole, taps,
                                   taps);
    else
        w->plan.kernels->transpose(channels, taps, whole, taps, sums, w->row,
                                   channels);
}

/* Some rows and columns of outputs of an image. */
typedef struct region {
    int64_t image, first[2], count[2];
} region;

/* As the kernel sees them. */
static fv__depthwise_grad grad_of(const part *at, const region *some)
{
    const weights *w = at->weights;
    const fv__geometry *g = w->plan.g;
    int64_t pixel[] = { g->in[1] * g->channels, g->channels };
    int64_t x = some->image * g->in[0] * pixel[0] + at->channel;
    int64_t line = some->image * g->out[0] + some->first[0];
    int64_t dy = (line * g->out[1] + some->first[1]) * g->filters + at->channel;
    fv__depthwise_grad d = { .channels = (size_t)at->channels,
                             .dbias = at->bias,
                             .uncached = w->plan.uncached };

    for (int i = 0; i < 2; i++) {
        int64_t from = g->begin[i] - some->first[i] * g->stride[i];

        d.axis[i] = (fv__window){ .outputs = some->count[i],
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
    d.x = fv__at(w->plan.call->x, x, w->plan.element);
    d.dy = fv__at(w->plan.call->dy, dy, w->plan.element);
    return d;
}

/* The chains of a block of output rows, of `count` columns from `column` on. */
static void add_block(const part *at, int64_t block, int64_t column,
                      int64_t count, void *sums)
{
    const weights *w = at->weights;
    const fv__geometry *g = w->plan.g;
    const fv__conv_sizes *s = &w->parts.sizes;
    int64_t line = block * s->lines;
    int64_t end = fv__min(line + s->lines, g->batch * g->out[0]);

    for (int64_t rows, from = line; line < end; line += rows) {
        int64_t row = line % g->out[0];

        rows = fv__min(end - line, g->out[0] - row);
        fv__depthwise_grad d = grad_of(
            at,
            &(region){ line / g->out[0], { row, column }, { rows, count } });
        d.dweight = sums;
        d.fresh = line == from;
        w->plan.kernels->depthwise_grad(&d);
    }
}

static void add_part(void *argument, size_t item, size_t worker)
{
    const weights *w = argument;
    const fv__depthwise_plan *p = &w->plan;
    const fv__kernels *kernels = p->kernels;
    void *block =
        (char *)p->call->scratch + w->parts.bytes + worker * w->worker;
    void *all = fv__slot(block, (ptrdiff_t)w->sums, p->element);
    part at = { .weights = w,
                .number = (int64_t)item / p->pieces,
                .channel = (int64_t)item % p->pieces * p->channels };
    int64_t first = fv__partial_first_block(&w->parts.sizes, at.number);
    int64_t end = fv__partial_first_block(&w->parts.sizes, at.number + 1);
    bool fresh =
        fv__partial_accumulation(&w->parts, at.number, first) == FV__STORE;

    at.channels = fv__min(p->channels, p->g->filters - at.channel);
    size_t channels = (size_t)at.channels;
    void *dbias =
        fv__partial_bias(&w->parts, at.number, (size_t)at.channel, channels);
    if (dbias) at.bias = fv__slot(all, (ptrdiff_t)w->sums, p->element);
    if (!fresh) move_sums(&at, all, false);
    for (int64_t i = first; i < end; i++)
        for (int64_t c = 0, n; c < p->g->out[1]; c += n) {
            n = fv__chain_columns(p->g, c);
            if (dbias) kernels->fill(channels, 0, at.bias);
            add_block(&at, i, c, n, fresh ? all : block);
            if (!fresh) kernels->axpy(w->sums, 1, block, all);
            if (dbias) kernels->axpy(channels, 1, at.bias, dbias);
            fresh = false;
        }
    move_sums(&at, all, true);
}

void fv__depthwise_weight_grad_run(const fv__conv_call *call)
{
    weights w = plan_weights(call->context, call->geometry);

    w.plan.call = call;
    fv__partials_begin(&w.parts, call);
    fv__parallel(call->context, (size_t)(w.parts.sizes.parts * w.plan.pieces),
                 (double)fv__geometry_macs(call->geometry), add_part, &w);
    fv__partials_reduce(&w.parts);
}

size_t fv__depthwise_weight_grad_scratch(const fv_context *context,
                                         const fv__geometry *g)
{
    const weights w = plan_weights(context, g);
    size_t bytes;

    if (!fv__multiply(w.worker, (size_t)context->threads, &bytes)
        || !fv__add(bytes, w.parts.bytes, &bytes))
        return SIZE_MAX;
    return bytes;
}
