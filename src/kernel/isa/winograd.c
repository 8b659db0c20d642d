/* The transforms of Winograd's convolution for 3x3 and 5x5 kernels (Lavin and
 * Gray 2016), vectors over channels. The points of F(2, 3) are 0, 1, -1 and
 * infinity, those of F(4, 3) and F(2, 5) 0, +-3/4, +-3/2 and infinity, whose
 * matrices are exact but for G. m is the outputs of an axis, r its taps. */
#include "kernel/isa/isa.h"

enum { POINTS = 6 }; /* of an axis, at most */

/* Whether the points are those of F(2, 3). */
INLINE bool is_few(const int m, const int r) { return m + r == 5; }

/* ---- one axis: y[0], y[1], ... lie `to` apart --------------------------- */

/* y = B^T d */
INLINE void input_axis(const int m, const int r, const vec d[POINTS], vec *y,
                       const size_t to)
{
    if (is_few(m, r)) {
        y[0] = d[0] - d[2];
        y[to] = d[1] + d[2];
        y[2 * to] = d[2] - d[1];
        y[3 * to] = d[1] - d[3];
        return;
    }
    const vec oa = vec_fma(vec_all(REAL(-2.25)), d[1], d[3]);
    const vec ea = vec_fma(vec_all(REAL(-2.25)), d[2], d[4]);
    const vec ob = vec_fma(vec_all(REAL(-0.5625)), d[1], d[3]);
    const vec eb = vec_fma(vec_all(REAL(-0.5625)), d[2], d[4]);
    const vec near = vec_all(REAL(0.75)), far = vec_all(REAL(1.5));
    const vec two = vec_all(REAL(-2.8125)), none = vec_all(REAL(1.265625));
    y[0] = vec_fma(none, d[0], vec_fma(two, d[2], d[4]));
    y[to] = vec_fma(near, oa, ea);
    y[2 * to] = vec_fma(-near, oa, ea);
    y[3 * to] = vec_fma(far, ob, eb);
    y[4 * to] = vec_fma(-far, ob, eb);
    y[5 * to] = vec_fma(none, d[1], vec_fma(two, d[3], d[5]));
}

/* y = A^T d */
INLINE void output_axis(const int m, const int r, const vec d[POINTS], vec *y,
                        const size_t to)
{
    if (is_few(m, r)) {
        y[0] = d[0] + d[1] + d[2];
        y[to] = d[1] - d[2] - d[3];
        return;
    }
    const vec s = d[1] + d[2], e = d[1] - d[2];
    const vec t = d[3] + d[4], f = d[3] - d[4];
    y[0] = d[0] + s + t;
    y[to] = vec_fma(vec_all(REAL(0.75)), e, REAL(1.5) * f);
    if (m == 2) {
        y[to] = y[to] + d[5];
        return;
    }
    y[2 * to] = vec_fma(vec_all(REAL(0.5625)), s, REAL(2.25) * t);
    y[3 * to] = vec_fma(vec_all(REAL(0.421875)), e,
                        vec_fma(vec_all(REAL(3.375)), f, d[5]));
}

/* y = G d */
INLINE void filter_axis(const int m, const int r, const vec d[POINTS], vec *y,
                        const size_t to)
{
    const vec half = vec_all(REAL(0.5));
    if (is_few(m, r)) {
        const vec s = half * (d[0] + d[2]);
        y[0] = d[0];
        y[to] = vec_fma(half, d[1], s);
        y[2 * to] = vec_fma(-half, d[1], s);
        y[3 * to] = d[2];
        return;
    }
    const vec near = vec_all(REAL(8.0) / 27);
    const vec e = vec_all(REAL(32.0) / 81), f = vec_all(REAL(16.0) / 81);
    vec s = vec_fma(-near, d[2], REAL(-128.0) / 243 * d[0]);
    vec t = vec_fma(near, d[2], REAL(32.0) / 243 * d[0]);
    vec odd = d[1], far = d[1];
    if (r == 5) {
        s = vec_fma(vec_all(REAL(-1.0) / 6), d[4], s);
        t = vec_fma(vec_all(REAL(2.0) / 3), d[4], t);
        odd = vec_fma(vec_all(REAL(0.5625)), d[3], odd);
        far = vec_fma(vec_all(REAL(2.25)), d[3], far);
    }
    y[0] = REAL(64.0) / 81 * d[0];
    y[to] = vec_fma(-e, odd, s);
    y[2 * to] = vec_fma(e, odd, s);
    y[3 * to] = vec_fma(f, far, t);
    y[4 * to] = vec_fma(-f, far, t);
    y[5 * to] = d[r - 1];
}

/* y = A d */
INLINE void output_grad_axis(const int m, const int r, const vec d[POINTS],
                             vec *y, const size_t to)
{
    y[0] = d[0];
    if (is_few(m, r)) {
        y[to] = d[0] + d[1];
        y[2 * to] = d[0] - d[1];
        y[3 * to] = -d[1];
        return;
    }
    vec ea = d[0], eb = d[0], oa = REAL(0.75) * d[1], ob = REAL(1.5) * d[1];
    if (m == 4) {
        ea = vec_fma(vec_all(REAL(0.5625)), d[2], ea);
        eb = vec_fma(vec_all(REAL(2.25)), d[2], eb);
        oa = vec_fma(vec_all(REAL(0.421875)), d[3], oa);
        ob = vec_fma(vec_all(REAL(3.375)), d[3], ob);
    }
    y[to] = ea + oa;
    y[2 * to] = ea - oa;
    y[3 * to] = eb + ob;
    y[4 * to] = eb - ob;
    y[5 * to] = d[m - 1];
}

/* y = G^T d */
INLINE void filter_grad_axis(const int m, const int r, const vec d[POINTS],
                             vec *y, const size_t to)
{
    const vec s = d[1] + d[2], e = d[1] - d[2];
    if (is_few(m, r)) {
        y[0] = vec_fma(vec_all(REAL(0.5)), s, d[0]);
        y[to] = REAL(0.5) * e;
        y[2 * to] = vec_fma(vec_all(REAL(0.5)), s, d[3]);
        return;
    }
    const vec t = d[3] + d[4], f = d[3] - d[4];
    y[0] =
        vec_fma(vec_all(REAL(64.0) / 81), d[0],
                vec_fma(vec_all(REAL(-128.0) / 243), s, REAL(32.0) / 243 * t));
    y[to] = vec_fma(vec_all(REAL(-32.0) / 81), e, REAL(16.0) / 81 * f);
    if (r == 3) {
        y[2 * to] = vec_fma(vec_all(REAL(8.0) / 27), t - s, d[5]);
        return;
    }
    y[2 * to] = REAL(8.0) / 27 * (t - s);
    y[3 * to] = vec_fma(vec_all(REAL(-2.0) / 9), e, REAL(4.0) / 9 * f);
    y[4 * to] = vec_fma(vec_all(REAL(-1.0) / 6), s,
                        vec_fma(vec_all(REAL(2.0) / 3), t, d[5]));
}

/* ---- both axes ---------------------------------------------------------- */

typedef void axis(const int m, const int r, const vec d[POINTS], vec *y,
                  const size_t to);

/* From `from` x `from` pixels to points, `step` apart. */
INLINE void expand(axis *along, const int m, const int r, const size_t from,
                   const real *const *x, size_t c, const bool part, size_t n,
                   real *y, size_t step)
{
    const size_t to = (size_t)(m + r - 1);
    vec t[POINTS * POINTS];
    UNROLLED
    for (size_t j = 0; j < from; j++) {
        vec d[POINTS];
        UNROLLED
        for (size_t i = 0; i < from; i++) {
            const real *at = x[i * from + j] + c;
            d[i] = part ? vec_load_part(at, n) : vec_load(at);
        }
        along(m, r, d, t + j, from);
    }
    UNROLLED
    for (size_t i = 0; i < to; i++) {
        vec row[POINTS];
        along(m, r, t + i * from, row, 1);
        UNROLLED
        for (size_t j = 0; j < to; j++, y += step) {
            if (part)
                vec_store_part(y + c, n, row[j]);
            else
                vec_store(y + c, row[j]);
        }
    }
}

/* The points of vector c, transformed along the first axis: rows of a. */
INLINE void reduce_first(axis *along, const int m, const int r, const real *x,
                         size_t step, size_t c, const bool part, size_t n,
                         vec *t)
{
    const size_t a = (size_t)(m + r - 1);
    UNROLLED
    for (size_t j = 0; j < a; j++) {
        vec d[POINTS];
        UNROLLED
        for (size_t i = 0; i < a; i++) {
            const real *at = x + (i * a + j) * step + c;
            d[i] = part ? vec_load_part(at, n) : vec_load(at);
        }
        along(m, r, d, t + j, a);
    }
}

/* What meets the outputs of one vector. */
typedef struct meeting {
    bool bias, residual, clamp, add;
    vec sum, low, high;
    const real *other; /* residual */
} meeting;

INLINE void put(const meeting *f, vec y, real *out, size_t at, const bool part,
                size_t n)
{
    if (f->bias) y = y + f->sum;
    if (f->residual)
        y = y
            + (part ? vec_load_part(f->other + at, n)
                    : vec_load(f->other + at));
    if (f->clamp) y = vec_clamp(y, f->low, f->high);
    if (f->add)
        y = (part ? vec_load_part(out + at, n) : vec_load(out + at)) + y;
    if (part)
        vec_store_part(out + at, n, y);
    else
        vec_store(out + at, y);
}

INLINE void output(const int m, const int r, const bool plain,
                   const fv__winograd_tile *o, size_t c, const bool part,
                   size_t n)
{
    const size_t a = (size_t)(m + r - 1);
    const fv__finish *end = o->finish;
    meeting f = { .add = !plain && o->add };
    vec t[POINTS * POINTS];
    if (!plain && end) {
        const real *bias = end->bias;
        f.bias = bias, f.residual = end->residual, f.clamp = end->clamp;
        f.other = end->residual;
        if (bias)
            f.sum = part ? vec_load_part(bias + c, n) : vec_load(bias + c);
        f.low = vec_all((real)end->low), f.high = vec_all((real)end->high);
    }
    reduce_first(output_axis, m, r, o->points, o->step, c, part, n, t);
    UNROLLED
    for (size_t i = 0; i < (size_t)m; i++) {
        vec y[POINTS];
        if (i >= o->rows) break;
        output_axis(m, r, t + i * a, y, 1);
        UNROLLED
        for (size_t j = 0; j < (size_t)m; j++) {
            if (j >= o->columns) break;
            put(&f, y[j], o->out, i * o->out_row + j * o->out_pixel + c, part,
                n);
        }
    }
}

INLINE void filter_grad(const int m, const int r, const real *u, size_t step,
                        real *dw, size_t dw_step, const bool add, size_t c,
                        const bool part, size_t n)
{
    const size_t a = (size_t)(m + r - 1), taps = (size_t)r;
    const meeting f = { .add = add };
    vec t[POINTS * POINTS];
    reduce_first(filter_grad_axis, m, r, u, step, c, part, n, t);
    UNROLLED
    for (size_t i = 0; i < taps; i++) {
        vec y[POINTS];
        filter_grad_axis(m, r, t + i * a, y, 1);
        for (size_t j = 0; j < taps; j++)
            put(&f, y[j], dw, (i * taps + j) * dw_step + c, part, n);
    }
}

/* ---- the kernels -------------------------------------------------------- */

/* vector(m, r, part, length) for whole vectors at c, then for what is left. */
#define VECTORS(m, r, n, vector)                                               \
    do {                                                                       \
        size_t c = 0;                                                          \
        for (; c + VEC <= (n); c += VEC) vector(m, r, false, VEC);             \
        if (c < (n)) vector(m, r, true, (n)-c);                                \
    } while (0)

#define SCHEMES(f, n, vector)                                                  \
    do {                                                                       \
        if ((f).taps == 5)                                                     \
            VECTORS(2, 5, n, vector);                                          \
        else if ((f).outputs == 2)                                             \
            VECTORS(2, 3, n, vector);                                          \
        else                                                                   \
            VECTORS(4, 3, n, vector);                                          \
    } while (0)

/* Which points there are is all that matters. */
void FV_KERNEL(winograd_input)(fv__scheme f, size_t n, const void *const *x_,
                               void *v, size_t step)
{
    const real *const *x = (const real *const *)x_;
#define VECTOR(m, r, part, left)                                               \
    expand(input_axis, m, r, m + r - 1, x, c, part, left, v, step)
    if (is_few(f.outputs, f.taps))
        VECTORS(2, 3, n, VECTOR);
    else
        VECTORS(4, 3, n, VECTOR);
#undef VECTOR
}

void FV_KERNEL(winograd_filter)(fv__scheme f, size_t n, const void *w_,
                                ptrdiff_t w_step, void *u, size_t step)
{
    const real *w = w_, *taps[25];
    for (int32_t i = 0; i < f.taps * f.taps; i++, w += w_step) taps[i] = w;
#define VECTOR(m, r, part, left)                                               \
    expand(filter_axis, m, r, r, taps, c, part, left, u, step)
    SCHEMES(f, n, VECTOR);
#undef VECTOR
}

void FV_KERNEL(winograd_output_grad)(fv__scheme f, size_t n,
                                     const void *const *dy_, void *z,
                                     size_t step)
{
    const real *const *dy = (const real *const *)dy_;
#define VECTOR(m, r, part, left)                                               \
    expand(output_grad_axis, m, r, m, dy, c, part, left, z, step)
    SCHEMES(f, n, VECTOR);
#undef VECTOR
}

void FV_KERNEL(winograd_output)(fv__scheme f, size_t n,
                                const fv__winograd_tile *o)
{
    const bool plain = !o->add && !o->finish;
#define VECTOR(m, r, part, left) output(m, r, plain, o, c, part, left)
    SCHEMES(f, n, VECTOR);
#undef VECTOR
}

void FV_KERNEL(winograd_filter_grad)(fv__scheme f, size_t n, const void *u,
                                     size_t step, void *dw, size_t dw_step,
                                     bool add)
{
#define VECTOR(m, r, part, left)                                               \
    filter_grad(m, r, u, step, dw, dw_step, add, c, part, left)
    SCHEMES(f, n, VECTOR);
#undef VECTOR
}
