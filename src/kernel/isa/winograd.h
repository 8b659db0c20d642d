/* The transforms of Winograd's convolution (Lavin and Gray 2016), vectors over
 * channels. The points of F(2, 3) are 0, 1, -1 and infinity, those of F(4, 2)
 * +-1/2, +-3/2 and infinity, those of the others 0, +-3/4, +-3/2 and infinity:
 * their matrices are exact but for G. m is the outputs of an axis, r its taps,
 * s its phases; the lines of a phase follow those of the phase before it. */
#ifndef FV_KERNEL_ISA_WINOGRAD_H
#define FV_KERNEL_ISA_WINOGRAD_H

#include "kernel/isa/isa.h"

enum { LINES = 23, TAPS = 11 }; /* of an axis, at most */

/* Phases that reach infinity. */
#define FAR(s) ((s) > 1 ? (s)-1 : 1)

/* ---- one phase of an axis ------------------------------------------------ */

/* Numbers lie `by` apart, those that are made `to`. `far` phases reach
 * infinity, the others have one tap less. */

/* y = B^T d */
INLINE void input_phase(const int side, const vec *d, const size_t by,
                        const bool far, vec *y, const size_t to)
{
    if (side == 4) {
        y[0] = d[0] - d[2];
        y[to] = d[1] + d[2];
        y[2 * to] = d[2] - d[1];
        y[3 * to] = d[1] - d[3];
        return;
    }
    if (side == 5) {
        const vec oa = vec_fma(vec_all(REAL(-2.25)), d[by], d[3 * by]);
        const vec ea = vec_fma(vec_all(REAL(-2.25)), d[0], d[2 * by]);
        const vec ob = vec_fma(vec_all(REAL(-0.25)), d[by], d[3 * by]);
        const vec eb = vec_fma(vec_all(REAL(-0.25)), d[0], d[2 * by]);
        const vec a = vec_all(REAL(0.5)), b = vec_all(REAL(1.5));
        y[0] = vec_fma(a, ea, oa);
        y[to] = vec_fma(-a, ea, oa);
        y[2 * to] = vec_fma(b, eb, ob);
        y[3 * to] = vec_fma(-b, eb, ob);
        if (far)
            y[4 * to] =
                vec_fma(vec_all(REAL(0.5625)), d[0],
                        vec_fma(vec_all(REAL(-2.5)), d[2 * by], d[4 * by]));
        return;
    }
    const vec oa = vec_fma(vec_all(REAL(-2.25)), d[by], d[3 * by]);
    const vec ea = vec_fma(vec_all(REAL(-2.25)), d[2 * by], d[4 * by]);
    const vec ob = vec_fma(vec_all(REAL(-0.5625)), d[by], d[3 * by]);
    const vec eb = vec_fma(vec_all(REAL(-0.5625)), d[2 * by], d[4 * by]);
    const vec a = vec_all(REAL(0.75)), b = vec_all(REAL(1.5));
    const vec two = vec_all(REAL(-2.8125)), none = vec_all(REAL(1.265625));
    y[0] = vec_fma(none, d[0], vec_fma(two, d[2 * by], d[4 * by]));
    y[to] = vec_fma(a, oa, ea);
    y[2 * to] = vec_fma(-a, oa, ea);
    y[3 * to] = vec_fma(b, ob, eb);
    y[4 * to] = vec_fma(-b, ob, eb);
    if (far)
        y[5 * to] = vec_fma(none, d[by], vec_fma(two, d[3 * by], d[5 * by]));
}

/* y = A^T d */
INLINE void output_phase(const int m, const int side, const vec *d,
                         const bool far, vec *y, const size_t to)
{
    if (side == 4) {
        y[0] = d[0] + d[1] + d[2];
        y[to] = d[1] - d[2] - d[3];
        return;
    }
    if (side == 5) {
        const vec p = d[0] + d[1], e = d[0] - d[1];
        const vec t = d[2] + d[3], f = d[2] - d[3];
        const vec last = REAL(3.375) * f;
        y[0] = p + t;
        y[to] = vec_fma(vec_all(REAL(0.5)), e, REAL(1.5) * f);
        y[2 * to] = vec_fma(vec_all(REAL(0.25)), p, REAL(2.25) * t);
        y[3 * to] = vec_fma(vec_all(REAL(0.125)), e, far ? last + d[4] : last);
        return;
    }
    const vec p = d[1] + d[2], e = d[1] - d[2];
    const vec t = d[3] + d[4], f = d[3] - d[4];
    y[0] = d[0] + p + t;
    y[to] = vec_fma(vec_all(REAL(0.75)), e, REAL(1.5) * f);
    if (m > 2) y[2 * to] = vec_fma(vec_all(REAL(0.5625)), p, REAL(2.25) * t);
    if (m > 3)
        y[3 * to] = vec_fma(vec_all(REAL(0.421875)), e,
                            far ? vec_fma(vec_all(REAL(3.375)), f, d[5])
                                : REAL(3.375) * f);
    else if (far)
        y[(size_t)(m - 1) * to] = y[(size_t)(m - 1) * to] + d[5];
}

/* y = G d, of r taps. */
INLINE void filter_phase(const int r, const int side, const vec *d,
                         const size_t by, const bool far, vec *y,
                         const size_t to)
{
    const vec half = vec_all(REAL(0.5));
    if (side == 4) {
        const vec p = half * (d[0] + d[2]);
        y[0] = d[0];
        y[to] = vec_fma(half, d[1], p);
        y[2 * to] = vec_fma(-half, d[1], p);
        y[3 * to] = d[2];
        return;
    }
    if (side == 5) {
        const vec sixth = vec_all(REAL(1.0) / 6), fourth = vec_all(REAL(0.25));
        const vec a = half * d[0], b = sixth * d[0];
        y[0] = far ? vec_fma(-fourth, d[by], -a) : -a;
        y[to] = far ? vec_fma(-fourth, d[by], a) : a;
        y[2 * to] = far ? vec_fma(fourth, d[by], b) : b;
        y[3 * to] = far ? vec_fma(fourth, d[by], -b) : -b;
        if (far) y[4 * to] = d[by];
        return;
    }
    const vec near = vec_all(REAL(8.0) / 27);
    const vec e = vec_all(REAL(32.0) / 81), f = vec_all(REAL(16.0) / 81);
    vec p = REAL(-128.0) / 243 * d[0], t = REAL(32.0) / 243 * d[0];
    vec odd = d[by], wide = odd;
    if (r > 2) {
        p = vec_fma(-near, d[2 * by], p);
        t = vec_fma(near, d[2 * by], t);
    }
    if (r > 3) {
        odd = vec_fma(vec_all(REAL(0.5625)), d[3 * by], odd);
        wide = vec_fma(vec_all(REAL(2.25)), d[3 * by], wide);
    }
    if (r > 4) {
        p = vec_fma(vec_all(REAL(-1.0) / 6), d[4 * by], p);
        t = vec_fma(vec_all(REAL(2.0) / 3), d[4 * by], t);
    }
    y[0] = REAL(64.0) / 81 * d[0];
    y[to] = vec_fma(-e, odd, p);
    y[2 * to] = vec_fma(e, odd, p);
    y[3 * to] = vec_fma(f, wide, t);
    y[4 * to] = vec_fma(-f, wide, t);
    if (far) y[5 * to] = d[(size_t)(r - 1) * by];
}

/* y = A d */
INLINE void output_grad_phase(const int m, const int side, const vec *d, vec *y,
                              const size_t to)
{
    if (side == 5) {
        const vec a = vec_fma(vec_all(REAL(0.25)), d[2], d[0]);
        const vec b = vec_fma(vec_all(REAL(2.25)), d[2], d[0]);
        const vec e = vec_fma(vec_all(REAL(0.125)), d[3], REAL(0.5) * d[1]);
        const vec f = vec_fma(vec_all(REAL(3.375)), d[3], REAL(1.5) * d[1]);
        y[0] = a + e;
        y[to] = a - e;
        y[2 * to] = b + f;
        y[3 * to] = b - f;
        y[4 * to] = d[3];
        return;
    }
    y[0] = d[0];
    if (side == 4) {
        y[to] = d[0] + d[1];
        y[2 * to] = d[0] - d[1];
        y[3 * to] = -d[1];
        return;
    }
    vec ea = d[0], eb = d[0], oa = REAL(0.75) * d[1], ob = REAL(1.5) * d[1];
    if (m > 2) {
        ea = vec_fma(vec_all(REAL(0.5625)), d[2], ea);
        eb = vec_fma(vec_all(REAL(2.25)), d[2], eb);
    }
    if (m > 3) {
        oa = vec_fma(vec_all(REAL(0.421875)), d[3], oa);
        ob = vec_fma(vec_all(REAL(3.375)), d[3], ob);
    }
    y[to] = ea + oa;
    y[2 * to] = ea - oa;
    y[3 * to] = eb + ob;
    y[4 * to] = eb - ob;
    y[5 * to] = d[m - 1];
}

/* y = G^T d, r taps. */
INLINE void filter_grad_phase(const int r, const int side, const vec *d,
                              const bool far, vec *y, const size_t to)
{
    const vec half = vec_all(REAL(0.5));
    if (side == 5) {
        const vec sixth = vec_all(REAL(1.0) / 6), fourth = vec_all(REAL(0.25));
        y[0] = vec_fma(half, d[1] - d[0], sixth * (d[2] - d[3]));
        if (far) y[to] = vec_fma(fourth, (d[2] + d[3]) - (d[0] + d[1]), d[4]);
        return;
    }
    const vec p = d[1] + d[2], e = d[1] - d[2];
    if (side == 4) {
        y[0] = vec_fma(half, p, d[0]);
        y[to] = half * e;
        y[2 * to] = vec_fma(half, p, d[3]);
        return;
    }
    const vec t = d[3] + d[4], f = d[3] - d[4];
    y[0] =
        vec_fma(vec_all(REAL(64.0) / 81), d[0],
                vec_fma(vec_all(REAL(-128.0) / 243), p, REAL(32.0) / 243 * t));
    y[to] = vec_fma(vec_all(REAL(-32.0) / 81), e, REAL(16.0) / 81 * f);
    if (r == 3 && far)
        y[2 * to] = vec_fma(vec_all(REAL(8.0) / 27), t - p, d[5]);
    else if (r > 2)
        y[2 * to] = REAL(8.0) / 27 * (t - p);
    if (r == 4)
        y[3 * to] = vec_fma(vec_all(REAL(-2.0) / 9), e,
                            vec_fma(vec_all(REAL(4.0) / 9), f, d[5]));
    if (r == 5) {
        y[3 * to] = vec_fma(vec_all(REAL(-2.0) / 9), e, REAL(4.0) / 9 * f);
        y[4 * to] = vec_fma(vec_all(REAL(-1.0) / 6), p,
                            vec_fma(vec_all(REAL(2.0) / 3), t, d[5]));
    }
}

/* ---- both axes ---------------------------------------------------------- */

/* A transform of an axis, of so many numbers to so many. */
typedef struct axis {
    int m, r, s;
    size_t from, to;
    enum { INPUT, OUTPUT, FILTER, OUTPUT_GRAD, FILTER_GRAD } kind;
} axis;

/* y[0], y[1], ... lie `to` apart; of the outputs of a tile, those of the last
 * phase come first. */
INLINE void along(const axis a, const vec *d, vec *y, const size_t to)
{
    const int side = a.m + a.r - 1;
    const size_t by = (size_t)a.s;
    UNROLLED
    for (int q = 0; q < a.s; q++) {
        const bool far = q < FAR(a.s);
        const int r = far ? a.r : a.r - 1;
        const vec *line = d + q * side, *pixel = d + q;
        vec *to_line = y + (size_t)(q * side) * to;
        if (a.kind == INPUT) input_phase(side, pixel, by, far, to_line, to);
        if (a.kind == OUTPUT)
            output_phase(a.m, side, line, far, y + (size_t)(a.s - 1 - q) * to,
                         by * to);
        if (a.kind == FILTER)
            filter_phase(r, side, pixel, by, far, to_line, to);
        if (a.kind == OUTPUT_GRAD) output_grad_phase(a.m, side, d, y, to);
        if (a.kind == FILTER_GRAD)
            filter_grad_phase(r, side, line, far, y + (size_t)q * to, by * to);
    }
}

/* Where the numbers of lines i and j are: at their point, in their phase, of
 * those that meet there. */
INLINE size_t place(const axis a, const size_t i, const size_t j,
                    const fv__points *points)
{
    const size_t side = (size_t)(a.m + a.r - 1), far = (size_t)FAR(a.s);
    const size_t row = i % side, column = j % side;
    const size_t phases = column == side - 1 ? far : (size_t)a.s;
    return (row * side + column) * points->step
           + (i / side * phases + j / side) * points->phase;
}

/* Lines of an axis that are worth a copy of the code for each. */
enum { COPIES = 6 };
#define EACH(i, n, body)                                                       \
    do {                                                                       \
        if ((n) > COPIES) {                                                    \
            for (size_t i = 0; i < (n); i++) body;                             \
        } else {                                                               \
            UNROLLED                                                           \
            for (size_t i = 0; i < (n); i++) body;                             \
        }                                                                      \
    } while (0)

INLINE vec load(const real *at, const bool part, size_t n)
{
    return part ? vec_load_part(at, n) : vec_load(at);
}

/* What meets the outputs of one vector. */
typedef struct meeting {
    bool bias, residual, clamp, add, nontemporal;
    vec sum, low, high;
    const real *other; /* residual */
} meeting;

INLINE void put(const meeting *f, vec y, real *out, size_t at, const bool part,
                size_t n)
{
    if (f->bias) y = y + f->sum;
    if (f->residual) y = y + load(f->other + at, part, n);
    if (f->clamp) y = vec_clamp(y, f->low, f->high);
    if (f->add) y = load(out + at, part, n) + y;
    if (part)
        vec_store_part(out + at, n, y);
    else if (f->nontemporal)
        vec_store_past(out + at, y);
    else
        vec_store(out + at, y);
}

/* What is done to a tile at channel c. */
INLINE meeting meeting_of(const fv__winograd_tile *o, size_t c, const bool part,
                          size_t n)
{
    const fv__epilogue *end = o->epilogue;
    meeting f = { .add = o->add };
    if (!end) return f;
    const real *bias = end->bias;
    f.bias = bias, f.residual = end->residual, f.clamp = end->clamp;
    f.nontemporal = VEC_BYTES == 64 && end->nontemporal
                    && whole_lines(o->out, o->out_row | o->out_pixel);
    f.other = end->residual;
    if (bias) f.sum = load(bias + c, part, n);
    f.low = vec_all((real)end->low), f.high = vec_all((real)end->high);
    return f;
}

/* Row i of a tile's outputs, of lines that were transformed along the first
 * axis. */
INLINE void put_row(const axis a, const vec *line, const meeting *f,
                    const fv__winograd_tile *o, size_t i, size_t c,
                    const bool part, size_t n)
{
    const bool apart = a.s > 1;
    const size_t first[2] = { apart ? o->first[0] : 0,
                              apart ? o->first[1] : 0 };
    vec y[LINES];
    if (i < first[0] || i >= o->end[0]) return;
    along(a, line, y, 1);
    EACH(j, a.to, {
        if (j < first[1]) continue;
        if (j >= o->end[1]) break;
        put(f, y[j], o->out,
            (i - first[0]) * o->out_row + (j - first[1]) * o->out_pixel + c,
            part, n);
    });
}

/* Numbers of an axis of F(m, r) in s phases, and its taps. */
#define LINES_OF(m, r, s) ((m + r - 2) * s + FAR(s))
#define TAPS_OF(r, s) ((r - 1) * s + FAR(s))

/* all(m, r, s) of a scheme, and of one of several phases. */
#define APART(f, all)                                                          \
    do {                                                                       \
        if ((f).taps == 2)                                                     \
            all(4, 2, 2);                                                      \
        else if ((f).taps == 4)                                                \
            all(3, 4, 2);                                                      \
        else if ((f).phases == 2)                                              \
            all(4, 3, 2);                                                      \
        else                                                                   \
            all(4, 3, 4);                                                      \
    } while (0)
#define WHOLE(f, all)                                                          \
    do {                                                                       \
        if ((f).taps == 2)                                                     \
            all(4, 2, 1);                                                      \
        else if ((f).taps == 4)                                                \
            all(3, 4, 1);                                                      \
        else if ((f).taps == 5)                                                \
            all(2, 5, 1);                                                      \
        else if ((f).outputs == 2)                                             \
            all(2, 3, 1);                                                      \
        else                                                                   \
            all(4, 3, 1);                                                      \
    } while (0)
#define SCHEMES(f, all)                                                        \
    do {                                                                       \
        if ((f).phases > 1)                                                    \
            APART(f, all);                                                     \
        else                                                                   \
            WHOLE(f, all);                                                     \
    } while (0)

/* vector(part, length) for whole vectors at c, then for what is left. */
#define VECTORS(n, vector)                                                     \
    size_t c = 0;                                                              \
    for (; c + VEC <= (n); c += VEC) vector(false, VEC);                       \
    if (c < (n)) vector(true, (n)-c)

#endif
