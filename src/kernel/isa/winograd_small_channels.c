/* Winograd's convolution of few channels: the sums at the points of some tiles
 * and their transform, all in registers. */
#include "kernel/isa/winograd.h"

/* Sums that are kept in registers: points of a column, tiles, and vectors of
 * filters. Tiles that meet a column of points while its weights are near;
 * points of an axis, and numbers of a tile transformed along one, at most. */
#if MR > 6
enum { POINTS = 6, TILES = 4, VECS = 1 };
#else
enum { POINTS = 3, TILES = 2, VECS = 2 };
#endif
enum { NEAR = 16 / VECS, SIDE = 6, HALVED = 24 };

typedef vec sums[POINTS][TILES][VECS];

/* A vector of filters or two, the last cut short where `part`. */
typedef struct filters {
    size_t vectors, c, n;
    bool part;
} filters;

INLINE vec load_vector(const filters w, const real *x, size_t v)
{
    return load(x + v * VEC, w.part && v + 1 == w.vectors, w.n);
}

/* So many points of a column, chains from step `from` to `end`. Every third
 * point has a pointer, so that distances stay in registers too. */
INLINE void sum_points(sums sum, const size_t points, const filters w,
                       const fv__winograd_small_channels *f, const size_t side,
                       size_t from, size_t end, const real *x, const real *u)
{
    const size_t pointers = (points + 2) / 3, x_channel = f->x_channel;
    const size_t x_row = side * f->x_step, u_row = side * f->u_step;
    const real *xs[2], *us[2];
    for (size_t p = 0; p < pointers; p++) {
        xs[p] = x + from * x_channel + 3 * p * x_row;
        us[p] = u + from * NR + 3 * p * u_row;
    }
    for (size_t l = from; l < end; l++) {
        UNROLLED
        for (size_t p = 0; p < pointers; p++) {
            IN_REGISTER(xs[p]);
            IN_REGISTER(us[p]);
        }
        UNROLLED
        for (size_t i = 0; i < points; i++) {
            const real *at = xs[i / 3] + i % 3 * x_row;
            vec weight[VECS];
            UNROLLED
            for (size_t v = 0; v < w.vectors; v++) {
                weight[v] = load_vector(w, us[i / 3] + i % 3 * u_row, v);
                LOADED(weight[v]);
            }
            UNROLLED
            for (size_t q = 0; q < TILES; q++) {
                const vec number = vec_all(at[q]);
                UNROLLED
                for (size_t v = 0; v < w.vectors; v++)
                    sum[i][q][v] = vec_fma(number, weight[v], sum[i][q][v]);
            }
        }
        UNROLLED
        for (size_t p = 0; p < pointers; p++) {
            xs[p] += x_channel;
            us[p] += NR;
        }
    }
}

/* Points first .. first + points of column j, of which the last of an axis has
 * fewer phases; lines[tile][vector][point]. */
INLINE void make_points(const size_t first, const size_t points,
                        const filters w, const int s,
                        const fv__winograd_small_channels *f, const size_t side,
                        size_t j, const real *x, const real *u,
                        vec lines[TILES][VECS][SIDE])
{
    const size_t phases = (size_t)s, far = (size_t)FAR(s);
    const size_t across = f->channels * (j + 1 == side ? far : phases);
    const size_t small_channels = first + points < side ? points : points - 1;
    sums sum;
    UNROLLED
    for (size_t i = 0; i < points; i++)
        for (size_t q = 0; q < TILES; q++)
            for (size_t v = 0; v < w.vectors; v++) sum[i][q][v] = vec_all(0);
    x += first * side * f->x_step, u += first * side * f->u_step;
    sum_points(sum, points, w, f, side, 0, far * across, x, u);
    if (phases > far)
        sum_points(sum, small_channels, w, f, side, far * across,
                   phases * across, x, u);
    UNROLLED
    for (size_t i = 0; i < points; i++)
        for (size_t q = 0; q < TILES; q++)
            for (size_t v = 0; v < w.vectors; v++)
                lines[q][v][first + i] = sum[i][q][v];
}

/* Column j of the points of some tiles, transformed along the first axis. */
INLINE void few_column(const axis a, const filters w, const int s,
                       const fv__winograd_small_channels *f, const real *x,
                       const real *u, size_t j, vec t[TILES][VECS][HALVED])
{
    const size_t side = a.from;
    vec lines[TILES][VECS][SIDE];
    UNROLLED
    for (size_t i = 0; i < side; i += POINTS)
        make_points(i, side - i < POINTS ? side - i : POINTS, w, s, f, side, j,
                    x, u, lines);
    UNROLLED
    for (size_t q = 0; q < TILES; q++)
        for (size_t v = 0; v < w.vectors; v++)
            along(a, lines[q][v], t[q][v] + j, side);
}

/* Tiles tile .. tile + count. */
INLINE void few_tiles(const axis a, const filters w, const int s,
                      const fv__winograd_small_channels *f, size_t tile,
                      size_t count)
{
    const size_t pixel = a.to * f->tile.out_pixel;
    const real *x = (const real *)f->x + tile;
    const real *u = (const real *)f->u + w.c / NR * f->u_panel + w.c % NR;
    vec t[NEAR][VECS][HALVED];
    for (size_t j = 0; j < a.from; j++, x += f->x_step, u += f->u_step)
        for (size_t i = 0; i < count; i += TILES)
            few_column(a, w, s, f, x + i, u, j, t + i);
    for (size_t v = 0; v < w.vectors; v++) {
        const bool part = w.part && v + 1 == w.vectors;
        const size_t c = w.c + v * VEC;
        const meeting all = meeting_of(&f->tile, c, part, w.n);
        for (size_t q = 0; q < count; q++) {
            fv__winograd_tile o = f->tile;
            meeting end = all;
            o.out = (real *)o.out + (tile + q) * pixel;
            o.end[1] -= (tile + q) * a.to;
            if (end.residual) end.other += (tile + q) * pixel;
            UNROLLED
            for (size_t i = 0; i < a.to; i++)
                put_row(a, t[q][v] + i * a.from, &end, &o, i, c, part, w.n);
        }
    }
}

INLINE void few_row(const axis a, const filters w, const int s,
                    const fv__winograd_small_channels *f)
{
    for (size_t tile = 0; tile < f->tiles; tile += NEAR) {
        const size_t left = f->tiles - tile;
        few_tiles(a, w, s, f, tile, left < NEAR ? left : NEAR);
    }
}

INLINE void few_all(const axis a, const int s, size_t n,
                    const fv__winograd_small_channels *f)
{
    enum { WIDTH = VECS * VEC };
    size_t c = 0;
    for (; c + WIDTH <= n; c += WIDTH)
        few_row(a, (filters){ VECS, c, VEC, false }, s, f);
    if (VECS > 1 && n - c > VEC)
        few_row(a, (filters){ 2, c, n - c - VEC, true }, s, f);
    else if (c < n)
        few_row(a, (filters){ 1, c, n - c, true }, s, f);
}

/* few_4_3_1: F(4, 3) of one phase; functions of their own, so that the compiler
 * finds registers for each alone. */
#define NAME(m, r, s) few_##m##_##r##_##s
#define SCHEME(m, r, s)                                                        \
    static void NAME(m, r, s)(size_t n, const fv__winograd_small_channels *f)  \
    {                                                                          \
        few_all((axis){ m, r, 1, LINES_OF(m, r, 1), m, OUTPUT }, s, n, f);     \
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
                                        const fv__winograd_small_channels *w)
{
#define ALL(m, r, s) NAME(m, r, s)(n, w)
    SCHEMES(f, ALL);
#undef ALL
}
