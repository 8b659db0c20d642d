/* The transforms of Winograd's convolution, and their adjoints. */
#include "kernel/isa/winograd.h"

/* ---- from pixels or taps to values -------------------------------------- */

/* Transforms column j of a tile along the first axis. */
INLINE void transform_column(const axis a, const real *const *x, size_t c,
                             const bool partial, size_t n, size_t j, vec *t)
{
    vec d[MOST_VALUES];
    UNROLLED
    for (size_t i = 0; i < a.from; i++)
        d[i] = load(x[i * a.from + j] + c, partial, n);
    transform_axis(a, d, t + j, a.from);
}

/* Transforms row i of the result along the second axis and stores it. */
INLINE void transform_row(const axis a, const vec *t, const bool partial,
                          size_t n, size_t i, const fv__transformed_tile *to)
{
    real *values = to->values;
    vec row[MOST_VALUES];
    transform_axis(a, t + i * a.from, row, 1);
    UNROLLED
    for (size_t j = 0; j < a.to; j++) {
        real *at = values + value_offset(a, i, j, to);
        if (partial)
            vec_store_part(at, n, row[j]);
        else
            vec_store(at, row[j]);
    }
}

/* One vector of channels, from channel c on. */
INLINE void to_values(const axis a, const real *const *x, size_t c,
                      const bool partial, size_t n,
                      const fv__transformed_tile *tile)
{
    const fv__transformed_tile to = { (real *)tile->values + c,
                                      tile->point_step, tile->phase_step };
    vec t[MOST_VALUES * MOST_VALUES];
    FOR_EACH(j, a.from, transform_column(a, x, c, partial, n, j, t));
    FOR_EACH(i, a.to, transform_row(a, t, partial, n, i, &to));
}

INLINE void all_to_values(const axis a, size_t n, const real *const *x,
                          const fv__transformed_tile *tile)
{
#define VECTOR(partial, lanes) to_values(a, x, c, partial, lanes, tile)
    FOR_EACH_VECTOR(n, VECTOR);
#undef VECTOR
}

INLINE void filter_to_values(const axis a, size_t n, const real *g,
                             ptrdiff_t g_tap, const fv__transformed_tile *u)
{
    const real *taps[MOST_TAPS * MOST_TAPS];
    for (size_t i = 0; i < a.from * a.from; i++, g += g_tap) taps[i] = g;
    all_to_values(a, n, taps, u);
}

/* ---- from values to pixels or taps -------------------------------------- */

/* Transforms column j of the values along the first axis. */
INLINE void transform_value_column(const axis a,
                                   const fv__transformed_tile *from, size_t c,
                                   const bool partial, size_t n, size_t j,
                                   vec *t)
{
    const real *values = (const real *)from->values + c;
    vec d[MOST_VALUES];
    UNROLLED
    for (size_t i = 0; i < a.from; i++)
        d[i] = load(values + value_offset(a, i, j, from), partial, n);
    transform_axis(a, d, t + j, a.from);
}

INLINE void transform_value_columns(const axis a,
                                    const fv__transformed_tile *tile, size_t c,
                                    const bool partial, size_t n, vec *t)
{
    const fv__transformed_tile from = *tile;
    FOR_EACH(j, a.from, transform_value_column(a, &from, c, partial, n, j, t));
}

INLINE void output(const axis a, const bool plain, const fv__winograd_output *o,
                   size_t c, const bool partial, size_t n)
{
    const vec_epilogue none = { 0 };
    const vec_epilogue e = plain ? none : vec_epilogue_of(o, c, partial, n);
    vec t[MOST_VALUES * MOST_VALUES];
    transform_value_columns(a, &o->products, c, partial, n, t);
    FOR_EACH(i, a.to,
             store_output_row(a, t + i * a.from, &e, o, i, c, partial, n));
}

INLINE void output_all(const axis a, size_t n, const fv__winograd_output *o)
{
    const bool plain = !o->accumulate && !o->epilogue;
#define VECTOR(partial, lanes) output(a, plain, o, c, partial, lanes)
    FOR_EACH_VECTOR(n, VECTOR);
#undef VECTOR
}

INLINE void store_taps(const axis a, const vec *row, const vec_epilogue *e,
                       real *dg, size_t dg_tap, size_t c, const bool partial,
                       size_t n)
{
    vec y[MOST_VALUES];
    transform_axis(a, row, y, 1);
    for (size_t j = 0; j < a.to; j++)
        store_output(e, y[j], dg, j * dg_tap + c, partial, n);
}

INLINE void filter_grad(const axis a, const fv__transformed_tile *du, real *dg,
                        size_t dg_tap, const bool accumulate, size_t c,
                        const bool partial, size_t n)
{
    const vec_epilogue e = { .accumulate = accumulate };
    vec t[MOST_VALUES * MOST_VALUES];
    transform_value_columns(a, du, c, partial, n, t);
    FOR_EACH(i, a.to,
             store_taps(a, t + i * a.from, &e, dg + i * a.to * dg_tap, dg_tap,
                        c, partial, n));
}

INLINE void filter_grad_all(const axis a, size_t n,
                            const fv__transformed_tile *du, real *dg,
                            size_t dg_tap, bool accumulate)
{
#define VECTOR(partial, lanes)                                                 \
    filter_grad(a, du, dg, dg_tap, accumulate, c, partial, lanes)
    FOR_EACH_VECTOR(n, VECTOR);
#undef VECTOR
}

/* ---- the kernels -------------------------------------------------------- */

void FV_KERNEL(winograd_input)(fv__scheme f, size_t n, const void *const *d_,
                               const fv__transformed_tile *v)
{
    const real *const *d = (const real *const *)d_;
#define CALL(m, r, phases)                                                     \
    all_to_values((axis){ m, r, phases, AXIS_VALUES(m, r, phases),             \
                          AXIS_VALUES(m, r, phases), INPUT },                  \
                  n, d, v)
    WITH_SCHEME(f, CALL);
#undef CALL
}

void FV_KERNEL(winograd_filter)(fv__scheme f, size_t n, const void *g,
                                ptrdiff_t g_tap, const fv__transformed_tile *u)
{
#define CALL(m, r, phases)                                                     \
    filter_to_values((axis){ m, r, phases, AXIS_TAPS(r, phases),               \
                             AXIS_VALUES(m, r, phases), FILTER },              \
                     n, g, g_tap, u)
    WITH_SCHEME(f, CALL);
#undef CALL
}

void FV_KERNEL(winograd_output_grad)(fv__scheme f, size_t n,
                                     const void *const *dy_,
                                     const fv__transformed_tile *z)
{
    const real *const *dy = (const real *const *)dy_;
#define CALL(m, r, phases)                                                     \
    all_to_values(                                                             \
        (axis){ m, r, phases, m, AXIS_VALUES(m, r, phases), OUTPUT_GRAD }, n,  \
        dy, z)
    WITH_ONE_PHASE(f, CALL);
#undef CALL
}

void FV_KERNEL(winograd_output)(fv__scheme f, size_t n,
                                const fv__winograd_output *o)
{
#define CALL(m, r, phases)                                                     \
    output_all(                                                                \
        (axis){ m, r, phases, AXIS_VALUES(m, r, phases), m * phases, OUTPUT }, \
        n, o)
    WITH_SCHEME(f, CALL);
#undef CALL
}

void FV_KERNEL(winograd_filter_grad)(fv__scheme f, size_t n,
                                     const fv__transformed_tile *du, void *dg,
                                     size_t dg_tap, bool accumulate)
{
#define CALL(m, r, phases)                                                     \
    filter_grad_all((axis){ m, r, phases, AXIS_VALUES(m, r, phases),           \
                            AXIS_TAPS(r, phases), FILTER_GRAD },               \
                    n, du, dg, dg_tap, accumulate)
    WITH_SCHEME(f, CALL);
#undef CALL
}
