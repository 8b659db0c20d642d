/* Reads images at the points of a grid. Coordinates and weights of a point are
 * computed in double for both element types; vectors run over channels. */
#include "kernel/isa/lanes.h"

enum { MOST_TAPS = 16 };

/* A coordinate in pixels, and its derivative by the grid's number. */
typedef struct place {
    double at, slope;
} place;

/* The pixels that a point reads: offsets in the plane, weights, and derivatives
 * of the weights by the grid's x and y. */
typedef struct point {
    int count;
    size_t pixel[MOST_TAPS];
    double weight[MOST_TAPS], by_x[MOST_TAPS], by_y[MOST_TAPS];
} point;

/* The taps of one axis: an index is -1 where zeros are read. */
typedef struct taps {
    int count;
    int64_t index[4];
    double weight[4], slope[4];
} taps;

/* ---- coordinates --------------------------------------------------------- */

static place unnormalise(double x, int64_t extent, bool align)
{
    const double size = (double)extent;
    const double slope = (align ? size - 1 : size) / 2;
    if (align) return (place){ (x + 1) / 2 * (size - 1), slope };
    return (place){ ((x + 1) * size - 1) / 2, slope };
}

/* Into low..high, beyond which the picture is mirrored. */
static place reflect(place p, double low, double high)
{
    const double span = high - low;
    if (span == 0) return (place){ 0, 0 };
    double off = p.at - low;
    if (off < 0) {
        off = -off;
        p.slope = -p.slope;
    }
    const double rest = __builtin_fmod(off, span);
    const double flips = __builtin_floor(off / span);
    if (__builtin_fmod(flips, 2) == 0) return (place){ rest + low, p.slope };
    return (place){ span - rest + low, -p.slope };
}

static place clip(place p, int64_t extent)
{
    const double last = (double)(extent - 1);
    if (p.at <= 0) return (place){ 0, 0 };
    if (p.at >= last) return (place){ last, 0 };
    return p;
}

static place pad(place p, int64_t extent, const fv__sample *s)
{
    const double size = (double)extent;
    if (s->reflect)
        p = s->align_corners ? reflect(p, 0, size - 1)
                             : reflect(p, -0.5, size - 0.5);
    if (s->clip) p = clip(p, extent);
    return p;
}

/* Whether the coordinate may be near a pixel: not NaN and not huge. */
static bool is_near(place p) { return p.at > -0x1p40 && p.at < 0x1p40; }

static int64_t inside(double at, int64_t extent)
{
    return at >= 0 && at < (double)extent ? (int64_t)at : -1;
}

/* ---- the taps of one axis ------------------------------------------------ */

/* Weights of the four pixels around a point between the second and the third:
 * cubic convolution with coefficient -0.75, and their derivatives. */
static void cubic(double t, double weight[4], double slope[4])
{
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        const double off = t + 1 - i, x = off < 0 ? -off : off;
        const double sign = off < 0 ? -1 : 1;
        if (i == 1 || i == 2) {
            weight[i] = ((a + 2) * x - (a + 3)) * x * x + 1;
            slope[i] = sign * (3 * (a + 2) * x - 2 * (a + 3)) * x;
        } else {
            weight[i] = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
            slope[i] = sign * ((3 * a * x - 10 * a) * x + 8 * a);
        }
    }
}

static taps axis_taps(double x, int64_t extent, const fv__sample *s)
{
    place p = unnormalise(x, extent, s->align_corners);
    taps t = { .count = 0 };
    if (s->taps != 4) p = pad(p, extent, s);
    if (!is_near(p)) return t;
    if (s->taps == 1) {
        t.count = 1;
        t.index[0] = inside(__builtin_rint(p.at), extent);
        t.weight[0] = 1;
        t.slope[0] = 0;
        return t;
    }
    const double first = __builtin_floor(p.at), rest = p.at - first;
    if (s->taps == 2) {
        t.count = 2;
        t.weight[0] = 1 - rest;
        t.weight[1] = rest;
        t.slope[0] = -p.slope;
        t.slope[1] = p.slope;
        for (int i = 0; i < 2; i++) t.index[i] = inside(first + i, extent);
        return t;
    }
    t.count = 4;
    cubic(rest, t.weight, t.slope);
    for (int i = 0; i < 4; i++) {
        const place tap = pad((place){ first - 1 + i, 0 }, extent, s);
        t.index[i] = inside(tap.at, extent);
        t.slope[i] *= p.slope;
    }
    return t;
}

static point find(const fv__sample *s, size_t i)
{
    const real *at = (const real *)s->grid + 2 * i;
    const taps across = axis_taps((double)at[0], s->columns, s);
    const taps down = axis_taps((double)at[1], s->rows, s);
    point p;
    p.count = 0;
    for (int r = 0; r < down.count; r++)
        for (int c = 0; c < across.count; c++) {
            if (down.index[r] < 0 || across.index[c] < 0) continue;
            const int k = p.count++;
            p.pixel[k] = (size_t)(down.index[r] * s->columns + across.index[c]);
            p.weight[k] = down.weight[r] * across.weight[c];
            p.by_x[k] = down.weight[r] * across.slope[c];
            p.by_y[k] = down.slope[r] * across.weight[c];
        }
    return p;
}

/* ---- passes -------------------------------------------------------------- */

INLINE vec load(const real *x, const bool part, size_t n)
{
    return part ? vec_load_part(x, n) : vec_load(x);
}
INLINE void store(real *y, vec v, const bool part, size_t n)
{
    if (part)
        vec_store_part(y, n, v);
    else
        vec_store(y, v);
}

INLINE void read_vector(const point *p, size_t c, const real *x, real *y,
                        const bool part, size_t n)
{
    vec sum = vec_all(0);
    for (int k = 0; k < p->count; k++)
        sum = vec_fma(vec_all((real)p->weight[k]),
                      load(x + p->pixel[k] * c, part, n), sum);
    store(y, sum, part, n);
}

void FV_KERNEL(sample)(const fv__sample *s, const void *x_, void *y_)
{
    const size_t c = s->channels;
    const real *x = x_;
    real *y = y_;
    for (size_t i = 0; i < s->count; i++, y += c) {
        const point p = find(s, i);
        size_t j = 0;
        for (; j + VEC <= c; j += VEC)
            read_vector(&p, c, x + j, y + j, false, VEC);
        if (j < c) read_vector(&p, c, x + j, y + j, true, c - j);
    }
}

INLINE void add_vector(const point *p, size_t c, const real *dy, real *dx,
                       const bool part, size_t n)
{
    const vec g = load(dy, part, n);
    for (int k = 0; k < p->count; k++) {
        real *to = dx + p->pixel[k] * c;
        const vec w = vec_all((real)p->weight[k]);
        store(to, vec_fma(w, g, load(to, part, n)), part, n);
    }
}

void FV_KERNEL(sample_grad)(const fv__sample *s, size_t first, size_t end,
                            const void *dy_, void *dx_)
{
    const size_t c = s->channels;
    const real *dy = dy_;
    real *dx = dx_;
    for (size_t i = 0; i < s->count; i++, dy += c) {
        const point p = find(s, i);
        size_t j = first;
        for (; j + VEC <= end; j += VEC)
            add_vector(&p, c, dy + j, dx + j, false, VEC);
        if (j < end) add_vector(&p, c, dy + j, dx + j, true, end - j);
    }
}

void FV_KERNEL(sample_grid_grad)(const fv__sample *s, const void *x_,
                                 const void *dy_, void *dgrid_)
{
    const size_t c = s->channels;
    const real *x = x_, *dy = dy_;
    real *dgrid = dgrid_;
    for (size_t i = 0; i < s->count; i++, dy += c) {
        const point p = find(s, i);
        double by_x = 0, by_y = 0;
        for (int k = 0; k < p.count; k++) {
            const double dot = row_dot(c, x + p.pixel[k] * c, dy);
            by_x += p.by_x[k] * dot;
            by_y += p.by_y[k] * dot;
        }
        dgrid[2 * i] += (real)by_x;
        dgrid[2 * i + 1] += (real)by_y;
    }
}
