/* Max, average and Lp pooling of one image, with vectors along the channels,
 * and the inverse of max pooling. */
#include "kernel/isa/isa.h"

/* The taps of a window along each axis. */
typedef struct window {
    int64_t first[FV__AXES], last[FV__AXES]; /* those in the image: [first,
                                                last) */
    int64_t padded[FV__AXES]; /* number of taps before the end of the padding */
    int64_t origin[FV__AXES]; /* index in the image of tap 0, may be negative */
} window;

/* The number of taps below `room`, counted from tap 0. Divisions run only for
 * windows that reach over it. */
INLINE int64_t taps_below(const fv__geometry *g, int axis, int64_t room)
{
    const int64_t step = g->dilation[axis], taps = g->kernel[axis];
    return (taps - 1) * step < room ? taps
                                    : fv__min(taps, fv__divide_up(room, step));
}

/* Places window `at` of one axis. */
INLINE void place(window *w, const fv__geometry *g, int axis, int64_t at)
{
    const int64_t step = g->dilation[axis];
    const int64_t origin = at * g->stride[axis] - g->begin[axis];
    const int64_t room = g->in[axis] - origin;
    w->origin[axis] = origin;
    w->first[axis] = origin < 0 ? (step - 1 - origin) / step : 0;
    w->last[axis] = taps_below(g, axis, room);
    w->padded[axis] = taps_below(g, axis, room + g->end[axis]);
}

/* The taps inside the image: a grid of `planes` x `rows` x `columns` pixels
 * that begins at pixel `first`, with distances `deep`, `down` and `across`, in
 * pixels. */
typedef struct inside {
    size_t planes, rows, columns, first, deep, down, across;
} inside;

INLINE size_t taps_inside(const window *w, int axis)
{
    return (size_t)fv__max(w->last[axis] - w->first[axis], 0);
}

INLINE inside inside_of(const fv__geometry *g, const window *w)
{
    int64_t at[FV__AXES];
    for (int axis = 0; axis < FV__AXES; axis++)
        at[axis] = w->origin[axis] + w->first[axis] * g->dilation[axis];
    const int64_t row = at[FV__DEPTH] * g->in[FV__ROWS] + at[FV__ROWS];
    const int64_t plane = g->in[FV__ROWS] * g->in[FV__COLUMNS];
    return (inside){ taps_inside(w, FV__DEPTH),
                     taps_inside(w, FV__ROWS),
                     taps_inside(w, FV__COLUMNS),
                     (size_t)(row * g->in[FV__COLUMNS] + at[FV__COLUMNS]),
                     (size_t)(g->dilation[FV__DEPTH] * plane),
                     (size_t)(g->dilation[FV__ROWS] * g->in[FV__COLUMNS]),
                     (size_t)g->dilation[FV__COLUMNS] };
}

/* Runs `work` for each output pixel in order; `w` is its window and `taps` are
 * those of its taps that are inside. The compiler specialises copies of `work`
 * for 2x2 taps and for taps of one plane. */
#define EACH_WINDOW(g, work)                                                   \
    for (int64_t q = 0; q < (g)->out[FV__DEPTH]; q++) {                        \
        window w;                                                              \
        place(&w, g, FV__DEPTH, q);                                            \
        for (int64_t r = 0; r < (g)->out[FV__ROWS]; r++) {                     \
            place(&w, g, FV__ROWS, r);                                         \
            for (int64_t s = 0; s < (g)->out[FV__COLUMNS]; s++) {              \
                place(&w, g, FV__COLUMNS, s);                                  \
                inside taps = inside_of(g, &w);                                \
                if (taps.planes != 1) {                                        \
                    work;                                                      \
                } else if (taps.rows == 2 && taps.columns == 2) {              \
                    taps.planes = 1;                                           \
                    taps.rows = taps.columns = 2;                              \
                    work;                                                      \
                } else {                                                       \
                    taps.planes = 1;                                           \
                    work;                                                      \
                }                                                              \
            }                                                                  \
        }                                                                      \
    }

/* Runs `work` for each tap in ascending order; `pixel` is its pixel in the
 * image. */
#define EACH_TAP(taps, work)                                                   \
    for (size_t plane = 0; plane < (taps).planes; plane++)                     \
        for (size_t row = 0; row < (taps).rows; row++)                         \
            for (size_t column = 0; column < (taps).columns; column++) {       \
                const size_t pixel = (taps).first + plane * (taps).deep        \
                                     + row * (taps).down                       \
                                     + column * (taps).across;                 \
                work;                                                          \
            }

/* Whether each input pixel lies in exactly one window. */
static bool tiles(const fv__geometry *g)
{
    for (int axis = 0; axis < FV__AXES; axis++)
        if (g->kernel[axis] != g->stride[axis] || g->dilation[axis] != 1
            || g->begin[axis] != 0
            || g->out[axis] * g->stride[axis] != g->in[axis])
            return false;
    return true;
}

static size_t inputs_of(const fv__geometry *g)
{
    return (size_t)(g->in[FV__DEPTH] * g->in[FV__ROWS] * g->in[FV__COLUMNS]
                    * g->channels);
}

/* How a window writes its part of the gradient: if each pixel lies in exactly
 * one window it may be stored, else the gradient is zeroed here and the parts
 * are added. */
static fv__accumulation accumulation_of(const fv__geometry *g,
                                        fv__accumulation accumulation, void *dx)
{
    if (accumulation != FV__STORE || tiles(g)) return accumulation;
    FV_KERNEL(fill)(inputs_of(g), 0, dx);
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
    if (taps.planes && taps.rows && taps.columns) {
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

/* Vectors of channels that are read together, four cache lines: hardware
 * prefetchers do not follow one vector of pixel after pixel. */
enum { WIDE = 256 / VEC_BYTES };

/* The maxima of WIDE vectors. */
INLINE void largest_of_many(const inside taps, size_t c, const real *x, real *y)
{
    const bool any = taps.planes && taps.rows && taps.columns;
    vec best[WIDE];
    UNROLLED
    for (size_t v = 0; v < WIDE; v++)
        best[v] = any ? vec_load(x + taps.first * c + v * VEC)
                      : vec_all(-REAL_INFINITY);
    EACH_TAP(taps, {
        UNROLLED
        for (size_t v = 0; v < WIDE; v++) {
            const vec more = vec_load(x + pixel * c + v * VEC);
            const mask better = ~(more <= best[v]) & (best[v] == best[v]);
            best[v] = vec_choose(better, more, best[v]);
        }
    })
    UNROLLED
    for (size_t v = 0; v < WIDE; v++) vec_store(y + v * VEC, best[v]);
}

void FV_KERNEL(maxpool)(const fv__geometry *g, const void *x_, void *y_,
                        int32_t *where)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; !where && j + WIDE * VEC <= c; j += WIDE * VEC)
            largest_of_many(taps, c, x + j, y + j);
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

/* ---- the mean and the Lp norm -------------------------------------------- */

static real divisor_of(int64_t divisor, const window *w, const inside *taps)
{
    if (divisor == FV__TAPS_PADDED)
        return (real)(w->padded[FV__DEPTH] * w->padded[FV__ROWS]
                      * w->padded[FV__COLUMNS]);
    if (divisor == FV__TAPS_INSIDE)
        return (real)(taps->planes * taps->rows * taps->columns);
    return (real)divisor;
}

static fv__chain chain_of(const inside *taps)
{
    return (fv__chain){ (int64_t)(taps->planes * taps->rows),
                        (int64_t)taps->columns, 1 };
}

static void power_lanes(real p, real x[VEC])
{
    for (int i = 0; i < VEC; i++) x[i] = LIBM(pow)(x[i], p);
}

/* x^p */
INLINE vec power(vec x, const real p)
{
    real lanes[VEC];
    if (p == 0) return vec_all(1);
    if (p == 1) return x;
    if (p == 2) return x * x;
    vec_store(lanes, x);
    power_lanes(p, lanes);
    return vec_load(lanes);
}

/* The sum of x^p of one vector of channels over the taps, in blocks of a chain.
 */
INLINE vec blocks_sum(const inside taps, size_t c, const bool part, size_t n,
                      const real *x, const real p)
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
        sum = sum + power(load(part, n, x + pixel * c), p);
        tap++;
    })
    return total + sum;
}

INLINE vec sum_of(const inside taps, size_t c, const bool part, size_t n,
                  const real *x, const real p)
{
    vec sum = vec_all(0);
    if (fv__chain_is_cut(chain_of(&taps)))
        sum = blocks_sum(taps, c, part, n, x, p);
    else
        EACH_TAP(taps, { sum = sum + power(load(part, n, x + pixel * c), p); })
    return sum;
}

/* The mean of one vector of channels; without a tap it is 0. */
INLINE vec mean(const inside taps, size_t c, const bool part, size_t n,
                const real *x, real count)
{
    const vec sum = sum_of(taps, c, part, n, x, 1);
    return count > 0 ? sum / vec_all(count) : sum;
}

/* The same of WIDE vectors; the sums of blocks are added up in `total`. */
INLINE void means_of_many(const inside taps, size_t c, const real *x, real *y,
                          real count)
{
    const fv__chain chain = chain_of(&taps);
    const bool cut = fv__chain_is_cut(chain);
    vec total[WIDE], sum[WIDE];
    int64_t tap = 0, end = 0;
    UNROLLED
    for (size_t v = 0; v < WIDE; v++) total[v] = sum[v] = vec_all(0);
    EACH_TAP(taps, {
        if (cut && tap == end) {
            UNROLLED
            for (size_t v = 0; v < WIDE; v++) {
                total[v] = total[v] + sum[v];
                sum[v] = vec_all(0);
            }
            end += fv__chain_block(chain, tap);
        }
        UNROLLED
        for (size_t v = 0; v < WIDE; v++)
            sum[v] = sum[v] + vec_load(x + pixel * c + v * VEC);
        tap++;
    })
    UNROLLED
    for (size_t v = 0; v < WIDE; v++) {
        const vec all = total[v] + sum[v];
        vec_store(y + v * VEC, count > 0 ? all / vec_all(count) : all);
    }
}

void FV_KERNEL(avgpool)(const fv__geometry *g, int64_t divisor, const void *x_,
                        void *y_)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_;
    real *y = y_;
    EACH_WINDOW(g, {
        const real count = divisor_of(divisor, &w, &taps);
        size_t j = 0;
        for (; j + WIDE * VEC <= c; j += WIDE * VEC)
            means_of_many(taps, c, x + j, y + j, count);
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

void FV_KERNEL(avgpool_grad)(const fv__geometry *g, int64_t divisor,
                             const void *dy_, void *dx_,
                             fv__accumulation accumulation)
{
    const size_t c = (size_t)g->channels;
    const real *dy = dy_;
    real *dx = dx_;
    const bool add = accumulation_of(g, accumulation, dx) == FV__ACCUMULATE;
    EACH_WINDOW(g, {
        const real count = divisor_of(divisor, &w, &taps);
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

/* x^(1/p) */
INLINE vec root(vec x, const real p)
{
    if (p != 2) return power(x, 1 / p);
    for (int i = 0; i < VEC; i++) x[i] = SQRT(x[i]);
    return x;
}

void FV_KERNEL(lppool)(const fv__geometry *g, double p_, const void *x_,
                       void *y_)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_, p = (real)p_;
    real *y = y_;
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            vec_store(y + j, root(sum_of(taps, c, false, VEC, x + j, p), p));
        if (j < c)
            vec_store_part(y + j, c - j,
                           root(sum_of(taps, c, true, c - j, x + j, p), p));
        y += c;
    })
}

/* dy (x / y)^(p - 1) of one vector of channels is added. */
INLINE void slope(const inside taps, size_t c, const bool part, size_t n,
                  const real p, const real *x, const real *y, const real *dy,
                  real *dx)
{
    const vec norm = load(part, n, y), v = load(part, n, dy);
    const mask none = norm == vec_all(0);
    const vec by = vec_choose(none, vec_all(1), norm);
    EACH_TAP(taps, {
        const vec ratio = load(part, n, x + pixel * c) / by;
        const vec d = v * power(ratio, p - 1);
        put(vec_choose(none, vec_all(0), d), part, true, n, dx + pixel * c);
    })
}

void FV_KERNEL(lppool_grad)(const fv__geometry *g, double p_, const void *x_,
                            const void *y_, const void *dy_, void *dx_,
                            fv__accumulation accumulation)
{
    const size_t c = (size_t)g->channels;
    const real *x = x_, *y = y_, *dy = dy_, p = (real)p_;
    real *dx = dx_;
    if (accumulation == FV__STORE) FV_KERNEL(fill)(inputs_of(g), 0, dx);
    EACH_WINDOW(g, {
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            slope(taps, c, false, VEC, p, x + j, y + j, dy + j, dx + j);
        if (j < c) slope(taps, c, true, c - j, p, x + j, y + j, dy + j, dx + j);
        y += c;
        dy += c;
    })
}

/* ---- the inverse of max pooling ------------------------------------------ */

void FV_KERNEL(max_unpool)(size_t m, size_t plane, size_t c,
                           const int64_t *where, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    FV_KERNEL(fill)(plane * c, 0, y);
    for (size_t i = 0; i < m; i++, where += c, x += c)
        for (size_t j = 0; j < c; j++)
            if ((uint64_t)where[j] < plane) y[(size_t)where[j] * c + j] = x[j];
}

void FV_KERNEL(max_unpool_grad)(size_t m, size_t plane, size_t c,
                                const int64_t *where, const void *dy_,
                                void *dx_, fv__accumulation accumulation)
{
    const real *dy = dy_;
    real *dx = dx_;
    for (size_t i = 0; i < m; i++, where += c, dx += c)
        for (size_t j = 0; j < c; j++) {
            const real old = accumulation == FV__STORE ? 0 : dx[j];
            const bool in = (uint64_t)where[j] < plane;
            dx[j] = old + (in ? dy[(size_t)where[j] * c + j] : 0);
        }
}
