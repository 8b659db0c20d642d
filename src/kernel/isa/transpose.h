/* Transposition in registers. */
#ifndef FV_KERNEL_ISA_TRANSPOSE_H
#define FV_KERNEL_ISA_TRANSPOSE_H

#include "kernel/isa/isa.h"

#define LANES_2(f, d) f(0, d), f(1, d)
#define LANES_4(f, d) LANES_2(f, d), f(2, d), f(3, d)
#define LANES_8(f, d) LANES_4(f, d), f(4, d), f(5, d), f(6, d), f(7, d)
#define LANES_16(f, d)                                                         \
    LANES_8(f, d), f(8, d), f(9, d), f(10, d), f(11, d), f(12, d), f(13, d),   \
        f(14, d), f(15, d)
#if VEC_BYTES / REAL_BYTES == 16
#define LANES LANES_16
#elif VEC_BYTES / REAL_BYTES == 8
#define LANES LANES_8
#elif VEC_BYTES / REAL_BYTES == 4
#define LANES LANES_4
#else
#define LANES LANES_2
#endif

/* One step for rows i and i + d: the new row i has the lanes of both whose
 * number lacks bit d, the new row i + d those whose number has it. LACKS and
 * HAS select them from the two rows. */
#define LACKS(lane, d) ((lane) & (d) ? VEC + (lane) - (d) : (lane))
#define HAS(lane, d) ((lane) & (d) ? VEC + (lane) : (lane) + (d))
#define EXCHANGE(rows, d)                                                      \
    if ((d) < (rows)) {                                                        \
        UNROLLED                                                               \
        for (size_t i = 0; i < (rows); i++) {                                  \
            if (i & (d)) continue;                                             \
            const vec a = row[i], b = row[i + (d)];                            \
            row[i] = __builtin_shufflevector(a, b, LANES(LACKS, (d) % VEC));   \
            row[i + (d)] =                                                     \
                __builtin_shufflevector(a, b, LANES(HAS, (d) % VEC));          \
        }                                                                      \
    }

/* Transposes `rows` rows, a power of two, of VEC elements: each square of
 * `rows` x `rows` elements in its place. */
INLINE void transpose_tile(const size_t rows, vec *row)
{
    EXCHANGE(rows, 1)
    EXCHANGE(rows, 2)
    EXCHANGE(rows, 4)
    EXCHANGE(rows, 8)
}

#endif
