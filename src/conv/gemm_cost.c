/* The predicted time of matrix products, in multiply-adds of a vector of 16
 * elements. */
#include "conv/shared.h"

/* Sums that keep a core busy, and what a tile and a segment cost besides. */
enum { BUSY = 8, TILE = 24, SEGMENT = 6 };

/* One tile of `rows` x `columns`, at most two vectors, over chains of
 * `segments` of `k`: half vectors that lack lanes are done all the same, and
 * few sums wait for each other. */
static double tile(double rows, int64_t columns, double segments, double k)
{
    const double halves = (double)fv__divide_up(columns, FV__COST_LANES / 2);
    const double sums = rows * halves / 2;

    return (segments * k * (sums > BUSY ? sums : BUSY) + TILE
            + segments * SEGMENT)
           / 0.9;
}

/* `count` rows of tiles of that height. */
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
