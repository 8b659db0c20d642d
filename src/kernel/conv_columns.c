/* The column matrix of a convolution, filled and added back. */
#include "kernel/conv.h"

#include <string.h>

/* What one output pixel sees: taps [low, high) of a kernel row meet columns of
 * the image; tap 0 of kernel row 0 meets row `row` and column `column`, which
 * may lie in the padding. */
typedef struct window {
    int64_t low, high, image, row, column;
} window;

static window window_of(const fv__geometry *g, fv__pixel p)
{
    int64_t width = g->kernel[1], step = g->dilation[1];
    int64_t column = p.column * g->stride[1] - g->begin[1];
    int64_t before = fv__max(-column, 0); /* columns in the padding */
    int64_t inside = fv__max(g->in[1] - column, 0);

    if (step > 1) { /* division is slow */
        before = fv__divide_up(before, step);
        inside = fv__divide_up(inside, step);
    }
    before = fv__min(before, width);
    return (window){ before, fv__max(fv__min(inside, width), before), p.image,
                     p.row * g->stride[0] - g->begin[0], column };
}

/* Taps [first, last) of one kernel row meet the image, from input element `at`
 * on; those before and behind meet padding. */
typedef struct run {
    int64_t first, last, at;
} run;

static run run_of(const fv__columns *c, const window *w, int64_t row,
                  int64_t first, int64_t last)
{
    const fv__geometry *g = c->geometry;
    int64_t i = w->row + row * g->dilation[0];
    int64_t low = fv__max(w->low, first), high = fv__min(w->high, last);

    if (i < 0 || i >= g->in[0] || low >= high) return (run){ first, first, 0 };
    int64_t pixel =
        (w->image * g->in[0] + i) * g->in[1] + w->column + low * g->dilation[1];

    return (run){ low, high, pixel * g->channels + c->channel };
}

/* The ends of the range, which may overlap, are copied as a whole. */
static void copy_ends(char *out, const char *in, size_t bytes, size_t end)
{
    memcpy(out, in, end);
    memcpy(out + bytes - end, in + bytes - end, end);
}

/* Short copies are commoner than long ones, and a call costs more than they
 * do. Elements have 4 bytes at least. */
static char *copy(char *out, const char *in, size_t bytes)
{
    if (bytes < 8)
        memcpy(out, in, 4);
    else if (bytes <= 16)
        copy_ends(out, in, bytes, 8);
    else if (bytes <= 32)
        copy_ends(out, in, bytes, 16);
    else if (bytes <= 64)
        copy_ends(out, in, bytes, 32);
    else
        memcpy(out, in, bytes);
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
    int64_t first_row = c->tap / width;
    fv__pixel pixel = fv__pixel_at(g, c->pixel);
    char *out = columns;

    for (int64_t i = 0; i < c->count; i++) {
        window w = window_of(g, pixel);

        for (int64_t row = first_row; row * width < last_tap; row++) {
            int64_t first = fv__max(c->tap - row * width, 0);
            int64_t last = fv__min(last_tap - row * width, width);

            out =
                gather(c, run_of(c, &w, row, first, last), first, last, x, out);
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
    int64_t first_row = c->tap / width;
    fv__pixel pixel = fv__pixel_at(g, c->pixel + c->count - 1);

    for (int64_t i = c->count; i-- > 0;) {
        window w = window_of(g, pixel);

        for (int64_t row = first_row; row * width < last_tap; row++) {
            int64_t first = fv__max(c->tap - row * width, 0);
            int64_t last = fv__min(last_tap - row * width, width);
            run r = run_of(c, &w, row, first, last);
            int64_t at = i * c->taps + row * width - c->tap + r.first;

            scatter(c, kernels, r,
                    fv__at(columns, (size_t)(at * channels), c->element), dx);
        }
        if (pixel.column-- > 0) continue;
        pixel.column = g->out[1] - 1;
        if (pixel.row-- > 0) continue;
        pixel.row = g->out[0] - 1;
        pixel.image--;
    }
}
