/* Predicted times of matrix products, in vector FMAs of 16 elements. */
#include "conv/shared.h"

/* One tile of `rows` x `columns`, at most two vectors, whose chains are
 * `segments` of `k` terms. The last half vector of a row takes the time of a
 * whole one. */
static double tile(double rows, int64_t columns, double segments, double k)
{
    const double halves = (double)fv__divide_up(columns, FV__COST_LANES / 2);
    const double sums = rows * halves / 2, least = fv__costs.product_busy_sums;

    return (segments * k * (sums > least ? sums : least)
            + fv__costs.product_tile + segments * fv__costs.product_segment)
           / fv__costs.product_efficiency;
}

/* `count` times all columns, in tiles of `height` rows. */
static double tiles(double count, double height, int64_t columns,
                    double segments, double k)
{
    const int64_t whole = columns / (2 * FV__COST_LANES),
                  rest = columns % (2 * FV__COST_LANES);
    double all = (double)whole * tile(height, 2 * FV__COST_LANES, segments, k);

    if (rest) all += tile(height, rest, segments, k);
    return count * all;
}

double fv__gemm_cost_separate(double count, int64_t rows, int64_t columns,
                              double segments, double k)
{
    const double n = (double)fv__divide_up(rows, FV__COST_ROWS);

    return n > 0 ? tiles(count * n, (double)rows / n, columns, segments, k) : 0;
}

double fv__gemm_cost_joint(double count, int64_t rows, int64_t columns,
                           double segments, double k)
{
    const double height = (double)fv__min(rows, FV__COST_ROWS);

    return height > 0 ? tiles(count * (double)rows / height, height, columns,
                              segments, k)
                      : 0;
}
