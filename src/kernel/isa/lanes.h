/* Sums across a row: 16 lanes of double are reduced in one fixed order, so that
 * the result does not depend on the vector width; the sums of blocks are added
 * pairwise. */
#ifndef FV_KERNEL_ISA_LANES_H
#define FV_KERNEL_ISA_LANES_H

#include "kernel/isa/isa.h"

/* Lane l accumulates the elements i with i % FV__LANES == l. If a row comes in
 * several parts, the length of all but the last is a multiple of FV__LANES. */
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

/* Elements of a block, and the most levels of the pairwise sum. */
enum { LANES_BLOCK = 4096, LANES_LEVELS = 64 };

/* Pairwise summation of block sums as they come, like a binary counter: two
 * partial sums of equally many blocks are added to one, so the error grows with
 * the logarithm of n. */
typedef struct tree {
    double level[LANES_LEVELS];
    int32_t levels;
    size_t blocks;
} tree;

INLINE void tree_add(tree *sums, double block)
{
    for (size_t carry = sums->blocks++; carry & 1; carry >>= 1)
        block = sums->level[--sums->levels] + block;
    sums->level[sums->levels++] = block;
}

INLINE double tree_total(const tree *sums)
{
    double total = 0;
    for (int32_t i = sums->levels; i-- > 0;) total = sums->level[i] + total;
    return total;
}

/* Runs `work` for each block of n elements, `count` elements from `at` on,
 * which it accumulates in `lane`; afterwards `total` is the sum. */
#define EACH_BLOCK(n, total, work)                                             \
    tree blocks;                                                               \
    blocks.levels = 0;                                                         \
    blocks.blocks = 0;                                                         \
    for (size_t at = 0; at < (n); at += LANES_BLOCK) {                         \
        const size_t count =                                                   \
            (n)-at < LANES_BLOCK ? (n)-at : (size_t)LANES_BLOCK;               \
        double lane[FV__LANES] = { 0 };                                        \
        work;                                                                  \
        tree_add(&blocks, lanes_fold(lane));                                   \
    }                                                                          \
    const double total = tree_total(&blocks);

INLINE double row_sum(size_t n, const real *x)
{
    EACH_BLOCK(n, total, lanes_sum(lane, count, x + at))
    return total;
}

INLINE double row_dot(size_t n, const real *x, const real *y)
{
    EACH_BLOCK(n, total, lanes_dot(lane, count, x + at, y + at))
    return total;
}

/* The largest number, NaN left out; -infinity if there is none. */
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
