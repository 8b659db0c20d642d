/* The column matrix of a convolution, filled and added back. */
#include "kernel/conv.h"

#include <string.h>

/* Taps [first, last) of one kernel row meet the image, from input element `at`
 * on; those before and behind meet padding. */
typedef struct run {
    int64_t first, last, at;
} run;

static run run_of(const fv__columns *c, fv__pixel p, int64_t row, int64_t first,
                  int64_t last)
{
    const fv__geometry *g = c->geometry;
    int64_t step = g->dilation[1];
    int64_t i = p.row * g->stride[0] - g->begin[0] + row * g->dilation[0];
    int64_t j = p.column * g->stride[1] - g->begin[1];

    if (i < 0 || i >= g->in[0] || j >= g->in[1])
        return (run){ first, first, 0 };
    int64_t low = j < 0 ? fv__divide_up(-j, step) : 0;
    int64_t high = j < g->in[1] ? (g->in[1] - 1 - j) / step + 1 : 0;

    low = fv__min(fv__max(low, first), last);
    high = fv__max(fv__min(high, last), low);
    if (low == high) return (run){ first, first, 0 };
    int64_t pixel = (p.image * g->in[0] + i) * g->in[1] + j + low * step;

    return (run){ low, high, pixel * g->channels + c->channel };
}

/* Short copies are commoner than long ones. */
static char *copy(char *out, const void *in, size_t bytes)
{
    if (bytes > 64) {
        memcpy(out, in, bytes);
        return out + bytes;
    }
    for (size_t i = 0; i < bytes; i += 4)
        memcpy(out + i, (const char *)in + i, 4);
    return out + bytes;
}

static char *zeros(char *out, int64_t bytes)
{
    if (bytes > 0) memset(out, 0, (size_t)bytes);
    return out + bytes;
}

/* One kernel row of one output pixel. */
static char *gather(const fv__columns *c, run r, int64_t first, int64_t last,
                    const void *x, char *out)
{
    const fv__geometry *g = c->geometry;
    int64_t channels = g->channels / g->groups;
    int64_t bytes = channels * (int64_t)c->element;
    const char *in = fv__at(x, (size_t)r.at, c->element);

    out = zeros(out, (r.first - first) * bytes);
    if (g->groups == 1 && g->dilation[1] == 1) {
        if (r.first < r.last)
            out = copy(out, in, (size_t)((r.last - r.first) * bytes));
    } else {
        size_t step = (size_t)(g->dilation[1] * g->channels) * c->element;

        for (int64_t i = r.first; i < r.last; i++, in += step)
            out = copy(out, in, (size_t)bytes);
    }
    return zeros(out, (last - r.last) * bytes);
}

void fv__columns_gather(const fv__columns *c, const void *x, void *columns)
{
    const fv__geometry *g = c->geometry;
    int64_t width = g->kernel[1], last_tap = c->tap + c->taps;
    fv__pixel pixel = fv__pixel_at(g, c->pixel);
    char *out = columns;

    for (int64_t i = 0; i < c->count; i++) {
        for (int64_t row = c->tap / width; row * width < last_tap; row++) {
            int64_t first = fv__max(c->tap - row * width, 0);
            int64_t last = fv__min(last_tap - row * width, width);

            out = gather(c, run_of(c, pixel, row, first, last), first, last, x,
                         out);
        }
        if (++pixel.column < g->out[1]) continue;
        pixel.column = 0;
        if (++pixel.row < g->out[0]) continue;
        pixel.row = 0;
        pixel.image++;
    }
}

/* One kernel row of one output pixel. */
static void scatter(const fv__columns *c, const fv__kernels *kernels, run r,
                    const void *in, void *dx)
{
    const fv__geometry *g = c->geometry;
    int64_t channels = g->channels / g->groups;

    if (g->groups == 1 && g->dilation[1] == 1) {
        if (r.first < r.last)
            kernels->axpy((size_t)((r.last - r.first) * channels), 1, in,
                          fv__slot(dx, (size_t)r.at, c->element));
        return;
    }
    for (int64_t i = 0; i < r.last - r.first; i++) {
        int64_t at = r.at + i * g->dilation[1] * g->channels;

        kernels->axpy((size_t)channels, 1,
                      fv__at(in, (size_t)(i * channels), c->element),
                      fv__slot(dx, (size_t)at, c->element));
    }
}

void fv__columns_scatter(const fv__columns *c, const fv__kernels *kernels,
                         const void *columns, void *dx)
{
    const fv__geometry *g = c->geometry;
    int64_t channels = g->channels / g->groups;
    int64_t width = g->kernel[1], last_tap = c->tap + c->taps;

    for (int64_t i = c->count; i-- > 0;) {
        fv__pixel pixel = fv__pixel_at(g, c->pixel + i);

        for (int64_t row = c->tap / width; row * width < last_tap; row++) {
            int64_t first = fv__max(c->tap - row * width, 0);
            int64_t last = fv__min(last_tap - row * width, width);
            run r = run_of(c, pixel, row, first, last);
            int64_t at = i * c->taps + row * width - c->tap + r.first;

            scatter(c, kernels, r,
                    fv__at(columns, (size_t)(at * channels), c->element), dx);
        }
    }
}
