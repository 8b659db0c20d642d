/* The forward pass and the phases of the input gradient as subconvolutions. */
#include "conv/shared.h"

#include <string.h>

static fv__subconv forward(const fv__geometry *g)
{
    const int64_t channels = g->channels / g->groups;
    const int64_t row = g->kernel[1] * channels, plane = g->kernel[0] * row;
    const int64_t span = g->kernel[FV__DEPTH] * plane;
    fv__subconv s = {
        .batch = g->batch,
        .groups = g->groups,
        .channels = channels,
        .filters = g->filters / g->groups,
        .in_pixel = g->channels,
        .out_pixel = g->filters,
        .out_row = g->out[1] * g->filters,
        .weight_tap = { row, channels, plane },
        .weight_channel = 1,
        .weight_filter = span,
    };

    s.out_plane = g->out[0] * s.out_row;
    s.out_image = g->out[FV__DEPTH] * s.out_plane;
    for (int i = 0; i < FV__AXES; i++) {
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

/* Phases of the stride of an axis that have an input pixel. */
static int64_t phases(const fv__geometry *g, int axis)
{
    return fv__min(g->stride[axis], g->in[axis]);
}

/* a b mod m, for 0 <= a, b < m < 2^62. */
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

/* x in [0, m) with a x = 1 (mod m), for coprime a and m, by the extended
 * Euclidean algorithm. */
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

/* The least tap >= 0 with tap dilation = distance (mod stride), INT64_MAX if
 * there is none. `divisor` is the greatest common divisor of stride and
 * dilation, and m = stride / divisor. */
static int64_t first_tap(int64_t distance, int64_t dilation, int64_t divisor,
                         int64_t m)
{
    if (m <= 1) return distance ? INT64_MAX : 0;
    if (distance % divisor) return INT64_MAX;
    return product_modulo(distance / divisor,
                          inverse_modulo(dilation / divisor, m), m);
}

/* Sets an axis of the subconvolution of input pixels phase, phase + stride, ...
 * Its tap 0 is the last of the kernel's taps that contribute to them, so that
 * outputs are read in ascending order; returns that tap. The others follow at a
 * distance of *tap_step, which is negative. */
static int64_t phase_axis(const fv__geometry *g, int axis, int64_t phase,
                          fv__subconv *s, int64_t *tap_step)
{
    int64_t stride = g->stride[axis], dilation = g->dilation[axis];

    if (stride == 1) { /* one phase: without divisions, which take longest */
        s->in[axis] = g->out[axis];
        s->out[axis] = g->in[axis];
        s->taps[axis] = g->kernel[axis];
        s->stride[axis] = 1;
        s->step[axis] = dilation;
        s->first[axis] = g->begin[axis] - (g->kernel[axis] - 1) * dilation;
        *tap_step = -1;
        return g->kernel[axis] - 1;
    }
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
    const int64_t of_plane = phases(g, 0) * phases(g, 1);
    const int64_t phase[] = { number % of_plane / phases(g, 1),
                              number % phases(g, 1), number / of_plane };
    const int64_t channels = g->channels / g->groups;
    const int64_t weight[] = { g->kernel[1] * channels, channels,
                               g->kernel[0] * g->kernel[1] * channels };
    const int64_t span = g->kernel[FV__DEPTH] * weight[FV__DEPTH];
    const int64_t row = g->in[1] * g->channels, plane = g->in[0] * row;
    fv__subconv s = {
        .batch = g->batch,
        .groups = g->groups,
        .channels = g->filters / g->groups,
        .filters = channels,
        .in_pixel = g->filters,
        .out_at =
            phase[FV__DEPTH] * plane + phase[0] * row + phase[1] * g->channels,
        .out_pixel = g->stride[1] * g->channels,
        .out_row = g->stride[0] * row,
        .out_plane = g->stride[FV__DEPTH] * plane,
        .out_image = g->in[FV__DEPTH] * plane,
        .weight_channel = span,
        .weight_filter = 1,
    };

    for (int i = 0; i < FV__AXES; i++) {
        int64_t step;

        s.weight_at += phase_axis(g, i, phase[i], &s, &step) * weight[i];
        s.weight_tap[i] = step * weight[i];
    }
    s.weight_group = s.channels * span;
    return s;
}

/* Whether each output of an axis reads the input of the same index alone. */
static bool is_pointwise(const fv__subconv *s, int axis)
{
    return s->taps[axis] == 1 && s->stride[axis] == 1 && s->first[axis] == 0
           && s->out[axis] == s->in[axis];
}

int64_t fv__subconv_count(const fv__geometry *g, fv__direction direction)
{
    return direction == FV__FORWARD
               ? 1
               : phases(g, FV__DEPTH) * phases(g, 0) * phases(g, 1);
}

fv__subconv fv__subconv_of(const fv__geometry *g, fv__direction direction,
                           int64_t number)
{
    fv__subconv s =
        direction == FV__FORWARD ? forward(g) : backward_data(g, number);

    if (!is_pointwise(&s, FV__DEPTH)
        || s.out_image != s.out[FV__DEPTH] * s.out_plane)
        return s;
    s.batch *= s.out[FV__DEPTH];
    s.in[FV__DEPTH] = s.out[FV__DEPTH] = 1;
    s.out_image = s.out_plane;
    return s;
}

bool fv__subconv_is_pointwise(const fv__subconv *s)
{
    return is_pointwise(s, 0) && is_pointwise(s, 1)
           && is_pointwise(s, FV__DEPTH);
}

/* ---- packed weights ----------------------------------------------------- */

/* Packs a panel of n filters that are contiguous in memory. Taps are the inner
 * loops, since they are closer together than channels. */
static inline void pack_filters(const fv__subconv *s, const char *from,
                                char *out, size_t n, size_t nr,
                                const size_t element)
{
    const size_t row = nr * element;
    const int64_t *taps = s->taps;

    if (n < nr)
        memset(out, 0, (size_t)(fv__subconv_taps(s) * s->channels) * row);
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t d = 0; d < taps[FV__DEPTH]; d++)
            for (int64_t r = 0; r < taps[0]; r++)
                for (int64_t q = 0; q < taps[1]; q++) {
                    const int64_t tap = (d * taps[0] + r) * taps[1] + q;
                    const int64_t at =
                        c * s->weight_channel + d * s->weight_tap[FV__DEPTH]
                        + r * s->weight_tap[0] + q * s->weight_tap[1];

                    fv__copy_run(fv__slot(out, tap * s->channels + c, row),
                                 fv__at(from, at, element), n * element);
                }
}

void fv__subconv_pack(const fv__kernels *kernels, const fv__subconv *s,
                      int64_t group, int64_t panel, const void *weight,
                      void *packed)
{
    const size_t element = fv__element(kernels), nr = (size_t)kernels->nr;
    const size_t span = (size_t)(fv__subconv_taps(s) * s->channels);
    const int64_t first = panel * kernels->nr;
    const size_t n = (size_t)fv__min(s->filters - first, kernels->nr);
    const char *from = fv__at(weight,
                              s->weight_at + group * s->weight_group
                                  + first * s->weight_filter,
                              element);
    char *out = fv__slot(packed, panel, span * nr * element);

    if (s->weight_filter == 1 && element == 4)
        pack_filters(s, from, out, n, nr, 4);
    else if (s->weight_filter == 1)
        pack_filters(s, from, out, n, nr, 8);
    else /* the forward pass: a filter's weights are contiguous */
        kernels->transpose(n, span, from, (size_t)s->weight_filter, out, nr,
                           nr);
}
