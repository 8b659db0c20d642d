/* Max and average pooling of one image, vectors along the channels. */
#include "kernel/isa/isa.h"

/* Rows and columns of the taps of one window that lie inside the image. */
typedef struct window {
    int64_t first[2], last[2]; /* taps [first, last) */
    int64_t origin[2];         /* of tap 0, may be negative */
} window;

/* Most windows lie inside as a whole: no division for them. */
INLINE void place(window *w, const fv__geometry *g, int axis, int64_t at)
{
    const int64_t step = g->dilation[axis], taps = g->kernel[axis];
    const int64_t origin = at * g->stride[axis] - g->begin[axis];
    const int64_t room = g->in[axis] - origin;
    w->origin[axis] = origin;
    w->first[axis] = origin < 0 ? (step - 1 - origin) / step : 0;
    w->last[axis] = (taps - 1) * step < room
                        ? taps
                        : fv__min(taps, fv__divide_up(room, step));
}

/* A tap of the window as a pixel of the plane. */
INLINE size_t pixel_of(const fv__geometry *g, const window *w, int64_t row,
                       int64_t column)
{
    const int64_t y = w->origin[0] + row * g->dilation[0];
    const int64_t x = w->origin[1] + column * g->dilation[1];
    return (size_t)(y * g->in[1] + x);
}

/* `work` for each output pixel, in order, with `w` its window. */
#define EACH_WINDOW(g, work)                                                   \
    for (int64_t r = 0; r < (g)->out[0]; r++) {                                \
        window window_, *const w = &window_;                                   \
        place(w, g, 0, r);                                                     \
        for (int64_t s = 0; s < (g)->out[1]; s++) {                            \
            place(w, g, 1, s);                                                 \
            work;                                                              \
        }                                                                      \
    }

/* `work` for each tap inside, ascending, with `pixel` its pixel. */
#define EACH_TAP(g, w, work)                                                   \
    for (int64_t row = (w)->first[0]; row < (w)->last[0]; row++)               \
        for (int64_t column = (w)->first[1]; column < (w)->last[1];            \
             column++) {                                                       \
            const size_t pixel = pixel_of(g, w, row, column);                  \
            work;                                                              \
        }

/* Whether each pixel is a tap of exactly one window. */
static bool tiles(const fv__geometry *g)
{
    for (int axis = 0; axis < 2; axis++)
        if (g->kernel[axis] != g->stride[axis] || g->dilation[axis] != 1
            || g->begin[axis] != 0
            || g->out[axis] * g->stride[axis] != g->in[axis])
            return false;
    return true;
}

/* Windows that tile the image overwrite its gradient; others are added up in
 * it, from zero. */
static fv__meet meet_of(const fv__geometry *g, fv__meet meet, void *dx)
{
    if (meet != FV__REPLACE || tiles(g)) return meet;
    FV_KERNEL(fill)((size_t)(g->in[0] * g->in[1] * g->channels), 0, dx);
    return FV__ACCUMULATE;
}

/* Part of a gradient takes the place of what is there, or is added to it. */
INLINE void meet(vec v, const bool part, const bool add, size_t n, real *dx)
{
    if (add) v = (part ? vec_load_part(dx, n) : vec_load(dx)) + v;
    if (part)
        vec_store_part(dx, n, v);
    else
        vec_store(dx, v);
}

/* ---- the largest -------------------------------------------------------- */

/* One vector of channels, n of them there. The first of the largest stays, and
 * so does the first NaN; the first tap settles the window, so that -inf can be
 * a maximum too. */
INLINE void largest(const fv__geometry *g, const window *w, const bool part,
                    size_t n, const real *x, real *y, int32_t *where)
{
    const size_t c = (size_t)g->channels;
    vec best = vec_all(-REAL_INFINITY);
    mask places = mask_all(-1);
    EACH_TAP(g, w, {
        const real *from = x + pixel * c;
        const vec v = part ? vec_load_part(from, n) : vec_load(from);
        const mask better = (~(v <= best) & (best == best)) | (places < 0);
        best = vec_choose(better, v, best);
        places = mask_choose(better, mask_all((real_mask)pixel), places);
    })
    if (part)
        vec_store_part(y, n, best);
    else
        vec_store(y, best);
    if (where && part)
        mask_store_part(where, n, places);
    else if (where)
        mask_store(where, places);
}

void FV_KERNEL(maxpool)(const fv__geometry *g, const void *x_, void *y_,
                        int32_t *where)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            largest(g, w, false, VEC, x + j, y + j, where ? where + j : NULL);
        if (j < c)
            largest(g, w, true, c - j, x + j, y + j, where ? where + j : NULL);
        if (where) where += c;
        y += c;
    })
}

/* One vector of channels, n of them there, goes to where it came from. */
INLINE void pass(const fv__geometry *g, const window *w, const bool part,
                 const bool add, size_t n, const int32_t *where, const real *dy,
                 real *dx)
{
    const size_t c = (size_t)g->channels;
    const mask places = part ? mask_load_part(where, n) : mask_load(where);
    const vec v = part ? vec_load_part(dy, n) : vec_load(dy);
    EACH_TAP(g, w, {
        const mask here = places == mask_all((real_mask)pixel);
        meet(vec_choose(here, v, vec_all(0)), part, add, n, dx + pixel * c);
    })
}

void FV_KERNEL(maxpool_grad)(const fv__geometry *g, const int32_t *where,
                             const void *dy_, void *dx_, fv__meet how)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    const bool add = meet_of(g, how, dx) == FV__ACCUMULATE;
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            if (add)
                pass(g, w, false, true, VEC, where + j, dy + j, dx + j);
            else
                pass(g, w, false, false, VEC, where + j, dy + j, dx + j);
        if (j < c && add)
            pass(g, w, true, true, c - j, where + j, dy + j, dx + j);
        else if (j < c)
            pass(g, w, true, false, c - j, where + j, dy + j, dx + j);
        where += c;
        dy += c;
    })
}

/* ---- the mean ----------------------------------------------------------- */

static real count_of(const fv__geometry *g, bool count_padding, const window *w)
{
    if (count_padding) return (real)(g->kernel[0] * g->kernel[1]);
    return (real)(fv__max(w->last[0] - w->first[0], 0)
                  * fv__max(w->last[1] - w->first[1], 0));
}

/* One vector of channels; without a tap, zeros. */
INLINE vec mean(const fv__geometry *g, const window *w, const bool part,
                size_t n, const real *x, real count)
{
    const size_t c = (size_t)g->channels;
    vec sum = vec_all(0);
    EACH_TAP(g, w, {
        const real *from = x + pixel * c;
        sum = sum + (part ? vec_load_part(from, n) : vec_load(from));
    })
    return count > 0 ? sum / vec_all(count) : sum;
}

void FV_KERNEL(avgpool)(const fv__geometry *g, bool count_padding,
                        const void *x_, void *y_)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    EACH_WINDOW(g, {
        const real count = count_of(g, count_padding, w);
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            vec_store(y + j, mean(g, w, false, VEC, x + j, count));
        if (j < c)
            vec_store_part(y + j, c - j, mean(g, w, true, c - j, x + j, count));
        y += c;
    })
}

INLINE void spread(const fv__geometry *g, const window *w, const bool part,
                   const bool add, size_t n, real count, const real *dy,
                   real *dx)
{
    const size_t c = (size_t)g->channels;
    const vec v = (part ? vec_load_part(dy, n) : vec_load(dy)) / vec_all(count);
    EACH_TAP(g, w, meet(v, part, add, n, dx + pixel * c))
}

void FV_KERNEL(avgpool_grad)(const fv__geometry *g, bool count_padding,
                             const void *dy_, void *dx_, fv__meet how)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    const bool add = meet_of(g, how, dx) == FV__ACCUMULATE;
    EACH_WINDOW(g, {
        const real count = count_of(g, count_padding, w);
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            if (add)
                spread(g, w, false, true, VEC, count, dy + j, dx + j);
            else
                spread(g, w, false, false, VEC, count, dy + j, dx + j);
        if (j < c && add)
            spread(g, w, true, true, c - j, count, dy + j, dx + j);
        else if (j < c)
            spread(g, w, true, false, c - j, count, dy + j, dx + j);
        dy += c;
    })
}
