/* Depthwise convolution: tiles of rows by columns of outputs, for one vector of
 * channels after another, over the image or over a padded copy. */
#include "kernel/isa/window.h"

/* All tuned by measurement. The sums of a tile, the inputs of a row and one
 * weight are in registers. */
enum {
    ROWS = 2,      /* of outputs, of a tile, at most */
    COLUMNS = 4,   /* of outputs, of a tile */
    TAPS = 7,      /* along an axis, at most, that there are tiles for */
    CHANNELS = 512 /* that a tile is computed for before the next one; they
                      have the same input pointers */
};
/* The most rows and columns of inputs of a tile, for strides up to 2. */
enum { IN_ROWS = 2 * (ROWS - 1) + TAPS, IN_COLUMNS = 2 * (COLUMNS - 1) + TAPS };

/* What is read for padding. */
static const real zeros[CHANNELS];

/* What tiles are made for; these are constants where they are inlined. */
typedef struct kind {
    int64_t rows;     /* of outputs */
    int64_t tap_rows; /* 0: any number up to TAPS, and any row stride up to 2 */
    int64_t taps;     /* of a row; 0: any number, any stride */
    int64_t stride;   /* along a row and, if tap_rows is not 0, a column */
    bool inner;   /* all columns exist, and none of their inputs is padding */
    bool partial; /* fewer channels than a vector has lanes */
} kind;

typedef struct tile {
    /* Inner tiles: the first input of each row, and the distance of the others
     * in elements, which is 0 for a row of padding. */
    const real *row[IN_ROWS];
    ptrdiff_t step[IN_ROWS];
    const real *input[IN_ROWS][IN_COLUMNS]; /* other tiles: each input */
    const fv__depthwise *d;
    const real *x; /* input (0, 0) of the image */
    const real *weight, *bias, *residual;
    real *y;           /* first output */
    int64_t top, left; /* first row and column of inputs */
    int64_t columns;   /* outputs of a row that exist, at most COLUMNS */
    size_t channels;
    bool nontemporal; /* outputs are stored without being cached */
} tile;

INLINE vec load(const kind k, const real *x, size_t n)
{
    return k.partial ? vec_load_part(x, n) : vec_load(x);
}

INLINE void load_row(const kind k, vec *in, const tile *t, int64_t i, size_t c)
{
    const real *x = t->row[i] + c;
    const ptrdiff_t step = t->step[i];

    UNROLLED
    for (int64_t j = 0; j < (COLUMNS - 1) * k.stride + k.taps; j++)
        in[j] = k.inner ? vec_load(x + j * step)
                        : load(k, t->input[i][j] + c, t->channels);
}

/* Adds one row of taps to one row of outputs. */
INLINE void add_row(const kind k, vec *sum, const vec *in, const real *weight,
                    ptrdiff_t step)
{
    UNROLLED
    for (int64_t s = 0; s < k.taps; s++) {
        const vec w = vec_load(weight + s * step);

        UNROLLED
        for (int64_t q = 0; q < COLUMNS; q++)
            sum[q] = vec_fma(in[q * k.stride + s], w, sum[q]);
    }
}

INLINE void add_taps(const kind k, vec sum[ROWS][COLUMNS], const tile *t,
                     size_t c)
{
    const fv__window *r = &t->d->axis[0];
    const int64_t taps = k.tap_rows ? k.tap_rows : r->taps;
    const int64_t stride = k.tap_rows ? k.stride : r->stride;
    const ptrdiff_t down = r->weight_stride,
                    across = t->d->axis[1].weight_stride;

    UNROLLED
    for (int64_t i = 0; i < (k.rows - 1) * stride + taps; i++) {
        vec in[IN_COLUMNS];

        load_row(k, in, t, i, c);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++) {
            const int64_t tap = i - p * stride;

            if (tap >= 0 && tap < taps)
                add_row(k, sum[p], in, t->weight + tap * down + c, across);
        }
    }
}

/* Ends a block of cut chains: adds its sums to the totals, the first to what is
 * in memory if `add` says so, and sets the sums to zero. */
INLINE void end_block(const kind k, vec *sum, vec *total, const tile *t,
                      size_t c, const bool first)
{
    UNROLLED
    for (int64_t q = 0; q < COLUMNS; q++) {
        vec before = vec_all(0);

        if (!first)
            before = total[q];
        else if (t->d->add && q < t->columns)
            before = load(k, t->residual + c + q * t->d->axis[1].y_stride,
                          t->channels);
        total[q] = first && !t->d->add ? sum[q] : before + sum[q];
        sum[q] = vec_all(0);
    }
}

static bool is_cut(const fv__depthwise *d)
{
    return fv__chain_is_cut((fv__chain){ d->axis[0].taps, d->axis[1].taps, 1 });
}

/* The same for any taps and strides, one row of outputs: whether an input is
 * padding is decided for each one when it is read. */
INLINE void add_any_taps(const kind k, vec sum[ROWS][COLUMNS], const tile *t,
                         size_t c)
{
    const fv__window *r = &t->d->axis[0], *s = &t->d->axis[1];
    const fv__chain chain = { r->taps, s->taps, 1 };
    int64_t end = fv__chain_block(chain, 0);
    bool first = true;
    vec total[COLUMNS];

    for (int64_t i = 0; i < r->taps; i++) {
        const bool in_image = inside(r, t->top + i);
        const real *x = t->x + (t->top + i) * r->x_stride + c;

        for (int64_t j = 0; j < s->taps; j++) {
            const int64_t tap = i * s->taps + j;
            const vec w = vec_load(t->weight + i * r->weight_stride
                                   + j * s->weight_stride + c);

            if (tap == end) {
                end_block(k, sum[0], total, t, c, first);
                first = false;
                end += fv__chain_block(chain, tap);
            }
            UNROLLED
            for (int64_t q = 0; q < COLUMNS; q++) {
                const int64_t at = t->left + q * s->stride + j;

                sum[0][q] =
                    vec_fma(in_image && inside(s, at)
                                ? load(k, x + at * s->x_stride, t->channels)
                                : vec_all(0),
                            w, sum[0][q]);
            }
        }
    }
    for (int64_t q = 0; !first && q < COLUMNS; q++)
        sum[0][q] = total[q] + sum[0][q];
}

INLINE void epilogue(const kind k, vec sum[ROWS][COLUMNS], const tile *t,
                     size_t c)
{
    const fv__epilogue *e = &t->d->epilogue;
    const ptrdiff_t down = t->d->axis[0].y_stride,
                    across = t->d->axis[1].y_stride;

    if (t->bias) {
        const vec bias = load(k, t->bias + c, t->channels);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++) sum[p][q] = sum[p][q] + bias;
    }
    if (t->residual && !(!k.taps && t->d->add && is_cut(t->d))) {
        const real *x = t->residual + c;
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++)
                if (k.inner || q < t->columns)
                    sum[p][q] =
                        sum[p][q]
                        + load(k, x + p * down + q * across, t->channels);
    }
    if (e->clamp) {
        const vec low = vec_all((real)e->low), high = vec_all((real)e->high);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++)
                sum[p][q] = vec_clamp(sum[p][q], low, high);
    }
}

INLINE void store(const kind k, const bool nontemporal, vec sum[ROWS][COLUMNS],
                  const tile *t, size_t c)
{
    const ptrdiff_t down = t->d->axis[0].y_stride,
                    across = t->d->axis[1].y_stride;

    UNROLLED
    for (int64_t p = 0; p < k.rows; p++) {
        real *y = t->y + p * down + c;

        UNROLLED
        for (int64_t q = 0; q < COLUMNS; q++, y += across) {
            if (!k.inner && q >= t->columns) break;
            if (k.partial)
                vec_store_part(y, t->channels, sum[p][q]);
            else if (nontemporal)
                vec_store_past(y, sum[p][q]);
            else
                vec_store(y, sum[p][q]);
        }
    }
}

INLINE void run_tile(const kind k, const tile *t)
{
    for (size_t c = 0; c < t->channels; c += VEC) {
        vec sum[ROWS][COLUMNS];

        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++) sum[p][q] = vec_all(0);
        if (k.taps)
            add_taps(k, sum, t, c);
        else
            add_any_taps(k, sum, t, c);
        epilogue(k, sum, t, c);
        if (t->nontemporal)
            store(k, true, sum, t, c);
        else
            store(k, false, sum, t, c);
    }
}

/* ---- padded copies: kernels with many taps ------------------------------ */

/* Tuned by measurement: the sums of a tile, the inputs that RUN taps share and
 * a weight are in registers. */
#if REGISTERS > 16
enum {
    WIDE = 2 * COLUMNS, /* columns of outputs of a tile */
    RUN = 4             /* taps of a row that are added at once */
};
#else
enum { WIDE = COLUMNS, RUN = 2 };
#endif
/* Elements of a cache line, which is a pixel of the copy. */
enum { LINE = 64 / sizeof(real) };
_Static_assert(FV__DEPTHWISE_COLUMNS % WIDE == 0, "whole tiles");

/* In parts of COLUMNS columns, for which there is an epilogue. */
typedef vec wide_sums[WIDE / COLUMNS][ROWS][COLUMNS];

/* Adds one row of inputs for `taps` taps: with `first` times the weights
 * `upper` to the sums of the first row of outputs, with `second` times `lower`
 * to those of the second. */
INLINE void add_run(const int64_t taps, const bool first, const bool second,
                    wide_sums sum, const real *x, const real *upper,
                    const real *lower)
{
    vec in[WIDE + RUN - 1];

    UNROLLED
    for (int64_t j = 0; j < WIDE + taps - 1; j++)
        in[j] = vec_load(x + j * LINE);
    UNROLLED
    for (int64_t s = 0; s < taps; s++) {
        const vec u = first ? vec_load(upper + s * LINE) : vec_all(0);
        const vec l = second ? vec_load(lower + s * LINE) : vec_all(0);

        UNROLLED
        for (int64_t q = 0; q < WIDE; q++) {
            vec *upper_sum = &sum[q / COLUMNS][0][q % COLUMNS];
            vec *lower_sum = &sum[q / COLUMNS][1][q % COLUMNS];

            if (first) *upper_sum = vec_fma(in[q + s], u, *upper_sum);
            if (second) *lower_sum = vec_fma(in[q + s], l, *lower_sum);
        }
    }
}

INLINE void add_runs(const bool first, const bool second, wide_sums sum,
                     const real *x, const real *upper, const real *lower,
                     int64_t taps)
{
    for (; taps >= RUN; taps -= RUN) {
        add_run(RUN, first, second, sum, x, upper, lower);
        x += RUN * LINE;
        if (first) upper += RUN * LINE;
        if (second) lower += RUN * LINE;
    }
    for (; taps > 0; taps--) {
        add_run(1, first, second, sum, x, upper, lower);
        x += LINE;
        if (first) upper += LINE;
        if (second) lower += LINE;
    }
}

/* Adds the rows of inputs that lie in the image, each to the rows of outputs
 * that read it, without the columns of taps that lie in the padding for all
 * outputs of the group. */
INLINE void add_wide(const kind k, wide_sums sum, const tile *t, size_t c)
{
    const fv__window *r = &t->d->axis[0], *s = &t->d->axis[1];
    const int64_t group = t->left / FV__DEPTHWISE_COLUMNS;
    const int64_t left = group * FV__DEPTHWISE_COLUMNS;
    const int64_t before = s->low - left - FV__DEPTHWISE_COLUMNS + 1;
    const int64_t low = before > 0 ? before : 0;
    const int64_t end = fv__min(s->taps, s->high - left);
    const int64_t top = fv__max(t->top, r->low);
    const int64_t bottom =
        fv__min(t->top + (k.rows - 1) * r->stride + r->taps, r->high);

    for (int64_t i = top; i < bottom; i++) {
        const int64_t tap = i - t->top, other = tap - r->stride;
        const bool first = tap < r->taps;
        const bool second = k.rows == 2 && other >= 0 && other < r->taps;
        const real *x = t->x + i * r->x_stride + (t->left + low) * LINE + c;
        const real *weight = t->weight + low * LINE + c;
        const real *upper = weight, *lower = weight;

        if (first) upper += tap * r->weight_stride;
        if (second) lower += other * r->weight_stride;
        if (first && second)
            add_runs(true, true, sum, x, upper, lower, end - low);
        else if (first)
            add_runs(true, false, sum, x, upper, lower, end - low);
        else if (second)
            add_runs(false, true, sum, x, upper, lower, end - low);
    }
}

/* The outputs of a tile from (row, column) on, all channels. */
INLINE void run_wide(const kind k, tile *t, int64_t row, int64_t column)
{
    const fv__depthwise *d = t->d;
    const ptrdiff_t at =
        row * d->axis[0].y_stride + column * d->axis[1].y_stride;
    const real *residual = d->epilogue.residual;

    t->top = row * d->axis[0].stride;
    t->left = column;
    for (size_t c = 0; c < d->channels; c += VEC) {
        wide_sums sum;

        UNROLLED
        for (int64_t q = 0; q < WIDE; q++)
            for (int64_t p = 0; p < ROWS; p++)
                sum[q / COLUMNS][p][q % COLUMNS] = vec_all(0);
        add_wide(k, sum, t, c);
        t->channels = d->channels - c;
        UNROLLED
        for (int64_t h = 0; h < WIDE / COLUMNS; h++) {
            const ptrdiff_t half = at + h * COLUMNS * d->axis[1].y_stride;

            t->columns = d->axis[1].outputs - column - h * COLUMNS;
            t->y = (real *)d->y + half;
            t->residual = residual ? residual + half : NULL;
            if (t->channels < VEC) {
                const kind partial = { .rows = k.rows, .partial = true };

                epilogue(partial, sum[h], t, c);
                store(partial, false, sum[h], t, c);
            } else {
                epilogue(k, sum[h], t, c);
                store(k, t->nontemporal, sum[h], t, c);
            }
        }
    }
}

static void run_padded(const fv__depthwise *d)
{
    const fv__window *r = &d->axis[0], *s = &d->axis[1];
    tile t = { .d = d,
               .x = d->x,
               .weight = d->weight,
               .bias = d->epilogue.bias,
               .nontemporal =
                   d->epilogue.nontemporal
                   && whole_lines(d->y, (size_t)(r->y_stride | s->y_stride)) };

    for (int64_t row = 0; row < r->outputs; row += ROWS)
        for (int64_t column = 0; column < s->outputs; column += WIDE)
            if (row + 1 < r->outputs)
                run_wide((kind){ .rows = 2 }, &t, row, column);
            else
                run_wide((kind){ .rows = 1 }, &t, row, column);
}

/* ---- kinds of tiles ----------------------------------------------------- */

typedef void tile_function(const tile *t);

/* The functions for some taps and strides: run[several rows][inner], and
 * `partial` for one row of the channels that fill no vector. */
typedef struct tiles {
    int64_t tap_rows, taps, stride;
    int64_t rows; /* of outputs */
    tile_function *run[ROWS][2], *partial;
} tiles;

#define NAMED(name, tap_rows, taps, stride)                                    \
    name##_##tap_rows##_##taps##_##stride
#define TILE(name, tap_rows, taps, stride, ...)                                \
    static void NAMED(name, tap_rows, taps, stride)(const tile *t)             \
    {                                                                          \
        run_tile((kind){ __VA_ARGS__ }, t);                                    \
    }
/* Of kinds of one row, and of two rows; the last row of these may be alone. */
#define TILES_1(tap_rows, taps, f)                                             \
    TILE(one, tap_rows, taps, f, 1, tap_rows, taps, f, false, false)           \
    TILE(one_inner, tap_rows, taps, f, 1, tap_rows, taps, f, true, false)      \
    TILE(partial, tap_rows, taps, f, 1, tap_rows, taps, f, false, true)
#define TILES_2(tap_rows, taps, f)                                             \
    TILES_1(tap_rows, taps, f)                                                 \
    TILE(two, tap_rows, taps, f, 2, tap_rows, taps, f, false, false)           \
    TILE(two_inner, tap_rows, taps, f, 2, tap_rows, taps, f, true, false)
#define RUN_1(tap_rows, taps, f)                                               \
    {                                                                          \
        NAMED(one, tap_rows, taps, f), NAMED(one_inner, tap_rows, taps, f)     \
    }
#define RUN_2(tap_rows, taps, f)                                               \
    RUN_1(tap_rows, taps, f),                                                  \
    {                                                                          \
        NAMED(two, tap_rows, taps, f), NAMED(two_inner, tap_rows, taps, f)     \
    }
#define FOR_ROWS(name, n) name##_##n
#define TILES(n, ...) FOR_ROWS(TILES, n)(__VA_ARGS__)
#define NAMES(n, tap_rows, taps, f)                                            \
    { tap_rows,                                                                \
      taps,                                                                    \
      f,                                                                       \
      n,                                                                       \
      { FOR_ROWS(RUN, n)(tap_rows, taps, f) },                                 \
      NAMED(partial, tap_rows, taps, f) },

/* In 16 registers, tiles of two rows only fit for up to three taps of a row and
 * stride 1. Kinds are: rows of outputs, rows of taps, taps of a row, stride. */
#if REGISTERS > 16
#define PAIR 2
#else
#define PAIR 1
#endif
#define EACH_KIND(X)                                                           \
    X(2, 3, 3, 1)                                                              \
    X(PAIR, 3, 3, 2)                                                           \
    X(2, 0, 1, 1)                                                              \
    X(2, 0, 2, 1)                                                              \
    X(2, 0, 3, 1)                                                              \
    X(PAIR, 0, 4, 1)                                                           \
    X(PAIR, 0, 4, 2)                                                           \
    X(PAIR, 0, 5, 1)                                                           \
    X(PAIR, 0, 5, 2)                                                           \
    X(1, 0, 6, 1)                                                              \
    X(1, 0, 7, 1)                                                              \
    X(1, 0, 7, 2)
EACH_KIND(TILES)
TILE(any, 0, 0, 0, 1, 0, 0, 0, false, false)
TILE(any_partial, 0, 0, 0, 1, 0, 0, 0, false, true)

static const tiles *kind_of(const fv__depthwise *d)
{
    static const tiles kinds[] = { EACH_KIND(NAMES) };
    static const tiles any = { .rows = 1,
                               .run = { { any_0_0_0, any_0_0_0 } },
                               .partial = any_partial_0_0_0 };
    const fv__window *r = &d->axis[0], *s = &d->axis[1];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const tiles *k = &kinds[i];

        if (k->taps != s->taps || k->stride != s->stride) continue;
        if (k->tap_rows ? k->tap_rows == r->taps && k->stride == r->stride
                        : r->taps <= TAPS && r->stride <= 2)
            return k;
    }
    return &any;
}

/* ---- all outputs -------------------------------------------------------- */

/* Points a tile at its inputs, weights and outputs, from output (row, column)
 * and channel c on. */
static void set_tile(const tiles *k, tile *t, int64_t rows, int64_t row,
                     int64_t column, size_t c, bool inner)
{
    const fv__window *r = &t->d->axis[0], *s = &t->d->axis[1];
    const int64_t top = row * r->stride, left = column * s->stride;
    const int64_t in_rows = (rows - 1) * r->stride + r->taps;
    const int64_t in_columns = (COLUMNS - 1) * s->stride + s->taps;
    const real *x = (const real *)t->d->x + c;

    for (int64_t i = 0; k->taps && i < in_rows; i++) {
        const bool in_image = inside(r, top + i);

        t->row[i] =
            in_image ? x + (top + i) * r->x_stride + left * s->x_stride : zeros;
        t->step[i] = in_image ? s->x_stride : 0;
        for (int64_t j = 0; j < in_columns && !inner; j++)
            t->input[i][j] = in_image && inside(s, left + j)
                                 ? t->row[i] + j * s->x_stride
                                 : zeros;
    }
    t->x = x;
    t->top = top;
    t->left = left;
    t->y = (real *)t->d->y + row * r->y_stride + column * s->y_stride
           + (ptrdiff_t)c;
    t->weight = (const real *)t->d->weight + c;
    t->bias =
        t->d->epilogue.bias ? (const real *)t->d->epilogue.bias + c : NULL;
    if (t->d->epilogue.residual)
        t->residual = (const real *)t->d->epilogue.residual
                      + (t->y - (const real *)t->d->y);
}

/* `rows` rows of outputs from `row` on, n channels from c on. */
static void run_row(const tiles *k, tile *t, int64_t rows, int64_t row,
                    size_t c, size_t n)
{
    const fv__window *s = &t->d->axis[1];

    t->channels = n;
    for (int64_t column = 0; column < s->outputs; column += COLUMNS) {
        const int64_t left = column * s->stride;
        const int64_t right = left + (COLUMNS - 1) * s->stride + s->taps;

        t->columns = fv__min(COLUMNS, s->outputs - column);
        const bool inner =
            t->columns == COLUMNS && left >= s->low && right <= s->high;

        set_tile(k, t, rows, row, column, c, inner && n >= VEC);
        if (n < VEC)
            k->partial(t);
        else
            k->run[rows > 1][inner](t);
    }
}

void FV_KERNEL(depthwise)(const fv__depthwise *d)
{
    if (d->padded) {
        run_padded(d);
        return;
    }
    const tiles *k = kind_of(d);
    const fv__window *r = &d->axis[0], *s = &d->axis[1];
    tile t = { .d = d,
               .nontemporal =
                   d->epilogue.nontemporal
                   && whole_lines(d->y, (size_t)(r->y_stride | s->y_stride)) };

    for (int64_t row = 0, rows; row < d->axis[0].outputs; row += rows) {
        size_t c = 0;

        rows = d->axis[0].outputs - row < k->rows ? 1 : k->rows;
        if (d->uncached) read_inputs(d->axis, d->x, d->channels, row, rows);
        for (size_t n = 0; c + VEC <= d->channels; c += n) {
            n = d->channels - c < CHANNELS ? (d->channels - c) / VEC * VEC
                                           : CHANNELS;
            run_row(k, &t, rows, row, c, n);
        }
        if (c == d->channels) continue;
        for (int64_t i = 0; i < rows; i++)
            run_row(k, &t, 1, row + i, c, d->channels - c);
    }
}
