/* Winograd's convolution of few channels: the products of some tiles and their
 * output transform, without a buffer for M. Lanes run over filters. */
#include "kernel/isa/winograd.h"

/* Sums in registers: POINTS points of a column of points, of TILES tiles, of
 * VECS vectors of filters. */
#if MR > 6
enum { POINTS = 6, TILES = 4, VECS = 1 };
#else
enum { POINTS = 3, TILES = 2, VECS = 2 };
#endif
/* Tiles whose products with a column of points are computed while its weights
 * are in the first-level cache; and upper bounds over all schemes: points of an
 * axis, and values of a tile whose columns are transformed. */
enum { BLOCK_TILES = 16 / VECS, AXIS_POINTS = 6, COLUMNS_VALUES = 24 };

typedef vec sums[POINTS][TILES][VECS];

/* `vectors` vectors of filters from filter c on; the last has n filters and is
 * `partial` if these are fewer than its lanes. */
typedef struct filters {
    size_t vectors, c, n;
    bool partial;
} filters;

INLINE vec load_vector(const filters w, const real *u, size_t v)
{
    return load(u + v * VEC, w.partial && v + 1 == w.vectors, w.n);
}

/* Adds the products of depth [from, end) to the sums of `points` points of a
 * column. One pointer serves three points, so that the distances between them
 * stay in registers too. */
INLINE void multiply_points(sums sum, const size_t points, const filters w,
                            const fv__winograd_small_channels *f,
                            const size_t axis_points, size_t from, size_t end,
                            const real *v, const real *u)
{
    const size_t pointers = (points + 2) / 3, v_depth = f->v_depth;
    const size_t v_row = axis_points * f->v_point;
    const size_t u_row = axis_points * f->u_point;
    const real *vs[2], *us[2];
    for (size_t p = 0; p < pointers; p++) {
        vs[p] = v + from * v_depth + 3 * p * v_row;
        us[p] = u + from * NR + 3 * p * u_row;
    }
    for (size_t l = from; l < end; l++) {
        UNROLLED
        for (size_t p = 0; p < pointers; p++) {
            IN_REGISTER(vs[p]);
            IN_REGISTER(us[p]);
        }
        UNROLLED
        for (size_t i = 0; i < points; i++) {
            const real *values = vs[i / 3] + i % 3 * v_row;
            vec weight[VECS];
            UNROLLED
            for (size_t k = 0; k < w.vectors; k++) {
                weight[k] = load_vector(w, us[i / 3] + i % 3 * u_row, k);
                LOADED(weight[k]);
            }
            UNROLLED
            for (size_t q = 0; q < TILES; q++) {
                const vec value = vec_all(values[q]);
                UNROLLED
                for (size_t k = 0; k < w.vectors; k++)
                    sum[i][q][k] = vec_fma(value, weight[k], sum[i][q][k]);
            }
        }
        UNROLLED
        for (size_t p = 0; p < pointers; p++) {
            vs[p] += v_depth;
            us[p] += NR;
        }
    }
}

/* Points [first, first + points) of column j of M, as
 * values[tile][vector][point]. The point at infinity, the last of a column, has
 * fewer phases and so less depth than the others. */
INLINE void column_points(const size_t first, const size_t points,
                          const filters w, const int phases,
                          const fv__winograd_small_channels *f,
                          const size_t axis_points, size_t j, const real *v,
                          const real *u, vec values[TILES][VECS][AXIS_POINTS])
{
    const size_t row_phases = (size_t)phases;
    const size_t infinity_phases = (size_t)INFINITY_PHASES(phases);
    const size_t column_phases =
        j + 1 == axis_points ? infinity_phases : row_phases;
    const size_t depth = f->channels * column_phases; /* of a row phase */
    const size_t finite_points =
        first + points < axis_points ? points : points - 1;
    sums sum;
    UNROLLED
    for (size_t i = 0; i < points; i++)
        for (size_t q = 0; q < TILES; q++)
            for (size_t k = 0; k < w.vectors; k++) sum[i][q][k] = vec_all(0);
    v += first * axis_points * f->v_point;
    u += first * axis_points * f->u_point;
    multiply_points(sum, points, w, f, axis_points, 0, infinity_phases * depth,
                    v, u);
    if (row_phases > infinity_phases)
        multiply_points(sum, finite_points, w, f, axis_points,
                        infinity_phases * depth, row_phases * depth, v, u);
    UNROLLED
    for (size_t i = 0; i < points; i++)
        for (size_t q = 0; q < TILES; q++)
            for (size_t k = 0; k < w.vectors; k++)
                values[q][k][first + i] = sum[i][q][k];
}

/* Column j of M of TILES tiles, transformed along the first axis. */
INLINE void tile_column(const axis a, const filters w, const int phases,
                        const fv__winograd_small_channels *f, const real *v,
                        const real *u, size_t j,
                        vec t[TILES][VECS][COLUMNS_VALUES])
{
    const size_t axis_points = a.from;
    vec values[TILES][VECS][AXIS_POINTS];
    UNROLLED
    for (size_t i = 0; i < axis_points; i += POINTS)
        column_points(i, axis_points - i < POINTS ? axis_points - i : POINTS, w,
                      phases, f, axis_points, j, v, u, values);
    UNROLLED
    for (size_t q = 0; q < TILES; q++)
        for (size_t k = 0; k < w.vectors; k++)
            transform_axis(a, values[q][k], t[q][k] + j, axis_points);
}

/* Tiles [tile, tile + count). */
INLINE void tile_block(const axis a, const filters w, const int phases,
                       const fv__winograd_small_channels *f, size_t tile,
                       size_t count)
{
    const size_t tile_step = a.to * f->output.out_pixel;
    const real *v = (const real *)f->v + tile;
    const real *u = (const real *)f->u + w.c / NR * f->u_panel + w.c % NR;
    vec t[BLOCK_TILES][VECS][COLUMNS_VALUES];
    for (size_t j = 0; j < a.from; j++, v += f->v_point, u += f->u_point)
        for (size_t i = 0; i < count; i += TILES)
            tile_column(a, w, phases, f, v + i, u, j, t + i);
    for (size_t k = 0; k < w.vectors; k++) {
        const bool partial = w.partial && k + 1 == w.vectors;
        const size_t c = w.c + k * VEC;
        const vec_epilogue first = vec_epilogue_of(&f->output, c, partial, w.n);
        for (size_t q = 0; q < count; q++) {
            fv__winograd_output o = f->output;
            vec_epilogue e = first;
            o.out = (real *)o.out + (tile + q) * tile_step;
            o.end[1] -= (tile + q) * a.to;
            if (e.residual) e.residual_at += (tile + q) * tile_step;
            UNROLLED
            for (size_t i = 0; i < a.to; i++)
                store_output_row(a, t[q][k] + i * a.from, &e, &o, i, c, partial,
                                 w.n);
        }
    }
}

INLINE void tile_row(const axis a, const filters w, const int phases,
                     const fv__winograd_small_channels *f)
{
    for (size_t tile = 0; tile < f->tiles; tile += BLOCK_TILES) {
        const size_t left = f->tiles - tile;
        tile_block(a, w, phases, f, tile,
                   left < BLOCK_TILES ? left : BLOCK_TILES);
    }
}

INLINE void all_filters(const axis a, const int phases, size_t n,
                        const fv__winograd_small_channels *f)
{
    enum { WIDTH = VECS * VEC };
    size_t c = 0;
    for (; c + WIDTH <= n; c += WIDTH)
        tile_row(a, (filters){ VECS, c, VEC, false }, phases, f);
    if (VECS > 1 && n - c > VEC)
        tile_row(a, (filters){ 2, c, n - c - VEC, true }, phases, f);
    else if (c < n)
        tile_row(a, (filters){ 1, c, n - c, true }, phases, f);
}

/* One function for each scheme, small_channels_4_3_1 for F(4, 3) of one phase,
 * so that the compiler allocates registers for each alone. The output has one
 * phase. */
#define NAME(m, r, phases) small_channels_##m##_##r##_##phases
#define SCHEME(m, r, phases)                                                   \
    static void NAME(m, r, phases)(size_t n,                                   \
                                   const fv__winograd_small_channels *f)       \
    {                                                                          \
        all_filters((axis){ m, r, 1, AXIS_VALUES(m, r, 1), m, OUTPUT },        \
                    phases, n, f);                                             \
    }
SCHEME(2, 3, 1)
SCHEME(4, 3, 1)
SCHEME(2, 5, 1)
SCHEME(4, 2, 1)
SCHEME(3, 4, 1)
SCHEME(4, 2, 2)
SCHEME(3, 4, 2)
SCHEME(4, 3, 2)
SCHEME(4, 3, 4)

void FV_KERNEL(winograd_small_channels)(fv__scheme f, size_t n,
                                        const fv__winograd_small_channels *row)
{
#define CALL(m, r, phases) NAME(m, r, phases)(n, row)
    WITH_SCHEME(f, CALL);
#undef CALL
}
