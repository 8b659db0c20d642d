/* Normalisation of rows, each on its own, and its gradient. */
#include "kernel/isa/lanes.h"

/* ---- two sums of a row, in double --------------------------------------- */

typedef struct two {
    double first, second;
} two;

/* Runs `work` for each block of n elements, `count` elements from `at` on,
 * which it accumulates in `lane` and `lane2`; afterwards `total` has the sums.
 */
#define EACH_BLOCK_OF_TWO(n, total, work)                                      \
    two total = { 0, 0 };                                                      \
    {                                                                          \
        tree blocks, blocks2;                                                  \
        blocks.levels = blocks2.levels = 0;                                    \
        blocks.blocks = blocks2.blocks = 0;                                    \
        for (size_t at = 0; at < (n); at += LANES_BLOCK) {                     \
            const size_t count =                                               \
                (n)-at < LANES_BLOCK ? (n)-at : (size_t)LANES_BLOCK;           \
            double lane[FV__LANES] = { 0 }, lane2[FV__LANES] = { 0 };          \
            work;                                                              \
            total.first = lanes_fold(lane);                                    \
            total.second = lanes_fold(lane2);                                  \
            if ((n) <= LANES_BLOCK) break;                                     \
            tree_add(&blocks, total.first);                                    \
            tree_add(&blocks2, total.second);                                  \
        }                                                                      \
        if ((n) > LANES_BLOCK) {                                               \
            total.first = tree_total(&blocks);                                 \
            total.second = tree_total(&blocks2);                               \
        }                                                                      \
    }

INLINE void lanes_moments(double *lane, double *lane2, size_t n, const real *x,
                          double shift)
{
    LANES_LOOP(const double off = (double)x[at] - shift; lane[l] += off;
               lane2[l] = __builtin_fma(off, off, lane2[l]))
}

/* The sums of x - shift and of its square. */
INLINE two row_moments(size_t n, const real *x, double shift)
{
    EACH_BLOCK_OF_TWO(n, total,
                      lanes_moments(lane, lane2, count, x + at, shift))
    return total;
}

INLINE void lanes_slopes(double *lane, double *lane2, size_t n, const real *dy,
                         const real *x, real mean)
{
    LANES_LOOP(const double g = (double)dy[at]; lane[l] += g;
               lane2[l] = __builtin_fma(g, (double)(x[at] - mean), lane2[l]))
}

INLINE void lanes_scaled_slopes(double *lane, double *lane2, size_t n,
                                const real *dy, const real *gamma,
                                const real *x, real mean)
{
    LANES_LOOP(const double g = (double)dy[at] * (double)gamma[at];
               lane[l] += g;
               lane2[l] = __builtin_fma(g, (double)(x[at] - mean), lane2[l]))
}

/* The sums of g, which is dy gamma, and of g (x - mean). */
INLINE two row_sums(size_t n, const real *dy, const real *gamma, const real *x,
                    real mean)
{
    if (!gamma) {
        EACH_BLOCK_OF_TWO(
            n, total, lanes_slopes(lane, lane2, count, dy + at, x + at, mean))
        return total;
    }
    EACH_BLOCK_OF_TWO(n, total,
                      lanes_scaled_slopes(lane, lane2, count, dy + at,
                                          gamma + at, x + at, mean))
    return total;
}

/* ---- forward ------------------------------------------------------------- */

/* What is subtracted from a row, and what the difference is multiplied by. */
typedef struct statistics {
    real mean, factor;
} statistics;

/* Moments are taken about the first element, whose distance from the mean is at
 * most sqrt(n) deviations, so that little cancels when they are moved to the
 * mean. */
INLINE statistics statistics_of(const fv__row_normal *normal, size_t n,
                                const real *x)
{
    const bool centred = normal->norm == FV__BY_MOMENTS;
    const double count = (double)n, shift = centred ? (double)x[0] : 0;
    const two sums = row_moments(n, x, shift);
    const double off = centred ? sums.first / count : 0;
    const double squares = sums.second - off * sums.first;
    double root;
    if (normal->norm != FV__BY_LENGTH)
        root = __builtin_sqrt((squares < 0 ? 0 : squares) / count
                              + normal->epsilon);
    else if ((root = __builtin_sqrt(squares)) < normal->epsilon)
        root = normal->epsilon;
    const statistics s = { (real)(shift + off), (real)(1 / root) };
    return s;
}

INLINE void scale_row(size_t n, statistics s, const real *gamma,
                      const real *beta, const real *x, real *y)
{
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        real v = (x[j] - s.mean) * s.factor;
        if (beta)
            v = FMA(v, gamma[j], beta[j]);
        else if (gamma)
            v *= gamma[j];
        y[j] = v;
    }
}

void FV_KERNEL(row_normalise)(size_t m, size_t n, const fv__row_normal *normal,
                              const void *x_, void *statistics_, void *y_)
{
    const real *x = x_, *gamma = normal->gamma, *beta = normal->beta;
    real *y = y_, *kept = statistics_;
    for (size_t i = 0; i < m; i++, x += n, y += n) {
        const statistics s = statistics_of(normal, n, x);
        if (kept) {
            kept[2 * i] = s.mean;
            kept[2 * i + 1] = s.factor;
        }
        if (beta)
            scale_row(n, s, gamma, beta, x, y);
        else if (gamma)
            scale_row(n, s, gamma, NULL, x, y);
        else
            scale_row(n, s, NULL, NULL, x, y);
    }
}

/* ---- gradient ------------------------------------------------------------ */

/* dx = factor g + slope (x - mean) + offset */
typedef struct slopes {
    real slope, offset;
} slopes;

INLINE slopes slopes_of(const fv__row_normal *normal, size_t n, statistics s,
                        const real *dy, const real *x)
{
    const double factor = (double)s.factor;
    const double count = normal->norm == FV__BY_LENGTH ? 1 : (double)n;
    /* A row shorter than epsilon is divided by a constant. */
    if (normal->norm == FV__BY_LENGTH
        && s.factor >= (real)(1 / normal->epsilon))
        return (slopes){ 0, 0 };
    const two sums = row_sums(n, dy, normal->gamma, x, s.mean);
    const double slope = -factor * factor * factor * sums.second / count;
    const double offset =
        normal->norm == FV__BY_MOMENTS ? -factor * sums.first / count : 0;
    return (slopes){ (real)slope, (real)offset };
}

INLINE void row_grad(size_t n, statistics s, slopes of, const real *gamma,
                     const real *dy, const real *x, real *dx, const bool added)
{
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real g = gamma ? dy[j] * gamma[j] : dy[j];
        const real rest = FMA(of.slope, x[j] - s.mean, of.offset);
        const real v = FMA(s.factor, g, rest);
        dx[j] = added ? dx[j] + v : v;
    }
}

void FV_KERNEL(row_normalise_grad)(size_t m, size_t n,
                                   const fv__row_normal *normal,
                                   const void *statistics_, const void *dy_,
                                   const void *x_, void *dx_,
                                   fv__accumulation accumulation)
{
    const real *kept = statistics_, *dy = dy_, *x = x_, *gamma = normal->gamma;
    real *dx = dx_;
    const bool added = accumulation != FV__STORE;
    for (size_t i = 0; i < m; i++, dy += n, x += n, dx += n) {
        const statistics s = { kept[2 * i], kept[2 * i + 1] };
        const slopes of = slopes_of(normal, n, s, dy, x);
        if (gamma && added)
            row_grad(n, s, of, gamma, dy, x, dx, true);
        else if (gamma)
            row_grad(n, s, of, gamma, dy, x, dx, false);
        else if (added)
            row_grad(n, s, of, NULL, dy, x, dx, true);
        else
            row_grad(n, s, of, NULL, dy, x, dx, false);
    }
}
