/* Predicted times of matrix products, in vector FMAs of 16 elements. */
#include "conv/shared.h"

/* Tuned by measurement. */
enum {
    BUSY_SUMS = 8,   /* vectors of sums that hide the latency of an FMA: fewer
                        take as long as so many */
    TILE_COST = 24,  /* FMAs: what a tile costs besides its products */
    SEGMENT_COST = 6 /* FMAs: what a segment of a tile costs besides */
};
/* Vector FMAs in the time of one predicted FMA: tiles do not reach the peak.
 * Tuned by measurement. */
static const double efficiency = 0.9;

/* One tile of `rows` x `columns`, at most two vectors, whose chains are
 * `segments` of `k` terms. The last half vector of a row takes the time of a
 * whole one. */
static double tile(double rows, int64_t columns, double segments, double k)
{
    const double halves = (double)fv__divide_up(columns, FV__COST_LANES / 2);
    const double sums = rows * halves / 2;

    return (segments * k * (sums > BUSY_SUMS ? sums : BUSY_SUMS) + TILE_COST
            + segments * SEGMENT_COST)
           / efficiency;
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
