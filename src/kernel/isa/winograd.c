/* The transforms of Winograd's convolution, and their adjoints. */
#include "kernel/isa/winograd.h"

/* From pixels to points. */
INLINE void expand_first(const axis a, const real *const *x, size_t c,
                         const bool part, size_t n, size_t j, vec *t)
{
    vec d[LINES];
    UNROLLED
    for (size_t i = 0; i < a.from; i++)
        d[i] = load(x[i * a.from + j] + c, part, n);
    along(a, d, t + j, a.from);
}

INLINE void expand_last(const axis a, const vec *t, const bool part, size_t n,
                        size_t i, const fv__points *to)
{
    real *first = to->at;
    vec row[LINES];
    along(a, t + i * a.from, row, 1);
    UNROLLED
    for (size_t j = 0; j < a.to; j++) {
        real *at = first + place(a, i, j, to);
        if (part)
            vec_store_part(at, n, row[j]);
        else
            vec_store(at, row[j]);
    }
}

INLINE void expand(const axis a, const real *const *x, size_t c,
                   const bool part, size_t n, const fv__points *points)
{
    const fv__points to = { (real *)points->at + c, points->step,
                            points->phase };
    vec t[LINES * LINES];
    EACH(j, a.from, expand_first(a, x, c, part, n, j, t));
    EACH(i, a.to, expand_last(a, t, part, n, i, &to));
}

/* The points of vector c, transformed along the first axis. */
INLINE void reduce_line(const axis a, const fv__points *from, size_t c,
                        const bool part, size_t n, size_t j, vec *t)
{
    const real *x = (const real *)from->at + c;
    vec d[LINES];
    UNROLLED
    for (size_t i = 0; i < a.from; i++)
        d[i] = load(x + place(a, i, j, from), part, n);
    along(a, d, t + j, a.from);
}

INLINE void reduce_first(const axis a, const fv__points *points, size_t c,
                         const bool part, size_t n, vec *t)
{
    const fv__points from = *points;
    EACH(j, a.from, reduce_line(a, &from, c, part, n, j, t));
}

INLINE void output(const axis a, const bool plain, const fv__winograd_tile *o,
                   size_t c, const bool part, size_t n)
{
    const meeting none = { 0 };
    const meeting f = plain ? none : meeting_of(o, c, part, n);
    vec t[LINES * LINES];
    reduce_first(a, &o->points, c, part, n, t);
    EACH(i, a.to, put_row(a, t + i * a.from, &f, o, i, c, part, n));
}

INLINE void put_taps(const axis a, const vec *line, const meeting *f, real *dw,
                     size_t dw_step, size_t c, const bool part, size_t n)
{
    vec y[LINES];
    along(a, line, y, 1);
    for (size_t j = 0; j < a.to; j++)
        put(f, y[j], dw, j * dw_step + c, part, n);
}

INLINE void filter_grad(const axis a, const fv__points *u, real *dw,
                        size_t dw_step, const bool add, size_t c,
                        const bool part, size_t n)
{
    const meeting f = { .add = add };
    vec t[LINES * LINES];
    reduce_first(a, u, c, part, n, t);
    EACH(i, a.to,
         put_taps(a, t + i * a.from, &f, dw + i * a.to * dw_step, dw_step, c,
                  part, n));
}

/* ---- the kernels -------------------------------------------------------- */

INLINE void expand_all(const axis a, size_t n, const real *const *x,
                       const fv__points *points)
{
#define VECTOR(part, left) expand(a, x, c, part, left, points)
    VECTORS(n, VECTOR);
#undef VECTOR
}

INLINE void filter_all(const axis a, size_t n, const real *w, ptrdiff_t w_step,
                       const fv__points *u)
{
    const real *taps[TAPS * TAPS];
    for (size_t i = 0; i < a.from * a.from; i++, w += w_step) taps[i] = w;
    expand_all(a, n, taps, u);
}

INLINE void output_all(const axis a, size_t n, const fv__winograd_tile *o)
{
    const bool plain = !o->add && !o->epilogue;
#define VECTOR(part, left) output(a, plain, o, c, part, left)
    VECTORS(n, VECTOR);
#undef VECTOR
}

INLINE void filter_grad_all(const axis a, size_t n, const fv__points *u,
                            real *dw, size_t dw_step, bool add)
{
#define VECTOR(part, left) filter_grad(a, u, dw, dw_step, add, c, part, left)
    VECTORS(n, VECTOR);
#undef VECTOR
}

void FV_KERNEL(winograd_input)(fv__scheme f, size_t n, const void *const *x_,
                               const fv__points *v)
{
    const real *const *x = (const real *const *)x_;
#define ALL(m, r, s)                                                           \
    expand_all((axis){ m, r, s, LINES_OF(m, r, s), LINES_OF(m, r, s), INPUT }, \
               n, x, v)
    SCHEMES(f, ALL);
#undef ALL
}

void FV_KERNEL(winograd_filter)(fv__scheme f, size_t n, const void *w,
                                ptrdiff_t w_step, const fv__points *u)
{
#define ALL(m, r, s)                                                           \
    filter_all((axis){ m, r, s, TAPS_OF(r, s), LINES_OF(m, r, s), FILTER }, n, \
               w, w_step, u)
    SCHEMES(f, ALL);
#undef ALL
}

void FV_KERNEL(winograd_output_grad)(fv__scheme f, size_t n,
                                     const void *const *dy_,
                                     const fv__points *z)
{
    const real *const *dy = (const real *const *)dy_;
#define ALL(m, r, s)                                                           \
    expand_all((axis){ m, r, s, m, LINES_OF(m, r, s), OUTPUT_GRAD }, n, dy, z)
    WHOLE(f, ALL);
#undef ALL
}

void FV_KERNEL(winograd_output)(fv__scheme f, size_t n,
                                const fv__winograd_tile *o)
{
#define ALL(m, r, s)                                                           \
    output_all((axis){ m, r, s, LINES_OF(m, r, s), m * s, OUTPUT }, n, o)
    SCHEMES(f, ALL);
#undef ALL
}

void FV_KERNEL(winograd_filter_grad)(fv__scheme f, size_t n,
                                     const fv__points *u, void *dw,
                                     size_t dw_step, bool add)
{
#define ALL(m, r, s)                                                           \
    filter_grad_all(                                                           \
        (axis){ m, r, s, LINES_OF(m, r, s), TAPS_OF(r, s), FILTER_GRAD }, n,   \
        u, dw, dw_step, add)
    SCHEMES(f, ALL);
#undef ALL
}
