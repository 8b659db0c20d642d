/* Kernels over the columns of a matrix [m][c]: sums, moments, normalisation
 * with its gradient, and the sums that gradients of normalised rows need. */
#include "kernel/isa/isa.h"

/* Runs `work` for each row `i` and column `j`, `begin` before and `end` after
 * it, and `fetch` before each four rows from `row` on. Four rows at a time load
 * and store the sums of a column once; each sum still adds its rows in order.
 */
#define EACH_ROW(m, c, fetch, begin, work, end)                                \
    {                                                                          \
        size_t row = 0;                                                        \
        for (; row + 4 <= (m); row += 4) {                                     \
            fetch;                                                             \
            INDEPENDENT                                                        \
            for (size_t j = 0; j < (c); j++) {                                 \
                begin;                                                         \
                UNROLLED                                                       \
                for (size_t i = row; i < row + 4; i++) {                       \
                    work;                                                      \
                }                                                              \
                end;                                                           \
            }                                                                  \
        }                                                                      \
        for (size_t i = row; i < (m); i++) {                                   \
            INDEPENDENT                                                        \
            for (size_t j = 0; j < (c); j++) {                                 \
                begin;                                                         \
                work;                                                          \
                end;                                                           \
            }                                                                  \
        }                                                                      \
    }

enum { PAGE = 4096 };

/* Prefetches n columns of the four rows behind those at x, if rows are shorter
 * than a page: hardware prefetchers do not follow several rows of one page. */
INLINE void prefetch_rows(size_t n, size_t step, const real *x)
{
    if (step * sizeof *x >= PAGE) return;
    for (size_t i = 4; i < 8; i++)
        for (size_t j = 0; j < n; j += 64 / sizeof *x)
            __builtin_prefetch(x + i * step + j);
}

/* Prefetch distance in elements. With blocks of columns the accesses jump from
 * row to row, which hardware prefetchers do not follow. Tuned by measurement.
 */
enum { AHEAD = 2048 };

INLINE void add_vector(const size_t rows, size_t c, const real *x, real *sum,
                       const bool part, size_t n)
{
    vec s = part ? vec_load_part(sum, n) : vec_load(sum);
    UNROLLED
    for (size_t i = 0; i < rows; i++, x += c) {
        __builtin_prefetch(x + AHEAD, 0, 2);
        s = s + (part ? vec_load_part(x, n) : vec_load(x));
    }
    if (part)
        vec_store_part(sum, n, s);
    else
        vec_store(sum, s);
}

/* Adds `rows` rows of n columns, `step` elements apart, to `sum`. */
INLINE void add_rows(const size_t rows, size_t n, size_t step, const real *x,
                     real *sum)
{
    size_t j = 0;
    for (; j + VEC <= n; j += VEC)
        add_vector(rows, step, x + j, sum + j, false, VEC);
    if (j < n) add_vector(rows, step, x + j, sum + j, true, n - j);
}

/* Adds m rows of at most three vectors of columns to `sum`, with the sums in
 * registers. */
INLINE void add_few_vectors(size_t m, const size_t vectors, size_t c,
                            const real *x, real *sum)
{
    const size_t last = (vectors - 1) * VEC, rest = c - last;
    vec s[3];
    UNROLLED
    for (size_t v = 0; v < vectors; v++) s[v] = vec_all(0);
    for (size_t i = 0; i < m; i++, x += c) {
        UNROLLED
        for (size_t v = 0; v + 1 < vectors; v++)
            s[v] = s[v] + vec_load(x + v * VEC);
        s[vectors - 1] = s[vectors - 1] + vec_load_part(x + last, rest);
    }
    UNROLLED
    for (size_t v = 0; v + 1 < vectors; v++)
        vec_store(sum + v * VEC, vec_load(sum + v * VEC) + s[v]);
    vec_store_part(sum + last, rest,
                   vec_load_part(sum + last, rest) + s[vectors - 1]);
}

/* Columns that are summed at a time, so that their sums stay in the L1 cache.
 */
enum { CHAINS = 2048 };

static void add_columns(size_t m, size_t c, const real *x, real *sum)
{
    real chain[CHAINS];
    for (size_t at = 0; at < c; at += CHAINS, x += CHAINS, sum += CHAINS) {
        const size_t n = c - at < CHAINS ? c - at : CHAINS;
        size_t i = 0;
        for (size_t j = 0; j < n; j++) chain[j] = 0;
        for (; i + 4 <= m; i += 4) add_rows(4, n, c, x + i * c, chain);
        for (; i < m; i++) add_rows(1, n, c, x + i * c, chain);
        add_rows(1, n, c, chain, sum);
    }
}

void FV_KERNEL(column_sum)(size_t m, size_t c, const void *x_, void *sum)
{
    const fv__chain chain = { 1, 1, (int64_t)m };
    const real *x = x_;
    for (size_t at = 0, n; at < m; at += n, x += n * c) {
        n = (size_t)fv__chain_block(chain, (int64_t)at);
        if (c <= VEC)
            add_few_vectors(n, 1, c, x, sum);
        else if (c <= 2 * VEC)
            add_few_vectors(n, 2, c, x, sum);
        else if (c <= 3 * VEC)
            add_few_vectors(n, 3, c, x, sum);
        else
            add_columns(n, c, x, sum);
    }
}

/* ---- moments ------------------------------------------------------------ */

/* Rows of a chain, and columns that are summed at a time. */
enum { CHAIN = 32, COLUMN_BLOCK = 512 };

static void clear(size_t n, real *x)
{
    for (size_t j = 0; j < n; j++) x[j] = 0;
}

static void add(size_t n, const real *x, real *sum)
{
    INDEPENDENT
    for (size_t j = 0; j < n; j++) sum[j] += x[j];
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The sums of n columns of m rows, `step` elements apart, in chains of CHAIN
 * rows. */
static void block_sums(size_t m, size_t n, size_t step, const real *x,
                       real *sum)
{
    real chain[COLUMN_BLOCK];
    clear(n, sum);
    for (; m > 0; x += CHAIN * step) {
        const size_t rows = least(m, CHAIN);
        clear(n, chain);
        EACH_ROW(rows, n, prefetch_rows(n, step, x + row * step),
                 real s = chain[j], s += x[i * step + j], chain[j] = s)
        add(n, chain, sum);
        m -= rows;
    }
}

/* The sums of squared differences from the mean, in the same chains. */
static void block_squares(size_t m, size_t n, size_t step, const real *x,
                          const real *mean, real *square)
{
    real chain[COLUMN_BLOCK];
    clear(n, square);
    for (; m > 0; x += CHAIN * step) {
        const size_t rows = least(m, CHAIN);
        clear(n, chain);
        EACH_ROW(rows, n, (void)0, real s = chain[j],
                 const real d = x[i * step + j] - mean[j];
                 s = FMA(d, d, s), chain[j] = s)
        add(n, chain, square);
        m -= rows;
    }
}

void FV_KERNEL(column_moments)(size_t m, size_t c, const void *x_, void *sum_,
                               void *square_)
{
    real mean[COLUMN_BLOCK];
    for (size_t at = 0; at < c; at += COLUMN_BLOCK) {
        const size_t n = least(c - at, COLUMN_BLOCK);
        const real *x = (const real *)x_ + at;
        real *sum = (real *)sum_ + at;
        block_sums(m, n, c, x, sum);
        for (size_t j = 0; j < n; j++) mean[j] = sum[j] / (real)m;
        block_squares(m, n, c, x, mean, (real *)square_ + at);
    }
}

/* Columns whose totals are computed at a time. */
enum { TOTALS = 64 };

INLINE void total(size_t blocks, size_t n, size_t step, const real *sums,
                  double *totals)
{
    const fv__chain chain = { 1, 1, (int64_t)blocks };
    for (size_t j = 0; j < n; j++) totals[j] = 0;
    for (size_t at = 0, count; at < blocks; at += count) {
        double some[TOTALS] = { 0 };
        count = (size_t)fv__chain_block(chain, (int64_t)at);
        for (size_t b = 0; b < count; b++, sums += step)
            for (size_t j = 0; j < n; j++) some[j] += (double)sums[j];
        for (size_t j = 0; j < n; j++) totals[j] += some[j];
    }
}

void FV_KERNEL(column_total)(size_t blocks, size_t c, const void *sums_,
                             void *total_)
{
    double totals[TOTALS];
    for (size_t at = 0; at < c; at += TOTALS) {
        const size_t n = least(c - at, TOTALS);
        real *to = (real *)total_ + at;
        total(blocks, n, c, (const real *)sums_ + at, totals);
        for (size_t j = 0; j < n; j++) to[j] = (real)totals[j];
    }
}

void FV_KERNEL(column_merge)(size_t m, size_t each, size_t c, const void *sums_,
                             const void *squares_, void *mean_, void *square_)
{
    double mean[TOTALS], square[TOTALS];
    for (size_t at = 0; at < c; at += TOTALS) {
        const size_t n = least(c - at, TOTALS);
        const real *sums = (const real *)sums_ + at;
        const real *squares = (const real *)squares_ + at;
        const size_t blocks = (m + each - 1) / each;
        const fv__chain chain = { 1, 1, (int64_t)blocks };
        total(blocks, n, c, sums, mean);
        for (size_t j = 0; j < n; j++) {
            mean[j] /= (double)m;
            square[j] = 0;
            ((real *)mean_)[at + j] = (real)mean[j];
        }
        for (size_t b = 0, end; b < blocks; b = end) {
            double some[TOTALS] = { 0 };
            end = b + (size_t)fv__chain_block(chain, (int64_t)b);
            for (; b < end; b++, sums += c, squares += c) {
                const double rows = (double)least(m - b * each, each);
                for (size_t j = 0; j < n; j++) {
                    const double off = (double)sums[j] / rows - mean[j];
                    some[j] +=
                        __builtin_fma(rows * off, off, (double)squares[j]);
                }
            }
            for (size_t j = 0; j < n; j++) square[j] += some[j];
        }
        for (size_t j = 0; j < n; j++)
            ((real *)square_)[at + j] = (real)square[j];
    }
}

/* ---- normalisation ------------------------------------------------------ */

/* Columns that are normalised at a time, if there are more than twice as many:
 * then mean, a, b, x and y of a row take up a first-level cache. */
enum { NARROW = 256 };

/* Normalises n columns of m rows, c apart, whose lines are whole, past the
 * caches. */
static void normalise_past(size_t m, size_t n, size_t c,
                           const fv__normal *normal, size_t at, const real *x,
                           real *y)
{
    const real *mean = (const real *)normal->mean + at;
    const real *a = (const real *)normal->a + at;
    const real *b = (const real *)normal->b + at;
    const vec low = vec_all((real)normal->low);
    const vec high = vec_all((real)normal->high);
    for (size_t i = 0; i < m; i++, x += c, y += c)
        for (size_t j = 0; j < n; j += VEC) {
            if (n < c) __builtin_prefetch(x + j + 4 * c);
            const vec off = vec_load(x + j) - vec_load(mean + j);
            const vec v = vec_fma(vec_load(a + j), off, vec_load(b + j));
            vec_store_past(y + j, vec_clamp(v, low, high));
        }
}

void FV_KERNEL(column_normalise)(size_t m, size_t c, const fv__normal *normal,
                                 const void *x_, void *y_)
{
    const real *x = x_, *mean = normal->mean, *a = normal->a, *b = normal->b;
    const real low = (real)normal->low, high = (real)normal->high;
    real *y = y_;
    if (normal->nontemporal && whole_lines(y, c)) {
        const size_t width = c > 2 * NARROW ? NARROW : c;
        for (size_t at = 0; at < c; at += width)
            normalise_past(m, least(c - at, width), c, normal, at, x + at,
                           y + at);
        settle_stores();
        return;
    }
    for (size_t i = 0; i < m; i++, x += c, y += c) {
        INDEPENDENT
        for (size_t j = 0; j < c; j++) {
            const real v = FMA(a[j], x[j] - mean[j], b[j]);
            y[j] = v < low ? low : v > high ? high : v;
        }
    }
}

/* The normalisation of the columns from `at` on. */
typedef struct columns {
    const real *mean, *a, *b;
    real low, limit; /* limits of the clamp */
} columns;

INLINE columns columns_at(const fv__normal *normal, size_t at)
{
    return (columns){ (const real *)normal->mean + at,
                      (const real *)normal->a + at,
                      (const real *)normal->b + at, (real)normal->low,
                      clamp_limit((real)normal->high) };
}

/* Whether there is a clamp. Without one every gradient passes, also that of a
 * NaN. */
static bool clamps(const fv__normal *normal)
{
    return normal->low > -(double)REAL_INFINITY
           || normal->high < (double)REAL_INFINITY;
}

/* The part of the gradient g that passes the clamp; `off` is x - mean. */
INLINE real pass_through(const columns *n, size_t j, real off, real g,
                         const bool clamp)
{
    const real y = FMA(n->a[j], off, n->b[j]);
    return clamp && (y <= n->low || y >= n->limit) ? 0 : g;
}

INLINE void block_slopes(const columns *normal, size_t m, size_t n, size_t step,
                         const real *dy, const real *x, const bool clamp,
                         real *sum, real *dot)
{
    const columns here = *normal;
    real chain[COLUMN_BLOCK], product[COLUMN_BLOCK];
    clear(n, sum);
    clear(n, dot);
    for (; m > 0; x += CHAIN * step, dy += CHAIN * step) {
        const size_t rows = least(m, CHAIN);
        clear(n, chain);
        clear(n, product);
        EACH_ROW(rows, n, prefetch_rows(n, step, x + row * step);
                 prefetch_rows(n, step, dy + row * step), real s = chain[j];
                 real p = product[j],
                 const real off = x[i * step + j] - here.mean[j];
                 const real g =
                     pass_through(&here, j, off, dy[i * step + j], clamp);
                 s += g; p = FMA(off, g, p), chain[j] = s; product[j] = p)
        add(n, chain, sum);
        add(n, product, dot);
        m -= rows;
    }
}

void FV_KERNEL(column_slopes)(size_t m, size_t c, const fv__normal *normal,
                              const void *dy_, const void *x_, void *sum_,
                              void *dot_)
{
    for (size_t at = 0; at < c; at += COLUMN_BLOCK) {
        const columns here = columns_at(normal, at);
        const size_t n = least(c - at, COLUMN_BLOCK);
        const real *dy = (const real *)dy_ + at, *x = (const real *)x_ + at;
        real *sum = (real *)sum_ + at, *dot = (real *)dot_ + at;
        if (clamps(normal))
            block_slopes(&here, m, n, c, dy, x, true, sum, dot);
        else
            block_slopes(&here, m, n, c, dy, x, false, sum, dot);
    }
}

INLINE void block_row_slopes(size_t m, size_t n, size_t step,
                             const real *statistics, const real *dy,
                             const real *x, real *dot, real *sum)
{
    real chain[COLUMN_BLOCK], product[COLUMN_BLOCK];
    clear(n, sum);
    clear(n, dot);
    for (; m > 0; x += CHAIN * step, dy += CHAIN * step) {
        const size_t rows = least(m, CHAIN);
        clear(n, chain);
        clear(n, product);
        EACH_ROW(rows, n, prefetch_rows(n, step, x + row * step);
                 prefetch_rows(n, step, dy + row * step), real s = chain[j];
                 real p = product[j],
                 const real off = (x[i * step + j] - statistics[2 * i])
                                  * statistics[2 * i + 1];
                 const real g = dy[i * step + j]; s += g;
                 p = FMA(off, g, p), chain[j] = s; product[j] = p)
        add(n, chain, sum);
        add(n, product, dot);
        statistics += 2 * rows;
        m -= rows;
    }
}

void FV_KERNEL(row_slopes)(size_t m, size_t n, size_t step,
                           const void *statistics, const void *dy,
                           const void *x, void *dot, void *sum)
{
    for (size_t at = 0; at < n; at += COLUMN_BLOCK)
        block_row_slopes(m, least(n - at, COLUMN_BLOCK), step, statistics,
                         (const real *)dy + at, (const real *)x + at,
                         (real *)dot + at, (real *)sum + at);
}

/* The gradient of one row: stored, or added if `added`. `centred`: it depends
 * on x - mean, as in training. */
INLINE void row_grad(const columns *n, size_t c, const real *slope,
                     const real *offset, const real *dy, const real *x,
                     real *dx, const bool clamp, const bool centred,
                     const bool added)
{
    const columns here = *n;
    INDEPENDENT
    for (size_t j = 0; j < c; j++) {
        const real off = clamp || centred ? x[j] - here.mean[j] : 0;
        const real g = pass_through(&here, j, off, dy[j], clamp);
        const real v = centred
                           ? FMA(here.a[j], g, FMA(slope[j], off, offset[j]))
                           : here.a[j] * g;
        dx[j] = added ? dx[j] + v : v;
    }
}

void FV_KERNEL(column_normalise_grad)(size_t m, size_t c,
                                      const fv__normal *normal,
                                      const void *slope, const void *offset,
                                      const void *dy_, const void *x_,
                                      void *dx_, fv__accumulation accumulation)
{
    const columns n = columns_at(normal, 0);
    const real *dy = dy_, *x = x_, *s = slope, *o = offset;
    real *dx = dx_;
    const bool added = accumulation != FV__STORE;
    const int way = added + 2 * clamps(normal);
    for (size_t i = 0; i < m; i++, dy += c, x += c, dx += c) {
        if (!s && way < 2)
            row_grad(&n, c, s, o, dy, x, dx, false, false, added);
        else if (!s)
            row_grad(&n, c, s, o, dy, x, dx, true, false, added);
        else if (way == 0)
            row_grad(&n, c, s, o, dy, x, dx, false, true, false);
        else if (way == 1)
            row_grad(&n, c, s, o, dy, x, dx, false, true, true);
        else if (way == 2)
            row_grad(&n, c, s, o, dy, x, dx, true, true, false);
        else
            row_grad(&n, c, s, o, dy, x, dx, true, true, true);
    }
}
