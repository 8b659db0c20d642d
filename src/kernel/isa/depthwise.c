/* Depthwise convolution: tiles of rows by columns of outputs, a vector of
 * channels at a time. Kernels with long rows of taps go over a strip. */
#include "kernel/isa/window.h"

/* Columns of a tile; the most taps of an axis that has tiles of its own; the
 * inputs that meet them. The sums, the inputs of a row and one weight are in
 * registers. Padding is read from as many zeros as there are channels of a
 * tile. */
enum { ROWS = 2, COLUMNS = 4, TAPS = 7, CHANNELS = 512 };
enum { TALL = 2 * (ROWS - 1) + TAPS, WIDE = 2 * (COLUMNS - 1) + TAPS };

static const real zeros[CHANNELS];

/* What tiles are made for; these are constants where they are inlined. */
typedef struct kind {
    int64_t rows;         /* of outputs */
    int64_t down, across; /* taps; down 0: any number up to TAPS */
    int64_t stride;       /* along a row and, with `down`, a column */
    bool inner;           /* all columns are there, none is padding */
    bool part;            /* channels that fill no vector */
} kind;

/* Rows of inputs whose columns lie `step` apart, for inner tiles, or where each
 * input lies. */
typedef struct tile {
    const real *row[TALL];
    ptrdiff_t step[TALL];
    const real *at[TALL][WIDE];
    const fv__depthwise *d;
    const real *x, *weight, *bias, *residual; /* x: input 0 */
    real *y;
    int64_t top, left; /* the first input */
    int64_t columns;   /* that there are */
    size_t channels;
    bool nontemporal; /* stored past the caches */
} tile;

INLINE vec load(const kind k, const real *x, size_t n)
{
    return k.part ? vec_load_part(x, n) : vec_load(x);
}

INLINE void load_row(const kind k, vec *in, const tile *t, int64_t i, size_t c)
{
    const real *x = t->row[i] + c;
    const ptrdiff_t step = t->step[i];

    UNROLLED
    for (int64_t j = 0; j < (COLUMNS - 1) * k.stride + k.across; j++)
        in[j] = k.inner ? vec_load(x + j * step)
                        : load(k, t->at[i][j] + c, t->channels);
}

/* A row of taps. */
INLINE void add_row(const kind k, vec *sum, const vec *in, const real *weight,
                    ptrdiff_t step)
{
    UNROLLED
    for (int64_t s = 0; s < k.across; s++) {
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
    const int64_t taps = k.down ? k.down : r->taps;
    const int64_t stride = k.down ? k.stride : r->stride;
    const ptrdiff_t down = r->weight, across = t->d->axis[1].weight;

    UNROLLED
    for (int64_t i = 0; i < (k.rows - 1) * stride + taps; i++) {
        vec in[WIDE];

        load_row(k, in, t, i, c);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++) {
            const int64_t tap = i - p * stride;

            if (tap >= 0 && tap < taps)
                add_row(k, sum[p], in, t->weight + tap * down + c, across);
        }
    }
}

/* A block of the chains ends: its sums go to the totals. */
INLINE void end_block(const kind k, vec *sum, vec *total, const tile *t,
                      size_t c, const bool first)
{
    UNROLLED
    for (int64_t q = 0; q < COLUMNS; q++) {
        vec before = vec_all(0);

        if (!first)
            before = total[q];
        else if (t->d->add && q < t->columns)
            before =
                load(k, t->residual + c + q * t->d->axis[1].to, t->channels);
        total[q] = first && !t->d->add ? sum[q] : before + sum[q];
        sum[q] = vec_all(0);
    }
}

static bool is_cut(const fv__depthwise *d)
{
    return fv__chain_is_cut((fv__chain){ d->axis[0].taps, d->axis[1].taps, 1 });
}

/* The same at any distance: the inputs are looked for one by one. */
INLINE void add_any_taps(const kind k, vec sum[ROWS][COLUMNS], const tile *t,
                         size_t c)
{
    const fv__window *r = &t->d->axis[0], *s = &t->d->axis[1];
    const fv__chain chain = { r->taps, s->taps, 1 };
    int64_t end = fv__chain_block(chain, 0);
    bool first = true;
    vec total[COLUMNS];

    for (int64_t i = 0; i < r->taps; i++) {
        const bool there = inside(r, t->top + i);
        const real *x = t->x + (t->top + i) * r->from + c;

        for (int64_t j = 0; j < s->taps; j++) {
            const int64_t tap = i * s->taps + j;
            const vec w =
                vec_load(t->weight + i * r->weight + j * s->weight + c);

            if (tap == end) {
                end_block(k, sum[0], total, t, c, first);
                first = false;
                end += fv__chain_block(chain, tap);
            }
            UNROLLED
            for (int64_t q = 0; q < COLUMNS; q++) {
                const int64_t at = t->left + q * s->stride + j;

                sum[0][q] = vec_fma(there && inside(s, at)
                                        ? load(k, x + at * s->from, t->channels)
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
    const fv__epilogue *f = &t->d->epilogue;
    const ptrdiff_t down = t->d->axis[0].to, across = t->d->axis[1].to;

    if (t->bias) {
        const vec bias = load(k, t->bias + c, t->channels);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++) sum[p][q] = sum[p][q] + bias;
    }
    if (t->residual && !(!k.across && t->d->add && is_cut(t->d))) {
        const real *x = t->residual + c;
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++)
                if (k.inner || q < t->columns)
                    sum[p][q] =
                        sum[p][q]
                        + load(k, x + p * down + q * across, t->channels);
    }
    if (f->clamp) {
        const vec low = vec_all((real)f->low), high = vec_all((real)f->high);
        UNROLLED
        for (int64_t p = 0; p < k.rows; p++)
            for (int64_t q = 0; q < COLUMNS; q++)
                sum[p][q] = vec_clamp(sum[p][q], low, high);
    }
}

INLINE void store(const kind k, const bool nontemporal, vec sum[ROWS][COLUMNS],
                  const tile *t, size_t c)
{
    const ptrdiff_t down = t->d->axis[0].to, across = t->d->axis[1].to;

    UNROLLED
    for (int64_t p = 0; p < k.rows; p++) {
        real *y = t->y + p * down + c;

        UNROLLED
        for (int64_t q = 0; q < COLUMNS; q++, y += across) {
            if (!k.inner && q >= t->columns) break;
            if (k.part)
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
        if (k.across)
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

/* ---- strips: kernels with long rows of taps ----------------------------- */

/* Outputs of a row, and taps at once: their sums, the inputs that they share
 * and a weight are in registers. */
#if REGISTERS > 16
enum { LONG = 2 * COLUMNS, RUN = 4 };
#else
enum { LONG = COLUMNS, RUN = 2 };
#endif
enum { LINE = 64 / sizeof(real) };
_Static_assert(FV__DEPTHWISE_COLUMNS % LONG == 0, "whole tiles");

typedef vec long_sums[LONG / COLUMNS][ROWS][COLUMNS];

/* Some taps of a row of inputs, which are `upper` to the first row of outputs
 * and `lower` to the second. */
INLINE void add_run(const int64_t taps, const bool first, const bool second,
                    long_sums sum, const real *x, const real *upper,
                    const real *lower)
{
    vec in[LONG + RUN - 1];

    UNROLLED
    for (int64_t j = 0; j < LONG + taps - 1; j++)
        in[j] = vec_load(x + j * LINE);
    UNROLLED
    for (int64_t s = 0; s < taps; s++) {
        const vec u = first ? vec_load(upper + s * LINE) : vec_all(0);
        const vec l = second ? vec_load(lower + s * LINE) : vec_all(0);

        UNROLLED
        for (int64_t q = 0; q < LONG; q++) {
            vec *upper_sum = &sum[q / COLUMNS][0][q % COLUMNS];
            vec *lower_sum = &sum[q / COLUMNS][1][q % COLUMNS];

            if (first) *upper_sum = vec_fma(in[q + s], u, *upper_sum);
            if (second) *lower_sum = vec_fma(in[q + s], l, *lower_sum);
        }
    }
}

INLINE void add_runs(const bool first, const bool second, long_sums sum,
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

/* The rows of inputs that are there, each with what it is to both rows of
 * outputs. */
INLINE void add_long(const kind k, long_sums sum, const tile *t, size_t c)
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
        const real *x = t->x + i * r->from + (t->left + low) * LINE + c;
        const real *weight = t->weight + low * LINE + c;
        const real *upper = weight, *lower = weight;

        if (first) upper += tap * r->weight;
        if (second) lower += other * r->weight;
        if (first && second)
            add_runs(true, true, sum, x, upper, lower, end - low);
        else if (first)
            add_runs(true, false, sum, x, upper, lower, end - low);
        else if (second)
            add_runs(false, true, sum, x, upper, lower, end - low);
    }
}

INLINE void run_long(const kind k, tile *t, int64_t row, int64_t column)
{
    const fv__depthwise *d = t->d;
    const ptrdiff_t at = row * d->axis[0].to + column * d->axis[1].to;
    const real *residual = d->epilogue.residual;

    t->top = row * d->axis[0].stride;
    t->left = column;
    for (size_t c = 0; c < d->channels; c += VEC) {
        long_sums sum;

        UNROLLED
        for (int64_t q = 0; q < LONG; q++)
            for (int64_t p = 0; p < ROWS; p++)
                sum[q / COLUMNS][p][q % COLUMNS] = vec_all(0);
        add_long(k, sum, t, c);
        t->channels = d->channels - c;
        UNROLLED
        for (int64_t h = 0; h < LONG / COLUMNS; h++) {
            const ptrdiff_t half = at + h * COLUMNS * d->axis[1].to;

            t->columns = d->axis[1].outputs - column - h * COLUMNS;
            t->y = (real *)d->y + half;
            t->residual = residual ? residual + half : NULL;
            if (t->channels < VEC) {
                const kind part = { .rows = k.rows, .part = true };

                epilogue(part, sum[h], t, c);
                store(part, false, sum[h], t, c);
            } else {
                epilogue(k, sum[h], t, c);
                store(k, t->nontemporal, sum[h], t, c);
            }
        }
    }
}

static void run_strip(const fv__depthwise *d)
{
    const fv__window *r = &d->axis[0], *s = &d->axis[1];
    tile t = { .d = d,
               .x = d->x,
               .weight = d->weight,
               .bias = d->epilogue.bias,
               .nontemporal = d->epilogue.nontemporal
                              && whole_lines(d->y, (size_t)(r->to | s->to)) };

    for (int64_t row = 0; row < r->outputs; row += ROWS)
        for (int64_t column = 0; column < s->outputs; column += LONG)
            if (row + 1 < r->outputs)
                run_long((kind){ .rows = 2 }, &t, row, column);
            else
                run_long((kind){ .rows = 1 }, &t, row, column);
}

/* ---- kinds of tiles ----------------------------------------------------- */

typedef void some_tile(const tile *t);

/* One row of outputs or all; inner ones after the others. The last is for the
 * channels that fill no vector. */
typedef struct tiles {
    int64_t down, across, stride, rows;
    some_tile *run[ROWS][2], *part;
} tiles;

#define NAMED(name, down, across, stride) name##_##down##_##across##_##stride
#define TILE(name, down, across, stride, ...)                                  \
    static void NAMED(name, down, across, stride)(const tile *t)               \
    {                                                                          \
        run_tile((kind){ __VA_ARGS__ }, t);                                    \
    }
#define TILES(n, down, across, f)                                              \
    TILE(one, down, across, f, 1, down, across, f, false, false)               \
    TILE(one_inner, down, across, f, 1, down, across, f, true, false)          \
    TILE(all, down, across, f, n, down, across, f, false, false)               \
    TILE(all_inner, down, across, f, n, down, across, f, true, false)          \
    TILE(part, down, across, f, 1, down, across, f, false, true)
#define NAMES(n, down, across, f)                                              \
    { down,                                                                    \
      across,                                                                  \
      f,                                                                       \
      n,                                                                       \
      { { NAMED(one, down, across, f), NAMED(one_inner, down, across, f) },    \
        { NAMED(all, down, across, f), NAMED(all_inner, down, across, f) } },  \
      NAMED(part, down, across, f) },

/* Sixteen registers have no room for the inputs of pairs of rows but for three
 * taps side by side. */
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
TILE(any_part, 0, 0, 0, 1, 0, 0, 0, false, true)

static const tiles *kind_of(const fv__depthwise *d)
{
    static const tiles kinds[] = { EACH_KIND(NAMES) };
    static const tiles any = { .rows = 1,
                               .run = { { any_0_0_0, any_0_0_0 } },
                               .part = any_part_0_0_0 };
    const fv__window *r = &d->axis[0], *s = &d->axis[1];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const tiles *k = &kinds[i];

        if (k->across != s->taps || k->stride != s->stride) continue;
        if (k->down ? k->down == r->taps && k->stride == r->stride
                    : r->taps <= TAPS && r->stride <= 2)
            return k;
    }
    return &any;
}

/* ---- all outputs -------------------------------------------------------- */

/* Where the inputs of a tile lie, unless they are looked for. */
static void place(const tiles *k, tile *t, int64_t rows, int64_t row,
                  int64_t column, size_t c, bool inner)
{
    const fv__window *r = &t->d->axis[0], *s = &t->d->axis[1];
    const int64_t top = row * r->stride, left = column * s->stride;
    const int64_t tall = (rows - 1) * r->stride + r->taps;
    const int64_t wide = (COLUMNS - 1) * s->stride + s->taps;
    const real *x = (const real *)t->d->x + c;

    for (int64_t i = 0; k->across && i < tall; i++) {
        const bool there = inside(r, top + i);

        t->row[i] = there ? x + (top + i) * r->from + left * s->from : zeros;
        t->step[i] = there ? s->from : 0;
        for (int64_t j = 0; j < wide && !inner; j++)
            t->at[i][j] =
                there && inside(s, left + j) ? t->row[i] + j * s->from : zeros;
    }
    t->x = x;
    t->top = top;
    t->left = left;
    t->y = (real *)t->d->y + row * r->to + column * s->to + (ptrdiff_t)c;
    t->weight = (const real *)t->d->weight + c;
    t->bias =
        t->d->epilogue.bias ? (const real *)t->d->epilogue.bias + c : NULL;
    if (t->d->epilogue.residual)
        t->residual = (const real *)t->d->epilogue.residual
                      + (t->y - (const real *)t->d->y);
}

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

        place(k, t, rows, row, column, c, inner && n >= VEC);
        if (n < VEC)
            k->part(t);
        else
            k->run[rows > 1][inner](t);
    }
}

void FV_KERNEL(depthwise)(const fv__depthwise *d)
{
    if (d->padded) {
        run_strip(d);
        return;
    }
    const tiles *k = kind_of(d);
    const fv__window *r = &d->axis[0], *s = &d->axis[1];
    tile t = { .d = d,
               .nontemporal = d->epilogue.nontemporal
                              && whole_lines(d->y, (size_t)(r->to | s->to)) };

    for (int64_t row = 0, rows; row < d->axis[0].outputs; row += rows) {
        size_t c = 0;

        rows = d->axis[0].outputs - row < k->rows ? 1 : k->rows;
        if (d->uncached) fetch_inputs(d->axis, d->x, d->channels, row, rows);
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
