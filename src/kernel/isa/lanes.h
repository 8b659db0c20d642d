/* Sums across a row: 16 lanes of double folded in one fixed tree, so that the
 * vector width of the machine does not show in the result. */
#ifndef FV_KERNEL_ISA_LANES_H
#define FV_KERNEL_ISA_LANES_H

#include "kernel/isa/isa.h"

/* Lane l gathers the elements i with i % FV__LANES == l. When a row comes in
 * several pieces, all but the last are a multiple of FV__LANES long. */
#define LANES_LOOP(update)                                                     \
    size_t whole = n - n % FV__LANES;                                          \
    for (size_t i = 0; i < whole; i += FV__LANES)                              \
        for (size_t l = 0; l < FV__LANES; l++) {                               \
            const size_t at = i + l;                                           \
            update;                                                            \
        }                                                                      \
    for (size_t l = 0; l < n - whole; l++) {                                   \
        const size_t at = whole + l;                                           \
        update;                                                                \
    }

INLINE void lanes_sum(double *lane, size_t n,
                      const real *x){ LANES_LOOP(lane[l] += (double)x[at]) }

INLINE void lanes_dot(double *lane, size_t n, const real *x, const real *y){
    LANES_LOOP(lane[l] = __builtin_fma((double)x[at], (double)y[at], lane[l]))
}

INLINE double lanes_fold(double *lane)
{
    for (size_t half = FV__LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* the largest, ignoring NaN; -inf of none */
INLINE real lanes_max(size_t n, const real *x)
{
    real lane[FV__LANES];
    for (size_t l = 0; l < FV__LANES; l++) lane[l] = -REAL_INFINITY;
    LANES_LOOP(lane[l] = x[at] > lane[l] ? x[at] : lane[l])
    real most = lane[0];
    for (size_t l = 1; l < FV__LANES; l++)
        most = lane[l] > most ? lane[l] : most;
    return most;
}

#endif
