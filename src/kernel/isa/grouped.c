/* Grouped convolution of one vector of filters over replicated channels: tiles
 * of two rows by some columns of outputs. */
#include "kernel/isa/isa.h"

/* Outputs of a row of a tile, tuned by measurement: their sums and two weights
 * are in registers. */
#if REGISTERS > 16
enum { COLUMNS = 8 };
#else
enum { COLUMNS = 4 };
#endif
_Static_assert(FV__GROUPED_COLUMNS % (COLUMNS / 2) == 0, "whole tiles");

/* What a tile is made for; these are constants where they are inlined. */
typedef struct kind {
    size_t rows, columns; /* of outputs */
    bool cut;             /* chains are cut into blocks; then rows is 1 */
} kind;

typedef vec sums[2][COLUMNS];

/* The two rows of outputs of a tile are `row_distance` apart, so that row r of
 * taps of the second reads the inputs that row r + `shift` of the first reads.
 */
typedef struct tile {
    const fv__grouped *g;
    const real *x; /* first column of inputs, of row 0 in memory */
    const real *residual;
    real *y;          /* first output */
    int64_t top;      /* row of inputs that the first row of taps reads */
    ptrdiff_t x_step; /* elements of x from output to output of a row */
    int64_t shift, row_distance;
    size_t columns; /* outputs of a row that exist, at most those of the kind */
} tile;

/* Adds n terms of the chains, whose inputs and weights are neighbours in
 * memory, to the first row of outputs, the second or both; `upper` and `lower`
 * are their weights. Every fourth column has a pointer of its own, so that the
 * distances to the other three stay in registers. */
INLINE void add_run(const kind k, sums sum, const bool first, const bool second,
                    const real *x, ptrdiff_t step, const real *upper,
                    const real *lower, size_t n)
{
    const real *at[2] = { x, x + 4 * step };

    for (size_t i = 0; i < n * VEC; i += VEC) {
        const vec u = first ? vec_load(upper + i) : vec_all(0);
        const vec l = second ? vec_load(lower + i) : vec_all(0);

        IN_REGISTER(at[0]);
        if (k.columns > 4) {
            IN_REGISTER(at[1]);
        }
        UNROLLED
        for (size_t q = 0; q < k.columns; q++) {
            vec in = vec_load(at[q / 4] + (ptrdiff_t)(q % 4) * step);

            if (first && second) {
                LOADED(in);
            }
            if (first) sum[0][q] = vec_fma(in, u, sum[0][q]);
            if (second) sum[1][q] = vec_fma(in, l, sum[1][q]);
        }
        at[0] += VEC;
        at[1] += VEC;
    }
}

/* Adds the block of a cut chain that begins at term `at`: whole rows of taps,
 * whole taps, or some channels of one tap. */
INLINE void add_block(const kind k, sums sum, const tile *t, int64_t at,
                      int64_t length)
{
    const fv__grouped *g = t->g;
    const int64_t channels = (int64_t)g->channels;
    const int64_t row = g->taps[1] * channels;

    for (int64_t n; length > 0; at += n, length -= n) {
        const int64_t r = at / row, tap = at % row / channels;
        const int64_t x_row = (t->top + r * g->step[0]) % g->rows;
        const int64_t from = tap * g->step[1] * channels + at % channels;
        const real *weight = (const real *)g->weight + at * VEC;

        n = fv__min(length, channels - at % channels);
        add_run(k, sum, true, false, t->x + x_row * g->x_row + from * VEC,
                t->x_step, weight, weight, (size_t)n);
    }
}

/* Adds the inputs that rows of taps [from, to) of the first row of outputs
 * read, to that row, to the second or to both. */
INLINE void add_rows(const kind k, sums sum, const tile *t, const bool first,
                     const bool second, int64_t from, int64_t to)
{
    const fv__grouped *g = t->g;
    const bool merged = g->step[1] == 1;
    const size_t run = (merged ? (size_t)g->taps[1] : 1) * g->channels;
    const int64_t runs = merged ? 1 : g->taps[1];
    const size_t row = (size_t)g->taps[1] * g->channels * VEC;
    const size_t next = (size_t)g->step[1] * g->channels * VEC;

    for (int64_t r = from; r < to; r++) {
        const int64_t at = t->top + r * g->step[0];
        const real *x = t->x + at % g->rows * g->x_row;
        const real *upper = g->weight, *lower = g->weight;

        if (at < g->low || at >= g->high) continue;
        if (first) upper += (size_t)r * row;
        if (second) lower += (size_t)(r - t->shift) * row;
        for (int64_t s = 0; s < runs; s++) {
            add_run(k, sum, first, second, x, t->x_step, upper, lower, run);
            x += next;
            upper += run * VEC;
            lower += run * VEC;
        }
    }
}

INLINE vec load(const real *x, size_t n)
{
    return n < VEC ? vec_load_part(x, n) : vec_load(x);
}

static fv__chain chain_of(const fv__grouped *g)
{
    return (fv__chain){ g->taps[0], g->taps[1], (int64_t)g->channels };
}

/* One row of outputs whose chains are cut: block after block. */
INLINE void add_blocks(const kind k, sums sum, const tile *t)
{
    const fv__chain chain = chain_of(t->g);
    const int64_t terms = fv__chain_terms(chain);
    vec total[COLUMNS];

    for (int64_t at = 0, n; at < terms; at += n) {
        n = fv__chain_block(chain, at);
        UNROLLED
        for (size_t q = 0; q < k.columns; q++) sum[0][q] = vec_all(0);
        add_block(k, sum, t, at, n);
        for (size_t q = 0; q < t->columns; q++) {
            const ptrdiff_t out = (ptrdiff_t)q * t->g->y_stride[1];

            if (at)
                sum[0][q] = total[q] + sum[0][q];
            else if (t->g->add && t->residual)
                sum[0][q] = load(t->residual + out, t->g->filters) + sum[0][q];
            total[q] = sum[0][q];
        }
    }
}

INLINE void epilogue(const kind k, sums sum, const tile *t)
{
    const fv__epilogue *e = &t->g->epilogue;
    const size_t n = t->g->filters;
    const vec low = vec_all((real)e->low), high = vec_all((real)e->high);
    const vec bias = e->bias ? load(e->bias, n) : vec_all(0);

    UNROLLED
    for (size_t p = 0; p < k.rows; p++) {
        UNROLLED
        for (size_t q = 0; q < k.columns; q++) {
            const ptrdiff_t at =
                (ptrdiff_t)p * t->row_distance * t->g->y_stride[0]
                + (ptrdiff_t)q * t->g->y_stride[1];
            vec v = sum[p][q];

            if (q >= t->columns) continue;
            if (e->bias) v = v + bias;
            if (t->residual && !(k.cut && t->g->add))
                v = v + load(t->residual + at, n);
            if (e->clamp) v = vec_clamp(v, low, high);
            if (n < VEC)
                vec_store_part(t->y + at, n, v);
            else
                vec_store(t->y + at, v);
        }
    }
}

INLINE void run_tile(const kind k, const tile *t)
{
    const int64_t taps = t->g->taps[0];
    const int64_t shift = k.rows == 2 && t->shift < taps ? t->shift : taps;
    sums sum;

    if (k.cut) {
        add_blocks(k, sum, t);
        epilogue(k, sum, t);
        return;
    }
    UNROLLED
    for (size_t p = 0; p < k.rows; p++)
        for (size_t q = 0; q < k.columns; q++) sum[p][q] = vec_all(0);
    add_rows(k, sum, t, true, false, 0, shift);
    if (k.rows == 2) {
        add_rows(k, sum, t, true, true, shift, taps);
        add_rows(k, sum, t, false, true, taps < t->shift ? t->shift : taps,
                 taps + t->shift);
    }
    epilogue(k, sum, t);
}

typedef void tile_function(const tile *t);

#define TILE(name, rows, columns, cut)                                         \
    static void name(const tile *t)                                            \
    {                                                                          \
        run_tile((kind){ rows, columns, cut }, t);                             \
    }
TILE(one_narrow, 1, COLUMNS / 2, false)
TILE(one_wide, 1, COLUMNS, false)
TILE(two_narrow, 2, COLUMNS / 2, false)
TILE(two_wide, 2, COLUMNS, false)
TILE(cut_narrow, 1, COLUMNS / 2, true)
TILE(cut_wide, 1, COLUMNS, true)

/* Tiles of one row, of two, and of one row whose chains are cut. */
enum { ONE, TWO, CUT };

/* Row p of outputs, with TWO also the row `row_distance` below it. */
static void run_row(tile *t, int64_t p, int rows)
{
    static tile_function *const kinds[][2] = { { one_narrow, one_wide },
                                               { two_narrow, two_wide },
                                               { cut_narrow, cut_wide } };
    const fv__grouped *g = t->g;
    const ptrdiff_t y = p * g->y_stride[0];
    const size_t columns = (size_t)g->outputs[1];

    t->x = g->x;
    t->top = g->top + p * g->stride[0];
    t->y = (real *)g->y + y;
    t->residual =
        g->epilogue.residual ? (const real *)g->epilogue.residual + y : NULL;
    for (size_t q = 0; q < columns;) {
        const bool wide = columns - q > COLUMNS / 2;
        const size_t n = wide ? COLUMNS : COLUMNS / 2;

        t->columns = columns - q < n ? columns - q : n;
        kinds[rows][wide](t);
        t->x += (ptrdiff_t)n * t->x_step;
        t->y += (ptrdiff_t)n * g->y_stride[1];
        if (t->residual) t->residual += (ptrdiff_t)n * g->y_stride[1];
        q += n;
    }
}

void FV_KERNEL(grouped)(const fv__grouped *g)
{
    int64_t common = g->stride[0], rest = g->step[0];

    while (rest) {
        const int64_t next = common % rest;

        common = rest;
        rest = next;
    }
    tile t = { .g = g,
               .x_step = g->stride[1] * (ptrdiff_t)g->channels * VEC,
               .shift = g->stride[0] / common,
               .row_distance = g->step[0] / common };

    if (fv__chain_is_cut(chain_of(g))) {
        for (int64_t p = 0; p < g->outputs[0]; p++) run_row(&t, p, CUT);
        return;
    }
    for (int64_t first = 0; first < g->outputs[0]; first += 2 * t.row_distance)
        for (int64_t i = 0; i < t.row_distance; i++) {
            const int64_t p = first + i;

            if (p < g->outputs[0])
                run_row(&t, p, p + t.row_distance < g->outputs[0] ? TWO : ONE);
        }
}
