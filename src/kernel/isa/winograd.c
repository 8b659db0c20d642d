/* The transforms of Winograd's convolution for 3x3 kernels (Lavin and Gray
 * 2016), vectors over channels. A tile of m x m outputs has a x a points,
 * a = m + 2: those of F(2, 3) are 0, 1, -1 and infinity, those of F(4, 3)
 * 0, +-3/4, +-3/2 and infinity, whose matrices are exact but for G. */
#include "kernel/isa/isa.h"

enum { POINTS = 6 }; /* of an axis, at most */

/* ---- one axis: y[0], y[1], ... lie `to` apart --------------------------- */

/* y = B^T d */
INLINE void input_axis(const int m, const vec d[POINTS], vec *y,
                       const size_t to)
{
    if (m == 2) {
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
INLINE void output_axis(const int m, const vec d[POINTS], vec *y,
                        const size_t to)
{
    if (m == 2) {
        y[0] = d[0] + d[1] + d[2];
        y[to] = d[1] - d[2] - d[3];
        return;
    }
    const vec s = d[1] + d[2], e = d[1] - d[2];
    const vec t = d[3] + d[4], f = d[3] - d[4];
    y[0] = d[0] + s + t;
    y[to] = vec_fma(vec_all(REAL(0.75)), e, REAL(1.5) * f);
    y[2 * to] = vec_fma(vec_all(REAL(0.5625)), s, REAL(2.25) * t);
    y[3 * to] = vec_fma(vec_all(REAL(0.421875)), e,
                        vec_fma(vec_all(REAL(3.375)), f, d[5]));
}

/* y = G d */
INLINE void filter_axis(const int m, const vec d[POINTS], vec *y,
                        const size_t to)
{
    const vec half = vec_all(REAL(0.5));
    if (m == 2) {
        const vec s = half * (d[0] + d[2]);
        y[0] = d[0];
        y[to] = vec_fma(half, d[1], s);
        y[2 * to] = vec_fma(-half, d[1], s);
        y[3 * to] = d[2];
        return;
    }
    const vec near = vec_all(REAL(8.0) / 27);
    const vec s = vec_fma(-near, d[2], REAL(-128.0) / 243 * d[0]);
    const vec t = vec_fma(near, d[2], REAL(32.0) / 243 * d[0]);
    const vec e = vec_all(REAL(32.0) / 81), f = vec_all(REAL(16.0) / 81);
    y[0] = REAL(64.0) / 81 * d[0];
    y[to] = vec_fma(-e, d[1], s);
    y[2 * to] = vec_fma(e, d[1], s);
    y[3 * to] = vec_fma(f, d[1], t);
    y[4 * to] = vec_fma(-f, d[1], t);
    y[5 * to] = d[2];
}

/* y = A d */
INLINE void output_grad_axis(const int m, const vec d[POINTS], vec *y,
                             const size_t to)
{
    y[0] = d[0];
    if (m == 2) {
        y[to] = d[0] + d[1];
        y[2 * to] = d[0] - d[1];
        y[3 * to] = -d[1];
        return;
    }
    const vec ea = vec_fma(vec_all(REAL(0.5625)), d[2], d[0]);
    const vec eb = vec_fma(vec_all(REAL(2.25)), d[2], d[0]);
    const vec oa = vec_fma(vec_all(REAL(0.421875)), d[3], REAL(0.75) * d[1]);
    const vec ob = vec_fma(vec_all(REAL(3.375)), d[3], REAL(1.5) * d[1]);
    y[to] = ea + oa;
    y[2 * to] = ea - oa;
    y[3 * to] = eb + ob;
    y[4 * to] = eb - ob;
    y[5 * to] = d[3];
}

/* y = G^T d */
INLINE void filter_grad_axis(const int m, const vec d[POINTS], vec *y,
                             const size_t to)
{
    const vec s = d[1] + d[2], e = d[1] - d[2];
    if (m == 2) {
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
    y[2 * to] = vec_fma(vec_all(REAL(8.0) / 27), t - s, d[5]);
}

/* ---- both axes ---------------------------------------------------------- */

typedef void axis(const int m, const vec d[POINTS], vec *y, const size_t to);

/* From `from` x `from` pixels to `to` x `to` points, `step` apart. */
INLINE void expand(axis *along, const int m, const size_t from, const size_t to,
                   const real *const *x, size_t c, const bool part, size_t n,
                   real *y, size_t step)
{
    vec t[POINTS * POINTS];
    UNROLLED
    for (size_t j = 0; j < from; j++) {
        vec d[POINTS];
        UNROLLED
        for (size_t i = 0; i < from; i++) {
            const real *at = x[i * from + j] + c;
            d[i] = part ? vec_load_part(at, n) : vec_load(at);
        }
        along(m, d, t + j, from);
    }
    UNROLLED
    for (size_t i = 0; i < to; i++) {
        vec row[POINTS];
        along(m, t + i * from, row, 1);
        UNROLLED
        for (size_t j = 0; j < to; j++, y += step) {
            if (part)
                vec_store_part(y + c, n, row[j]);
            else
                vec_store(y + c, row[j]);
        }
    }
}

/* The points of vector c, transformed along the first axis: `rows` rows of
 * a. */
INLINE void reduce_first(axis *along, const int m, const real *x, size_t step,
                         size_t c, const bool part, size_t n, vec *t)
{
    const size_t a = (size_t)m + 2;
    UNROLLED
    for (size_t j = 0; j < a; j++) {
        vec d[POINTS];
        UNROLLED
        for (size_t i = 0; i < a; i++) {
            const real *at = x + (i * a + j) * step + c;
            d[i] = part ? vec_load_part(at, n) : vec_load(at);
        }
        along(m, d, t + j, a);
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

INLINE void output(const int m, const bool plain, const fv__winograd_tile *o,
                   size_t c, const bool part, size_t n)
{
    const size_t a = (size_t)m + 2;
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
    reduce_first(output_axis, m, o->points, o->step, c, part, n, t);
    UNROLLED
    for (size_t i = 0; i < (size_t)m; i++) {
        vec y[POINTS];
        if (i >= o->rows) break;
        output_axis(m, t + i * a, y, 1);
        UNROLLED
        for (size_t j = 0; j < (size_t)m; j++) {
            if (j >= o->columns) break;
            put(&f, y[j], o->out, i * o->out_row + j * o->out_pixel + c, part,
                n);
        }
    }
}

INLINE void filter_grad(const int m, const real *u, size_t step, real *dw,
                        size_t dw_step, const bool add, size_t c,
                        const bool part, size_t n)
{
    const size_t a = (size_t)m + 2;
    const meeting f = { .add = add };
    vec t[POINTS * POINTS];
    reduce_first(filter_grad_axis, m, u, step, c, part, n, t);
    UNROLLED
    for (size_t i = 0; i < 3; i++) {
        vec y[POINTS];
        filter_grad_axis(m, t + i * a, y, 1);
        for (size_t j = 0; j < 3; j++)
            put(&f, y[j], dw, (i * 3 + j) * dw_step + c, part, n);
    }
}

/* ---- the kernels -------------------------------------------------------- */

/* do(part, length) for whole vectors at c, then for what is left. */
#define VECTORS(n, vector)                                                     \
    size_t c = 0;                                                              \
    for (; c + VEC <= (n); c += VEC) vector(false, VEC);                       \
    if (c < (n)) vector(true, (n)-c)

void FV_KERNEL(winograd_input)(int32_t m, size_t n, const void *const *x_,
                               void *v, size_t step)
{
    const real *const *x = (const real *const *)x_;
#define VECTOR(part, left)                                                     \
    expand(input_axis, M, M + 2, M + 2, x, c, part, left, v, step)
    if (m == 2) {
        enum { M = 2 };
        VECTORS(n, VECTOR);
    } else {
        enum { M = 4 };
        VECTORS(n, VECTOR);
    }
#undef VECTOR
}

void FV_KERNEL(winograd_filter)(int32_t m, size_t n, const void *w_,
                                ptrdiff_t w_step, void *u, size_t step)
{
    const real *w = w_, *taps[9];
    for (size_t i = 0; i < 9; i++, w += w_step) taps[i] = w;
#define VECTOR(part, left)                                                     \
    expand(filter_axis, M, 3, M + 2, taps, c, part, left, u, step)
    if (m == 2) {
        enum { M = 2 };
        VECTORS(n, VECTOR);
    } else {
        enum { M = 4 };
        VECTORS(n, VECTOR);
    }
#undef VECTOR
}

void FV_KERNEL(winograd_output_grad)(int32_t m, size_t n,
                                     const void *const *dy_, void *z,
                                     size_t step)
{
    const real *const *dy = (const real *const *)dy_;
#define VECTOR(part, left)                                                     \
    expand(output_grad_axis, M, M, M + 2, dy, c, part, left, z, step)
    if (m == 2) {
        enum { M = 2 };
        VECTORS(n, VECTOR);
    } else {
        enum { M = 4 };
        VECTORS(n, VECTOR);
    }
#undef VECTOR
}

void FV_KERNEL(winograd_output)(int32_t m, size_t n, const fv__winograd_tile *o)
{
    const bool plain = !o->add && !o->finish;
#define VECTOR(part, left) output(M, plain, o, c, part, left)
    if (m == 2) {
        enum { M = 2 };
        VECTORS(n, VECTOR);
    } else {
        enum { M = 4 };
        VECTORS(n, VECTOR);
    }
#undef VECTOR
}

void FV_KERNEL(winograd_filter_grad)(int32_t m, size_t n, const void *u,
                                     size_t step, void *dw, size_t dw_step,
                                     bool add)
{
#define VECTOR(part, left)                                                     \
    filter_grad(M, u, step, dw, dw_step, add, c, part, left)
    if (m == 2) {
        enum { M = 2 };
        VECTORS(n, VECTOR);
    } else {
        enum { M = 4 };
        VECTORS(n, VECTOR);
    }
#undef VECTOR
}
