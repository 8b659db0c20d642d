/* The directions of a convolution that make an image, as sweeps. */
#include "conv/shared.h"

#include <string.h>

static fv__subconv forward(const fv__geometry *g)
{
    int64_t channels = g->channels / g->groups;
    int64_t span = g->kernel[0] * g->kernel[1] * channels;
    fv__subconv s = {
        .batch = g->batch,
        .groups = g->groups,
        .channels = channels,
        .filters = g->filters / g->groups,
        .in_pixel = g->channels,
        .out_pixel = g->filters,
        .out_row = g->out[1] * g->filters,
        .out_image = g->out[0] * g->out[1] * g->filters,
        .weight_tap = { g->kernel[1] * channels, channels },
        .weight_channel = 1,
        .weight_filter = span,
    };

    for (int i = 0; i < 2; i++) {
        s.in[i] = g->in[i];
        s.out[i] = g->out[i];
        s.taps[i] = g->kernel[i];
        s.stride[i] = g->stride[i];
        s.first[i] = -g->begin[i];
        s.step[i] = g->dilation[i];
    }
    s.weight_group = s.filters * span;
    return s;
}

/* Phases of an axis that hold an input. */
static int64_t phases(const fv__geometry *g, int axis)
{
    return fv__min(g->stride[axis], g->in[axis]);
}

/* a b mod m, of 0 <= a, b < m < 2^62 */
static int64_t product_modulo(int64_t a, int64_t b, int64_t m)
{
    int64_t all = 0;

    for (; b; b /= 2) {
        if (b % 2) all += a;
        a += a;
        if (all >= m) all -= m;
        if (a >= m) a -= m;
    }
    return all;
}

/* x in [0, m) with a x = 1 modulo m, where a and m have no common divisor; by
 * the extended Euclidean algorithm. */
static int64_t inverse_modulo(int64_t a, int64_t m)
{
    int64_t x = 1, next = 0, rest = m;

    if (a == 1) return 1 % m;
    while (rest) {
        const int64_t quotient = a / rest, b = a - quotient * rest;
        const int64_t y = x - quotient * next;

        a = rest;
        rest = b;
        x = next;
        next = y;
    }
    return (x % m + m) % m;
}

/* The first tap of any number whose distance, tap dilation, is `distance`
 * modulo stride, which is `divisor`, common to it and dilation, times `m`;
 * INT64_MAX if there is none. */
static int64_t first_tap(int64_t distance, int64_t dilation, int64_t divisor,
                         int64_t m)
{
    if (m <= 1) return distance ? INT64_MAX : 0;
    if (distance % divisor) return INT64_MAX;
    return product_modulo(distance / divisor,
                          inverse_modulo(dilation / divisor, m), m);
}

/* Inputs `phase`, phase + stride, ... of an axis: which taps step onto them,
 * and from where. The last one comes first, so that outputs are met in order.
 * Returns it; the others follow `tap_step` apart. */
static int64_t phase_axis(const fv__geometry *g, int axis, int64_t phase,
                          fv__subconv *s, int64_t *tap_step)
{
    int64_t stride = g->stride[axis], dilation = g->dilation[axis];
    int64_t divisor = fv__common_divisor(stride, dilation);
    const int64_t m = stride / divisor;
    int64_t tap =
        first_tap((phase + g->begin[axis]) % stride, dilation, divisor, m);

    tap = fv__min(tap, g->kernel[axis]);
    *tap_step = m;
    s->in[axis] = g->out[axis];
    s->out[axis] = fv__divide_up(fv__max(g->in[axis] - phase, 0), stride);
    s->taps[axis] = fv__divide_up(g->kernel[axis] - tap, *tap_step);
    s->stride[axis] = 1;
    s->step[axis] = dilation / divisor;
    tap += fv__max(s->taps[axis] - 1, 0) * *tap_step;
    s->first[axis] = (phase + g->begin[axis] - tap * dilation) / stride;
    *tap_step = -*tap_step;
    return tap;
}

static fv__subconv backward_data(const fv__geometry *g, int64_t number)
{
    const int64_t phase[] = { number / phases(g, 1), number % phases(g, 1) };
    int64_t channels = g->channels / g->groups;
    int64_t span = g->kernel[0] * g->kernel[1] * channels;
    int64_t row = g->in[1] * g->channels, tap[2], tap_step[2];
    fv__subconv s = {
        .batch = g->batch,
        .groups = g->groups,
        .channels = g->filters / g->groups,
        .filters = channels,
        .in_pixel = g->filters,
        .out_at = phase[0] * row + phase[1] * g->channels,
        .out_pixel = g->stride[1] * g->channels,
        .out_row = g->stride[0] * row,
        .out_image = g->in[0] * row,
        .weight_channel = span,
        .weight_filter = 1,
    };

    for (int i = 0; i < 2; i++)
        tap[i] = phase_axis(g, i, phase[i], &s, &tap_step[i]);
    s.weight_at = (tap[0] * g->kernel[1] + tap[1]) * channels;
    s.weight_tap[0] = tap_step[0] * g->kernel[1] * channels;
    s.weight_tap[1] = tap_step[1] * channels;
    s.weight_group = s.channels * span;
    return s;
}

int64_t fv__subconv_count(const fv__geometry *g, fv__direction direction)
{
    return direction == FV__FORWARD ? 1 : phases(g, 0) * phases(g, 1);
}

fv__subconv fv__subconv_of(const fv__geometry *g, fv__direction direction,
                           int64_t number)
{
    return direction == FV__FORWARD ? forward(g) : backward_data(g, number);
}

bool fv__subconv_is_pointwise(const fv__subconv *s)
{
    for (int i = 0; i < 2; i++)
        if (s->taps[i] != 1 || s->stride[i] != 1 || s->first[i] != 0
            || s->out[i] != s->in[i])
            return false;
    return true;
}

/* ---- packed weights ----------------------------------------------------- */

/* A panel's place among the weights and in memory. */
typedef struct panel {
    const char *from;
    char *out;
    size_t size, n, nr; /* of an element; filters, with those missing */
} panel;

/* Filters are neighbours in memory: they are copied. Taps go inside, since
 * they are closer together than channels. */
static inline void pack_filters(const fv__subconv *s, const panel *p,
                                size_t size)
{
    const size_t row = p->nr * size;
    const size_t rows = (size_t)(s->taps[0] * s->taps[1] * s->channels);

    if (p->n < p->nr) memset(p->out, 0, rows * row);
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t r = 0; r < s->taps[0]; r++)
            for (int64_t q = 0; q < s->taps[1]; q++) {
                int64_t tap = r * s->taps[1] + q;
                int64_t at = c * s->weight_channel + r * s->weight_tap[0]
                             + q * s->weight_tap[1];

                fv__copy_run(p->out + (size_t)(tap * s->channels + c) * row,
                             p->from + at * (int64_t)size, p->n * size);
            }
}

void fv__subconv_pack(const fv__kernels *kernels, const fv__subconv *s,
                      int64_t group, int64_t number, const void *weight,
                      void *packed)
{
    size_t size = fv__element(kernels), nr = (size_t)kernels->nr;
    int64_t first = number * (int64_t)nr, taps = s->taps[0] * s->taps[1];
    int64_t at =
        s->weight_at + group * s->weight_group + first * s->weight_filter;
    size_t bytes = (size_t)(taps * s->channels) * nr * size;
    const panel p = { .from = fv__at(weight, at, size),
                      .out = (char *)packed + (size_t)number * bytes,
                      .size = size,
                      .n = (size_t)fv__min(s->filters - first, (int64_t)nr),
                      .nr = nr };

    if (s->weight_filter == 1 && size == 4)
        pack_filters(s, &p, 4);
    else if (s->weight_filter == 1)
        pack_filters(s, &p, 8);
    else /* forward: a filter is all it needs, in order */
        kernels->transpose(p.n, (size_t)(taps * s->channels), p.from,
                           (size_t)s->weight_filter, p.out, nr, nr);
}
