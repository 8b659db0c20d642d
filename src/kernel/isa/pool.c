/* Max and average pooling of one image, with vectors along the channels. */
#include "kernel/isa/isa.h"

/* The range of taps of a window that lie inside the image, per axis. */
typedef struct window {
    int64_t first[2], last[2]; /* taps [first, last) */
    int64_t origin[2]; /* input row and column of tap 0, may be negative */
} window;

/* Computes that range along one axis. Divisions run only for windows that reach
 * over an edge. */
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

/* The taps inside the image as pixels of the plane: a grid of `rows` x
 * `columns` pixels that begins at pixel `first`, with distances `down` and
 * `across`, in pixels. */
typedef struct inside {
    size_t rows, columns, first, down, across;
} inside;

INLINE inside inside_of(const fv__geometry *g, const window *w)
{
    const int64_t y = w->origin[0] + w->first[0] * g->dilation[0];
    const int64_t x = w->origin[1] + w->first[1] * g->dilation[1];
    return (inside){ (size_t)fv__max(w->last[0] - w->first[0], 0),
                     (size_t)fv__max(w->last[1] - w->first[1], 0),
                     (size_t)(y * g->in[1] + x),
                     (size_t)(g->dilation[0] * g->in[1]),
                     (size_t)g->dilation[1] };
}

/* Runs `work` for each output pixel in order; `taps` are the taps of its
 * window. The compiler specialises the copy of `work` for 2x2 taps. */
#define EACH_WINDOW(g, work)                                                   \
    for (int64_t r = 0; r < (g)->out[0]; r++) {                                \
        window w;                                                              \
        place(&w, g, 0, r);                                                    \
        for (int64_t s = 0; s < (g)->out[1]; s++) {                            \
            place(&w, g, 1, s);                                                \
            inside taps = inside_of(g, &w);                                    \
            if (taps.rows == 2 && taps.columns == 2) {                         \
                taps.rows = taps.columns = 2;                                  \
                work;                                                          \
            } else {                                                           \
                work;                                                          \
            }                                                                  \
        }                                                                      \
    }

/* Runs `work` for each tap in ascending order; `pixel` is its pixel in the
 * plane. */
#define EACH_TAP(taps, work)                                                   \
    for (size_t row = 0; row < (taps).rows; row++)                             \
        for (size_t column = 0; column < (taps).columns; column++) {           \
            const size_t pixel =                                               \
                (taps).first + row * (taps).down + column * (taps).across;     \
            work;                                                              \
        }

/* Whether each input pixel lies in exactly one window. */
static bool tiles(const fv__geometry *g)
{
    for (int axis = 0; axis < 2; axis++)
        if (g->kernel[axis] != g->stride[axis] || g->dilation[axis] != 1
            || g->begin[axis] != 0
            || g->out[axis] * g->stride[axis] != g->in[axis])
            return false;
    return true;
}

/* How a window writes its part of the gradient: if each pixel lies in exactly
 * one window it may be stored, else the gradient is zeroed here and the parts
 * are added. */
static fv__accumulation accumulation_of(const fv__geometry *g,
                                        fv__accumulation accumulation, void *dx)
{
    if (accumulation != FV__STORE || tiles(g)) return accumulation;
    FV_KERNEL(fill)((size_t)(g->in[0] * g->in[1] * g->channels), 0, dx);
    return FV__ACCUMULATE;
}

INLINE vec load(const bool part, size_t n, const real *x)
{
    return part ? vec_load_part(x, n) : vec_load(x);
}

/* Stores or adds a vector of the gradient. */
INLINE void put(vec v, const bool part, const bool add, size_t n, real *dx)
{
    if (add) v = load(part, n, dx) + v;
    if (part)
        vec_store_part(dx, n, v);
    else
        vec_store(dx, v);
}

/* ---- the largest -------------------------------------------------------- */

/* The maximum of one vector of channels, n of them valid, and its position. Of
 * equal values, and of NaNs, the first is taken. */
INLINE void largest(const inside taps, size_t c, const bool part, size_t n,
                    const real *x, real *y, int32_t *where)
{
    vec best = vec_all(-REAL_INFINITY);
    mask places = mask_all(-1);
    if (taps.rows && taps.columns) {
        best = load(part, n, x + taps.first * c);
        places = mask_all((real_mask)taps.first);
    }
    EACH_TAP(taps, {
        if (pixel == taps.first) continue;
        const vec v = load(part, n, x + pixel * c);
        const mask better = ~(v <= best) & (best == best);
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
            largest(taps, c, false, VEC, x + j, y + j,
                    where ? where + j : NULL);
        if (j < c)
            largest(taps, c, true, c - j, x + j, y + j,
                    where ? where + j : NULL);
        if (where) where += c;
        y += c;
    })
}

/* The gradient of one vector of channels, n of them valid, is added at the
 * positions of the maxima. */
INLINE void pass(const inside taps, size_t c, const bool part, const bool add,
                 size_t n, const int32_t *where, const real *dy, real *dx)
{
    const mask places = part ? mask_load_part(where, n) : mask_load(where);
    const vec v = load(part, n, dy);
    EACH_TAP(taps, {
        const mask here = places == mask_all((real_mask)pixel);
        put(vec_choose(here, v, vec_all(0)), part, add, n, dx + pixel * c);
    })
}

void FV_KERNEL(maxpool_grad)(const fv__geometry *g, const int32_t *where,
                             const void *dy_, void *dx_,
                             fv__accumulation accumulation)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    const bool add = accumulation_of(g, accumulation, dx) == FV__ACCUMULATE;
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            if (add)
                pass(taps, c, false, true, VEC, where + j, dy + j, dx + j);
            else
                pass(taps, c, false, false, VEC, where + j, dy + j, dx + j);
        if (j < c && add)
            pass(taps, c, true, true, c - j, where + j, dy + j, dx + j);
        else if (j < c)
            pass(taps, c, true, false, c - j, where + j, dy + j, dx + j);
        where += c;
        dy += c;
    })
}

/* ---- the mean ----------------------------------------------------------- */

static real count_of(const fv__geometry *g, bool count_padding,
                     const inside *taps)
{
    if (count_padding) return (real)(g->kernel[0] * g->kernel[1]);
    return (real)(taps->rows * taps->columns);
}

static fv__chain chain_of(const inside *taps)
{
    return (fv__chain){ (int64_t)taps->rows, (int64_t)taps->columns, 1 };
}

/* The sum of one vector of channels over the taps, in blocks of a chain. */
INLINE vec blocks_sum(const inside taps, size_t c, const bool part, size_t n,
                      const real *x)
{
    const fv__chain chain = chain_of(&taps);
    vec total = vec_all(0), sum = vec_all(0);
    int64_t tap = 0, end = 0;
    EACH_TAP(taps, {
        if (tap == end) {
            total = total + sum;
            sum = vec_all(0);
            end += fv__chain_block(chain, tap);
        }
        sum = sum + load(part, n, x + pixel * c);
        tap++;
    })
    return total + sum;
}

/* The mean of one vector of channels; without a tap it is 0. */
INLINE vec mean(const inside taps, size_t c, const bool part, size_t n,
                const real *x, real count)
{
    vec sum = vec_all(0);
    if (fv__chain_is_cut(chain_of(&taps)))
        sum = blocks_sum(taps, c, part, n, x);
    else
        EACH_TAP(taps, { sum = sum + load(part, n, x + pixel * c); })
    return count > 0 ? sum / vec_all(count) : sum;
}

void FV_KERNEL(avgpool)(const fv__geometry *g, bool count_padding,
                        const void *x_, void *y_)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    EACH_WINDOW(g, {
        const real count = count_of(g, count_padding, &taps);
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            vec_store(y + j, mean(taps, c, false, VEC, x + j, count));
        if (j < c)
            vec_store_part(y + j, c - j,
                           mean(taps, c, true, c - j, x + j, count));
        y += c;
    })
}

INLINE void distribute(const inside taps, size_t c, const bool part,
                       const bool add, size_t n, real count, const real *dy,
                       real *dx)
{
    const vec v = load(part, n, dy) / vec_all(count);
    EACH_TAP(taps, put(v, part, add, n, dx + pixel * c))
}

void FV_KERNEL(avgpool_grad)(const fv__geometry *g, bool count_padding,
                             const void *dy_, void *dx_,
                             fv__accumulation accumulation)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    const bool add = accumulation_of(g, accumulation, dx) == FV__ACCUMULATE;
    EACH_WINDOW(g, {
        const real count = count_of(g, count_padding, &taps);
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            if (add)
                distribute(taps, c, false, true, VEC, count, dy + j, dx + j);
            else
                distribute(taps, c, false, false, VEC, count, dy + j, dx + j);
        if (j < c && add)
            distribute(taps, c, true, true, c - j, count, dy + j, dx + j);
        else if (j < c)
            distribute(taps, c, true, false, c - j, count, dy + j, dx + j);
        dy += c;
    })
}
