/* Max and average pooling of one image, vectors along the channels. */
#include "kernel/isa/isa.h"

/* Rows and columns of the taps of one window that lie inside the image. */
typedef struct window {
    int64_t first[2], last[2]; /* taps [first, last) */
    int64_t origin[2];         /* of tap 0, may be negative */
} window;

static window window_at(const fv__geometry *g, int64_t row, int64_t column)
{
    const int64_t at[2] = { row, column };
    window w;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t step = g->dilation[axis];
        const int64_t origin = at[axis] * g->stride[axis] - g->begin[axis];
        w.origin[axis] = origin;
        w.first[axis] = origin < 0 ? (step - 1 - origin) / step : 0;
        w.last[axis] =
            fv__min(g->kernel[axis], fv__divide_up(g->in[axis] - origin, step));
    }
    return w;
}

/* A tap of the window as a pixel of the plane. */
static int64_t pixel_of(const fv__geometry *g, const window *w, int64_t row,
                        int64_t column)
{
    const int64_t y = w->origin[0] + row * g->dilation[0];
    return y * g->in[1] + w->origin[1] + column * g->dilation[1];
}

/* `formula` for each tap inside, ascending, with `pixel` its pixel. */
#define EACH_TAP(g, w, formula)                                                \
    for (int64_t row = (w).first[0]; row < (w).last[0]; row++)                 \
        for (int64_t column = (w).first[1]; column < (w).last[1]; column++) {  \
            const int64_t pixel = pixel_of(g, &(w), row, column);              \
            formula;                                                           \
        }

/* The first of the largest stays, and so does the first NaN. */
INLINE bool beats(real x, real best)
{
    return x > best || (x != x && best == best);
}

static void lift(size_t n, const real *x, real *best)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++)
        best[i] = beats(x[i], best[i]) ? x[i] : best[i];
}

static void lift_where(size_t n, const real *x, int32_t pixel, real *best,
                       int32_t *where)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const bool better = beats(x[i], best[i]);
        best[i] = better ? x[i] : best[i];
        where[i] = better ? pixel : where[i];
    }
}

/* The first tap settles the window, so that -inf can be a maximum too. */
static void take(size_t n, bool first, const real *x, int64_t pixel, real *best,
                 int32_t *where)
{
    if (first) {
        for (size_t i = 0; i < n; i++) best[i] = x[i];
        for (size_t i = 0; where && i < n; i++) where[i] = (int32_t)pixel;
    } else if (where) {
        lift_where(n, x, (int32_t)pixel, best, where);
    } else {
        lift(n, x, best);
    }
}

void FV_KERNEL(maxpool)(const fv__geometry *g, const void *x_, void *y_,
                        int32_t *where)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    for (int64_t r = 0; r < g->out[0]; r++) {
        for (int64_t s = 0; s < g->out[1]; s++, y += c) {
            const window w = window_at(g, r, s);
            bool first = true;
            EACH_TAP(g, w, {
                take(c, first, x + (size_t)pixel * c, pixel, y, where);
                first = false;
            })
            for (size_t i = 0; first && i < c; i++) y[i] = -REAL_INFINITY;
            for (size_t i = 0; first && where && i < c; i++) where[i] = -1;
            if (where) where += c;
        }
    }
}

void FV_KERNEL(maxpool_grad)(const fv__geometry *g, const int32_t *where,
                             const void *dy_, void *dx_)
{
    const size_t c = (size_t)g->channels;
    const size_t pixels = (size_t)(g->out[0] * g->out[1]);
    const real *dy = dy_;
    real *dx = dx_;
    for (size_t i = 0; i < pixels; i++, where += c, dy += c)
        for (size_t j = 0; j < c; j++)
            if (where[j] >= 0) dx[(size_t)where[j] * c + j] += dy[j];
}

static real count_of(const fv__geometry *g, bool count_padding, const window *w)
{
    if (count_padding) return (real)(g->kernel[0] * g->kernel[1]);
    return (real)(fv__max(w->last[0] - w->first[0], 0)
                  * fv__max(w->last[1] - w->first[1], 0));
}

static void add(size_t n, const real *x, real *y)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void add_part(size_t n, const real *dy, real count, real *dx)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) dx[i] += dy[i] / count;
}

void FV_KERNEL(avgpool)(const fv__geometry *g, bool count_padding,
                        const void *x_, void *y_)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    for (int64_t r = 0; r < g->out[0]; r++) {
        for (int64_t s = 0; s < g->out[1]; s++, y += c) {
            const window w = window_at(g, r, s);
            const real count = count_of(g, count_padding, &w);
            for (size_t i = 0; i < c; i++) y[i] = 0;
            EACH_TAP(g, w, add(c, x + (size_t)pixel * c, y))
            for (size_t i = 0; count > 0 && i < c; i++) y[i] /= count;
        }
    }
}

void FV_KERNEL(avgpool_grad)(const fv__geometry *g, bool count_padding,
                             const void *dy_, void *dx_)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    for (int64_t r = 0; r < g->out[0]; r++) {
        for (int64_t s = 0; s < g->out[1]; s++, dy += c) {
            const window w = window_at(g, r, s);
            const real count = count_of(g, count_padding, &w);
            EACH_TAP(g, w, add_part(c, dy, count, dx + (size_t)pixel * c))
        }
    }
}
