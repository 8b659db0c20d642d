/* Random numbers of transforms: a function of seed, epoch, picture and line. */
#include "augment/augment.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* Pictures of a data set are fewer than 2^48; above that index the blocks of
 * one picture are counted. */
enum { INDEX_BITS = 48 };

fv__draws fv__draws_of(uint64_t seed, uint64_t epoch, uint64_t index,
                       int32_t line)
{
    return (fv__draws){ .seed = seed,
                        .stream = FV__STREAM_AUGMENT + ((uint64_t)line << 8)
                                  + (epoch << 16),
                        .index = index };
}

uint32_t fv__draw_word(fv__draws *draws)
{
    if (!draws->left) {
        fv__philox(draws->seed, draws->stream,
                   draws->index + (draws->block++ << INDEX_BITS), draws->words);
        draws->left = 4;
    }
    return draws->words[--draws->left];
}

double fv__draw_unit(fv__draws *draws)
{
    const uint64_t high = fv__draw_word(draws) >> 5;
    const uint64_t low = fv__draw_word(draws) >> 6;
    return (double)((high << 26) + low) / (double)((uint64_t)1 << 53);
}

double fv__draw_between(fv__draws *draws, double low, double high)
{
    return low + (high - low) * fv__draw_unit(draws);
}

int64_t fv__draw_below(fv__draws *draws, int64_t count)
{
    const double at = floor(fv__draw_unit(draws) * (double)count);
    return fv__min((int64_t)at, count - 1);
}

bool fv__draw_chance(fv__draws *draws, double probability)
{
    return fv__draw_unit(draws) < probability;
}

/* Box and Muller 1958. */
double fv__draw_normal(fv__draws *draws)
{
    const double radius = sqrt(-2 * log(1 - fv__draw_unit(draws)));
    return radius * cos(2 * PI * fv__draw_unit(draws));
}

/* The logarithm of a number of Gamma(alpha, 1): Marsaglia and Tsang 2000; one
 * of Gamma(alpha + 1) times u^(1 / alpha) where alpha is below 1. */
static double draw_log_gamma(fv__draws *draws, double alpha)
{
    if (alpha < 1) {
        const double u = 1 - fv__draw_unit(draws);
        return log(u) / alpha + draw_log_gamma(draws, alpha + 1);
    }
    const double d = alpha - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = fv__draw_normal(draws), t = 1 + c * x;
        const double u = 1 - fv__draw_unit(draws);
        if (t <= 0) continue;
        const double v = t * t * t;
        if (log(u) < x * x / 2 + d * (1 - v + log(v))) return log(d * v);
    }
}

double fv__draw_beta(fv__draws *draws, double alpha)
{
    const double a = draw_log_gamma(draws, alpha);
    const double b = draw_log_gamma(draws, alpha);
    return 1 / (1 + exp(b - a));
}
