/* The transforms of Winograd's convolution along one axis and both, with
 * vectors over channels, and the operands of the output transform. The method
 * is explained in conv/winograd/winograd.h.
 *
 * F(2, 3) interpolates at the points 0, 1, -1 and infinity; F(4, 2) at +-1/2,
 * +-3/2 and infinity; the others at 0, +-3/4, +-3/2 and infinity. The elements
 * of A and B are therefore exact, those of G are rounded. Below, F(m, r) has m
 * outputs and r taps, m + r - 1 points, and `phases` phases. */
#ifndef FV_KERNEL_ISA_WINOGRAD_H
#define FV_KERNEL_ISA_WINOGRAD_H

#include "kernel/isa/isa.h"

/* Upper bounds over all schemes, of an axis: values of all phases, and taps. */
enum { MOST_VALUES = 23, MOST_TAPS = 11 };

/* Phases of an axis that have a value at infinity. */
#define INFINITY_PHASES(phases) ((phases) > 1 ? (phases)-1 : 1)
/* Values of an axis at all points of all phases, and taps of all phases. */
#define AXIS_VALUES(m, r, phases)                                              \
    ((m + r - 2) * phases + INFINITY_PHASES(phases))
#define AXIS_TAPS(r, phases) ((r - 1) * phases + INFINITY_PHASES(phases))

/* ---- one phase of an axis ------------------------------------------------ */

/* Each function computes y from d, whose elements are d_step and y_step vectors
 * apart (1 without such an argument). `points` is m + r - 1. A phase without
 * `infinity` has no value there, and one tap less. Points other than 0 and
 * infinity come in pairs, +-a and +-b with a < b: the even and the odd part of
 * a polynomial at a pair are computed once and then added and subtracted. */

/* y = B^T d */
INLINE void input_phase(const int points, const vec *d, const size_t d_step,
                        const bool infinity, vec *y, const size_t y_step)
{
    if (points == 4) {
        y[0] = d[0] - d[2];
        y[y_step] = d[1] + d[2];
        y[2 * y_step] = d[2] - d[1];
        y[3 * y_step] = d[1] - d[3];
        return;
    }
    if (points == 5) {
        const vec odd_a =
            vec_fma(vec_all(REAL(-2.25)), d[d_step], d[3 * d_step]);
        const vec even_a = vec_fma(vec_all(REAL(-2.25)), d[0], d[2 * d_step]);
        const vec odd_b =
            vec_fma(vec_all(REAL(-0.25)), d[d_step], d[3 * d_step]);
        const vec even_b = vec_fma(vec_all(REAL(-0.25)), d[0], d[2 * d_step]);
        const vec a = vec_all(REAL(0.5)), b = vec_all(REAL(1.5));
        y[0] = vec_fma(a, even_a, odd_a);
        y[y_step] = vec_fma(-a, even_a, odd_a);
        y[2 * y_step] = vec_fma(b, even_b, odd_b);
        y[3 * y_step] = vec_fma(-b, even_b, odd_b);
        if (infinity)
            y[4 * y_step] = vec_fma(
                vec_all(REAL(0.5625)), d[0],
                vec_fma(vec_all(REAL(-2.5)), d[2 * d_step], d[4 * d_step]));
        return;
    }
    const vec odd_a = vec_fma(vec_all(REAL(-2.25)), d[d_step], d[3 * d_step]);
    const vec even_a =
        vec_fma(vec_all(REAL(-2.25)), d[2 * d_step], d[4 * d_step]);
    const vec odd_b = vec_fma(vec_all(REAL(-0.5625)), d[d_step], d[3 * d_step]);
    const vec even_b =
        vec_fma(vec_all(REAL(-0.5625)), d[2 * d_step], d[4 * d_step]);
    const vec a = vec_all(REAL(0.75)), b = vec_all(REAL(1.5));
    const vec c2 = vec_all(REAL(-2.8125)), c0 = vec_all(REAL(1.265625));
    y[0] = vec_fma(c0, d[0], vec_fma(c2, d[2 * d_step], d[4 * d_step]));
    y[y_step] = vec_fma(a, odd_a, even_a);
    y[2 * y_step] = vec_fma(-a, odd_a, even_a);
    y[3 * y_step] = vec_fma(b, odd_b, even_b);
    y[4 * y_step] = vec_fma(-b, odd_b, even_b);
    if (infinity)
        y[5 * y_step] =
            vec_fma(c0, d[d_step], vec_fma(c2, d[3 * d_step], d[5 * d_step]));
}

/* y = A^T d */
INLINE void output_phase(const int m, const int points, const vec *d,
                         const bool infinity, vec *y, const size_t y_step)
{
    if (points == 4) {
        y[0] = d[0] + d[1] + d[2];
        y[y_step] = d[1] - d[2] - d[3];
        return;
    }
    if (points == 5) {
        const vec sum_a = d[0] + d[1], difference_a = d[0] - d[1];
        const vec sum_b = d[2] + d[3], difference_b = d[2] - d[3];
        const vec cubes_b = REAL(3.375) * difference_b;
        y[0] = sum_a + sum_b;
        y[y_step] =
            vec_fma(vec_all(REAL(0.5)), difference_a, REAL(1.5) * difference_b);
        y[2 * y_step] = vec_fma(vec_all(REAL(0.25)), sum_a, REAL(2.25) * sum_b);
        y[3 * y_step] = vec_fma(vec_all(REAL(0.125)), difference_a,
                                infinity ? cubes_b + d[4] : cubes_b);
        return;
    }
    const vec sum_a = d[1] + d[2], difference_a = d[1] - d[2];
    const vec sum_b = d[3] + d[4], difference_b = d[3] - d[4];
    y[0] = d[0] + sum_a + sum_b;
    y[y_step] =
        vec_fma(vec_all(REAL(0.75)), difference_a, REAL(1.5) * difference_b);
    if (m > 2)
        y[2 * y_step] =
            vec_fma(vec_all(REAL(0.5625)), sum_a, REAL(2.25) * sum_b);
    if (m > 3)
        y[3 * y_step] =
            vec_fma(vec_all(REAL(0.421875)), difference_a,
                    infinity ? vec_fma(vec_all(REAL(3.375)), difference_b, d[5])
                             : REAL(3.375) * difference_b);
    else if (infinity)
        y[(size_t)(m - 1) * y_step] = y[(size_t)(m - 1) * y_step] + d[5];
}

/* y = G d; r counts the taps of this phase. */
INLINE void filter_phase(const int r, const int points, const vec *d,
                         const size_t d_step, const bool infinity, vec *y,
                         const size_t y_step)
{
    const vec half = vec_all(REAL(0.5));
    if (points == 4) {
        const vec even = half * (d[0] + d[2]);
        y[0] = d[0];
        y[y_step] = vec_fma(half, d[1], even);
        y[2 * y_step] = vec_fma(-half, d[1], even);
        y[3 * y_step] = d[2];
        return;
    }
    if (points == 5) {
        const vec sixth = vec_all(REAL(1.0) / 6), fourth = vec_all(REAL(0.25));
        const vec even_a = half * d[0], even_b = sixth * d[0];
        y[0] = infinity ? vec_fma(-fourth, d[d_step], -even_a) : -even_a;
        y[y_step] = infinity ? vec_fma(-fourth, d[d_step], even_a) : even_a;
        y[2 * y_step] = infinity ? vec_fma(fourth, d[d_step], even_b) : even_b;
        y[3 * y_step] =
            infinity ? vec_fma(fourth, d[d_step], -even_b) : -even_b;
        if (infinity) y[4 * y_step] = d[d_step];
        return;
    }
    const vec c2 = vec_all(REAL(8.0) / 27);
    const vec odd_scale_a = vec_all(REAL(32.0) / 81);
    const vec odd_scale_b = vec_all(REAL(16.0) / 81);
    vec even_a = REAL(-128.0) / 243 * d[0], even_b = REAL(32.0) / 243 * d[0];
    vec odd_a = d[d_step], odd_b = odd_a;
    if (r > 2) {
        even_a = vec_fma(-c2, d[2 * d_step], even_a);
        even_b = vec_fma(c2, d[2 * d_step], even_b);
    }
    if (r > 3) {
        odd_a = vec_fma(vec_all(REAL(0.5625)), d[3 * d_step], odd_a);
        odd_b = vec_fma(vec_all(REAL(2.25)), d[3 * d_step], odd_b);
    }
    if (r > 4) {
        even_a = vec_fma(vec_all(REAL(-1.0) / 6), d[4 * d_step], even_a);
        even_b = vec_fma(vec_all(REAL(2.0) / 3), d[4 * d_step], even_b);
    }
    y[0] = REAL(64.0) / 81 * d[0];
    y[y_step] = vec_fma(-odd_scale_a, odd_a, even_a);
    y[2 * y_step] = vec_fma(odd_scale_a, odd_a, even_a);
    y[3 * y_step] = vec_fma(odd_scale_b, odd_b, even_b);
    y[4 * y_step] = vec_fma(-odd_scale_b, odd_b, even_b);
    if (infinity) y[5 * y_step] = d[(size_t)(r - 1) * d_step];
}

/* y = A d */
INLINE void output_grad_phase(const int m, const int points, const vec *d,
                              vec *y, const size_t y_step)
{
    if (points == 5) {
        const vec even_a = vec_fma(vec_all(REAL(0.25)), d[2], d[0]);
        const vec even_b = vec_fma(vec_all(REAL(2.25)), d[2], d[0]);
        const vec odd_a = vec_fma(vec_all(REAL(0.125)), d[3], REAL(0.5) * d[1]);
        const vec odd_b = vec_fma(vec_all(REAL(3.375)), d[3], REAL(1.5) * d[1]);
        y[0] = even_a + odd_a;
        y[y_step] = even_a - odd_a;
        y[2 * y_step] = even_b + odd_b;
        y[3 * y_step] = even_b - odd_b;
        y[4 * y_step] = d[3];
        return;
    }
    y[0] = d[0];
    if (points == 4) {
        y[y_step] = d[0] + d[1];
        y[2 * y_step] = d[0] - d[1];
        y[3 * y_step] = -d[1];
        return;
    }
    vec even_a = d[0], even_b = d[0];
    vec odd_a = REAL(0.75) * d[1], odd_b = REAL(1.5) * d[1];
    if (m > 2) {
        even_a = vec_fma(vec_all(REAL(0.5625)), d[2], even_a);
        even_b = vec_fma(vec_all(REAL(2.25)), d[2], even_b);
    }
    if (m > 3) {
        odd_a = vec_fma(vec_all(REAL(0.421875)), d[3], odd_a);
        odd_b = vec_fma(vec_all(REAL(3.375)), d[3], odd_b);
    }
    y[y_step] = even_a + odd_a;
    y[2 * y_step] = even_a - odd_a;
    y[3 * y_step] = even_b + odd_b;
    y[4 * y_step] = even_b - odd_b;
    y[5 * y_step] = d[m - 1];
}

/* y = G^T d; r counts the taps of this phase. */
INLINE void filter_grad_phase(const int r, const int points, const vec *d,
                              const bool infinity, vec *y, const size_t y_step)
{
    const vec half = vec_all(REAL(0.5));
    if (points == 5) {
        const vec sixth = vec_all(REAL(1.0) / 6), fourth = vec_all(REAL(0.25));
        y[0] = vec_fma(half, d[1] - d[0], sixth * (d[2] - d[3]));
        if (infinity)
            y[y_step] = vec_fma(fourth, (d[2] + d[3]) - (d[0] + d[1]), d[4]);
        return;
    }
    const vec sum_a = d[1] + d[2], difference_a = d[1] - d[2];
    if (points == 4) {
        y[0] = vec_fma(half, sum_a, d[0]);
        y[y_step] = half * difference_a;
        y[2 * y_step] = vec_fma(half, sum_a, d[3]);
        return;
    }
    const vec sum_b = d[3] + d[4], difference_b = d[3] - d[4];
    y[0] = vec_fma(
        vec_all(REAL(64.0) / 81), d[0],
        vec_fma(vec_all(REAL(-128.0) / 243), sum_a, REAL(32.0) / 243 * sum_b));
    y[y_step] = vec_fma(vec_all(REAL(-32.0) / 81), difference_a,
                        REAL(16.0) / 81 * difference_b);
    if (r == 3 && infinity)
        y[2 * y_step] = vec_fma(vec_all(REAL(8.0) / 27), sum_b - sum_a, d[5]);
    else if (r > 2)
        y[2 * y_step] = REAL(8.0) / 27 * (sum_b - sum_a);
    if (r == 4)
        y[3 * y_step] =
            vec_fma(vec_all(REAL(-2.0) / 9), difference_a,
                    vec_fma(vec_all(REAL(4.0) / 9), difference_b, d[5]));
    if (r == 5) {
        y[3 * y_step] = vec_fma(vec_all(REAL(-2.0) / 9), difference_a,
                                REAL(4.0) / 9 * difference_b);
        y[4 * y_step] = vec_fma(vec_all(REAL(-1.0) / 6), sum_a,
                                vec_fma(vec_all(REAL(2.0) / 3), sum_b, d[5]));
    }
}

/* ---- both axes ---------------------------------------------------------- */

/* A transform along one axis of F(m, r): `from` elements become `to`. */
typedef struct axis {
    int m, r, phases;
    size_t from, to;
    enum { INPUT, OUTPUT, FILTER, OUTPUT_GRAD, FILTER_GRAD } kind;
} axis;

/* Transforms all phases of an axis; elements of y are y_step vectors apart. The
 * values of a phase follow those of the phase before it; pixels and taps of the
 * phases alternate. Outputs of a tile begin with the last phase. */
INLINE void transform_axis(const axis a, const vec *d, vec *y,
                           const size_t y_step)
{
    const int points = a.m + a.r - 1;
    const size_t phases = (size_t)a.phases;
    UNROLLED
    for (int q = 0; q < a.phases; q++) {
        const bool infinity = q < INFINITY_PHASES(a.phases);
        const int r = infinity ? a.r : a.r - 1;
        const vec *values = d + q * points, *pixels = d + q;
        vec *y_values = y + (size_t)(q * points) * y_step;
        if (a.kind == INPUT)
            input_phase(points, pixels, phases, infinity, y_values, y_step);
        if (a.kind == OUTPUT)
            output_phase(a.m, points, values, infinity,
                         y + (size_t)(a.phases - 1 - q) * y_step,
                         phases * y_step);
        if (a.kind == FILTER)
            filter_phase(r, points, pixels, phases, infinity, y_values, y_step);
        if (a.kind == OUTPUT_GRAD) output_grad_phase(a.m, points, d, y, y_step);
        if (a.kind == FILTER_GRAD)
            filter_grad_phase(r, points, values, infinity,
                              y + (size_t)q * y_step, phases * y_step);
    }
}

/* The offset in a transformed tile of value i of the rows and value j of the
 * columns. */
INLINE size_t value_offset(const axis a, const size_t i, const size_t j,
                           const fv__transformed_tile *tile)
{
    const size_t points = (size_t)(a.m + a.r - 1);
    const size_t infinity_phases = (size_t)INFINITY_PHASES(a.phases);
    const size_t row = i % points, column = j % points;
    const size_t column_phases =
        column == points - 1 ? infinity_phases : (size_t)a.phases;
    return (row * points + column) * tile->point_step
           + (i / points * column_phases + j / points) * tile->phase_step;
}

/* for (i < n) body, unrolled if n is a constant up to MOST_UNROLLED. */
enum { MOST_UNROLLED = 6 };
#define FOR_EACH(i, n, body)                                                   \
    do {                                                                       \
        if ((n) > MOST_UNROLLED) {                                             \
            for (size_t i = 0; i < (n); i++) body;                             \
        } else {                                                               \
            UNROLLED                                                           \
            for (size_t i = 0; i < (n); i++) body;                             \
        }                                                                      \
    } while (0)

/* A vector at `at`: n elements of it if `partial`, else all. */
INLINE vec load(const real *at, const bool partial, size_t n)
{
    return partial ? vec_load_part(at, n) : vec_load(at);
}

/* The epilogue of one vector of channels. */
typedef struct vec_epilogue {
    bool bias, residual, clamp, accumulate, nontemporal;
    vec bias_values, low, high;
    const real *residual_at;
} vec_epilogue;

/* Stores y at out + offset, after the epilogue. */
INLINE void store_output(const vec_epilogue *e, vec y, real *out, size_t offset,
                         const bool partial, size_t n)
{
    if (e->bias) y = y + e->bias_values;
    if (e->residual) y = y + load(e->residual_at + offset, partial, n);
    if (e->clamp) y = vec_clamp(y, e->low, e->high);
    if (e->accumulate) y = load(out + offset, partial, n) + y;
    if (partial)
        vec_store_part(out + offset, n, y);
    else if (e->nontemporal)
        vec_store_past(out + offset, y);
    else
        vec_store(out + offset, y);
}

/* The epilogue of a tile at channel c. */
INLINE vec_epilogue vec_epilogue_of(const fv__winograd_output *o, size_t c,
                                    const bool partial, size_t n)
{
    const fv__epilogue *from = o->epilogue;
    vec_epilogue e = { .accumulate = o->accumulate };
    if (!from) return e;
    const real *bias = from->bias;
    e.bias = bias, e.residual = from->residual, e.clamp = from->clamp;
    e.nontemporal = VEC_BYTES == 64 && from->nontemporal
                    && whole_lines(o->out, o->out_row | o->out_pixel);
    e.residual_at = from->residual;
    if (bias) e.bias_values = load(bias + c, partial, n);
    e.low = vec_all((real)from->low), e.high = vec_all((real)from->high);
    return e;
}

/* Transforms row i of a tile, whose columns are transformed, along the second
 * axis, and stores the outputs inside the image. */
INLINE void store_output_row(const axis a, const vec *row,
                             const vec_epilogue *e,
                             const fv__winograd_output *o, size_t i, size_t c,
                             const bool partial, size_t n)
{
    /* Only tiles with phases in their output begin outside the image. */
    const bool may_begin_outside = a.phases > 1;
    const size_t first[2] = { may_begin_outside ? o->first[0] : 0,
                              may_begin_outside ? o->first[1] : 0 };
    vec y[MOST_VALUES];
    if (i < first[0] || i >= o->end[0]) return;
    transform_axis(a, row, y, 1);
    FOR_EACH(j, a.to, {
        if (j < first[1]) continue;
        if (j >= o->end[1]) break;
        store_output(e, y[j], o->out,
                     (i - first[0]) * o->out_row + (j - first[1]) * o->out_pixel
                         + c,
                     partial, n);
    });
}

/* ---- schemes and vectors ------------------------------------------------ */

/* call(m, r, phases) with the constants of scheme f, which has several phases,
 * one phase, or either. */
#define WITH_PHASES(f, call)                                                   \
    do {                                                                       \
        if ((f).taps == 2)                                                     \
            call(4, 2, 2);                                                     \
        else if ((f).taps == 4)                                                \
            call(3, 4, 2);                                                     \
        else if ((f).phases == 2)                                              \
            call(4, 3, 2);                                                     \
        else                                                                   \
            call(4, 3, 4);                                                     \
    } while (0)
#define WITH_ONE_PHASE(f, call)                                                \
    do {                                                                       \
        if ((f).taps == 2)                                                     \
            call(4, 2, 1);                                                     \
        else if ((f).taps == 4)                                                \
            call(3, 4, 1);                                                     \
        else if ((f).taps == 5)                                                \
            call(2, 5, 1);                                                     \
        else if ((f).outputs == 2)                                             \
            call(2, 3, 1);                                                     \
        else                                                                   \
            call(4, 3, 1);                                                     \
    } while (0)
#define WITH_SCHEME(f, call)                                                   \
    do {                                                                       \
        if ((f).phases > 1)                                                    \
            WITH_PHASES(f, call);                                              \
        else                                                                   \
            WITH_ONE_PHASE(f, call);                                           \
    } while (0)

/* vector(partial, lanes) for the full vectors of n elements, at c, and for the
 * elements that are left. */
#define FOR_EACH_VECTOR(n, vector)                                             \
    size_t c = 0;                                                              \
    for (; c + VEC <= (n); c += VEC) vector(false, VEC);                       \
    if (c < (n)) vector(true, (n)-c)

#endif
