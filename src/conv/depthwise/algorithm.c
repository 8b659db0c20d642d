/* Depthwise convolution: each channel has one filter, and vectors run over
 * channels. */
#include "conv/depthwise/depthwise.h"

/* ---- packed weights ----------------------------------------------------- */

/* Weights are packed as [tap][channel], rows of channels being whole cache
 * lines, which makes them whole vectors; for padded copies as [line of
 * channels][tap][channel]. Both have the same size. */

/* Elements of a row of channels. */
static size_t packed_row(const fv__subconv *s, size_t element)
{
    return fv__align((size_t)s->groups * element) / element;
}

/* SIZE_MAX if they cannot be counted. */
static size_t packed_bytes(const fv__subconv *s, size_t element)
{
    const size_t taps = (size_t)(s->taps[0] * s->taps[1]);
    size_t bytes;

    if (!fv__multiply(taps, packed_row(s, element) * element, &bytes))
        return SIZE_MAX;
    return bytes;
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (!fv__add(all, packed_bytes(&s, fv__element(target.kernels)), &all))
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

/* Channels [first, last) of one tap, from `weight` on. `element` is a constant
 * where this is inlined, so that no function is called for an element. */
static inline void pack_tap(const fv__subconv *s, size_t element, int64_t first,
                            int64_t last, const char *weight, char *out)
{
    const int64_t step = s->weight_group * (int64_t)element;

    weight += first * step;
    for (int64_t c = first; c < last; c++, out += element, weight += step)
        memcpy(out, weight, element);
}

/* All taps of channels [first, last), `row` bytes apart. */
static void pack_taps(const packing *p, int64_t first, int64_t last, size_t row,
                      char *out)
{
    const fv__subconv *s = p->subconv;

    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++, out += row) {
            const char *weight = fv__at(p->weight,
                                        s->weight_at + r * s->weight_tap[0]
                                            + q * s->weight_tap[1],
                                        p->element);

            if (p->element == 4)
                pack_tap(s, 4, first, last, weight, out);
            else
                pack_tap(s, 8, first, last, weight, out);
        }
}

static void pack_channels(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    const fv__subconv *s = p->subconv;
    const int64_t first = (int64_t)item * FV__DEPTHWISE_CHANNELS;
    const int64_t last = fv__min(first + FV__DEPTHWISE_CHANNELS, s->groups);
    const size_t element = p->element;
    const bool padded = fv__depthwise_is_padded(s);
    const int64_t line =
        padded ? FV__DEPTHWISE_LINE / (int64_t)element : last - first;
    const size_t row =
        padded ? FV__DEPTHWISE_LINE : packed_row(s, element) * element;
    const int64_t taps = padded ? s->taps[0] * s->taps[1] : 1;

    (void)worker;
    for (int64_t c = first; c < last; c += line)
        pack_taps(p, c, fv__min(c + line, last), row,
                  p->out + (size_t)(c * taps) * element);
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        packing p = { &s, fv__element(call->context->kernels), call->weight,
                      at };
        const size_t bytes = packed_bytes(&s, p.element);
        const size_t count = bytes / p.element;

        memset(at, 0, bytes); /* the ends of rows, behind the last channel */
        fv__parallel(call->context,
                     (size_t)fv__divide_up(g->groups, FV__DEPTHWISE_CHANNELS),
                     (double)count, pack_channels, &p);
        at += bytes;
    }
}

/* ---- the forward pass and the input gradient ---------------------------- */

typedef struct item {
    const fv__depthwise_plan *plan;
    const fv__subconv *subconv;
    int64_t image, row_block, channel; /* the first channel */
    const char *packed;                /* weights of the subconvolution */
    void *padded;                      /* memory for a padded copy */
} item;

/* Residue class `number` of an axis, with strides in pixels, and the
 * coordinates of its input 0, which may lie in the padding, and output 0. */
static fv__window axis_of(const fv__subconv *s, int axis, int64_t number,
                          int64_t *in, int64_t *out)
{
    const fv__depthwise_classes c = fv__depthwise_classes_of(s, axis);
    fv__window a = { .outputs = fv__divide_up(s->out[axis] - number, c.count),
                     .taps = s->taps[axis],
                     .stride = c.stride,
                     .step = 1,
                     .x_stride = c.input_step,
                     .y_stride = c.count };

    *out = number;
    *in = number * s->stride[axis] + s->first[axis];
    a.low = fv__max(0, fv__divide_up(-*in, c.input_step));
    a.high = fv__divide_up(fv__max(s->in[axis] - *in, 0), c.input_step);
    return a;
}

/* Leaves at most `count` outputs from `first` on. */
static void limit_outputs(fv__window *a, int64_t first, int64_t count,
                          int64_t *in, int64_t *out)
{
    a->outputs = fv__min(count, a->outputs - first);
    a->low -= first * a->stride;
    a->high -= first * a->stride;
    *in += first * a->stride * a->x_stride;
    *out += first * a->y_stride;
}

static void set_epilogue(fv__depthwise *d, const item *it, int64_t out)
{
    const fv__depthwise_plan *p = it->plan;
    const bool data = p->direction == FV__BACKWARD_DATA;
    fv__epilogue *e = &d->epilogue;

    *e = fv__conv_epilogue(p->call, p->direction);
    e->nontemporal = p->nontemporal;
    if (e->bias) e->bias = fv__at(e->bias, it->channel, p->element);
    if (e->residual) e->residual = fv__at(e->residual, out, p->element);
    d->add = data && !p->call->overwrite;
    if (d->add) e->residual = d->y;
}

/* The outputs of residue class `row` of rows and `column` of columns. */
static void run_class(const item *it, int64_t row, int64_t column)
{
    const fv__depthwise_plan *p = it->plan;
    const fv__subconv *s = it->subconv;
    const bool data = p->direction == FV__BACKWARD_DATA;
    const bool padded = fv__depthwise_is_padded(s);
    const int64_t weights = (int64_t)packed_row(s, p->element);
    const int64_t x_stride[] = { s->in[1] * s->in_pixel, s->in_pixel };
    const int64_t y_stride[] = { s->out_row, s->out_pixel };
    const int64_t weight_stride[] = { s->taps[1] * weights, weights };
    const int64_t first = it->row_block * p->rows;
    int64_t in[2], out[2];
    int64_t x = it->image * s->in[0] * x_stride[0] + it->channel;
    int64_t y = s->out_at + it->image * s->out_image + it->channel;
    fv__depthwise d = { .axis = { axis_of(s, 0, row, &in[0], &out[0]),
                                  axis_of(s, 1, column, &in[1], &out[1]) },
                        .channels = (size_t)fv__min(p->channels,
                                                    s->groups - it->channel),
                        .uncached = p->uncached };

    if (first >= d.axis[0].outputs) return;
    limit_outputs(&d.axis[0], first, p->rows, &in[0], &out[0]);
    for (int i = 0; i < 2; i++) {
        x += in[i] * x_stride[i];
        y += out[i] * y_stride[i];
        d.axis[i].x_stride *= x_stride[i];
        d.axis[i].y_stride *= y_stride[i];
        d.axis[i].weight_stride = weight_stride[i];
    }
    d.x = fv__at(data ? p->call->dy : p->call->x, x, p->element);
    d.y = fv__slot(data ? p->call->dx : p->call->y, y, p->element);
    d.weight =
        fv__at(it->packed, it->channel * (padded ? s->taps[0] * s->taps[1] : 1),
               p->element);
    set_epilogue(&d, it, y);
    if (padded)
        fv__depthwise_run_padded(p->kernels, &d, it->padded);
    else
        p->kernels->depthwise(&d);
}

static void run_item(void *argument, size_t number, size_t worker)
{
    const fv__depthwise_plan *p = argument;
    const int64_t block = (int64_t)number / p->channel_blocks;
    item it = {
        .plan = p,
        .image = block / p->row_blocks,
        .row_block = block % p->row_blocks,
        .channel = (int64_t)number % p->channel_blocks * p->channels,
        .packed = p->call->packed,
        .padded = (char *)p->call->scratch + worker * p->padded_bytes,
    };

    for (int64_t i = 0; i < fv__subconv_count(p->geometry, p->direction); i++) {
        const fv__subconv s = fv__subconv_of(p->geometry, p->direction, i);
        const int64_t rows =
            fv__min(fv__depthwise_classes_of(&s, 0).count, s.out[0]);
        const int64_t columns =
            fv__min(fv__depthwise_classes_of(&s, 1).count, s.out[1]);

        it.subconv = &s;
        for (int64_t j = 0; j < rows * columns; j++)
            run_class(&it, j / columns, j % columns);
        it.packed += packed_bytes(&s, p->element);
    }
    if (p->nontemporal) p->kernels->store_fence();
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;

    if (g->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS) {
        fv__depthwise_weight_grad_run(call);
        return;
    }
    fv__depthwise_plan p = fv__depthwise_plan_of_call(call, direction);
    fv__parallel(call->context,
                 (size_t)(g->batch * p.row_blocks * p.channel_blocks),
                 (double)fv__geometry_macs(g), run_item, &p);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv__geometry *g)
{
    return g->groups > 1 && fv__geometry_is_depthwise(g)
           && !fv__geometry_has_depth(g);
}

static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    size_t all;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__depthwise_weight_grad_scratch(target, g);
    return fv__multiply(
               fv__depthwise_plan_of(target, g, direction).padded_bytes,
               (size_t)target.threads, &all)
               ? all
               : SIZE_MAX;
}

/* With padded copies, taps in the padding are left out. */
static double cost(const fv__geometry *g, fv__direction direction)
{
    double all = fv__costs.depthwise_tap
                 * (double)(g->batch * g->out[0] * g->out[1])
                 * (double)fv__divide_up(g->channels, FV__COST_LANES)
                 * (double)(g->kernel[0] * g->kernel[1]);
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);

    (void)direction;
    for (int i = 0; i < 2 && fv__depthwise_is_padded(&s); i++) {
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
