/* The matrix product tile: MR rows of NR outputs kept in registers. */
#include "kernel/isa/isa.h"

enum { MOST_ROWS = 12 }; /* of any table */

/* A row that ends inside the tile goes through a full-width copy. */
static __attribute__((noinline)) void store_part(vec low, vec high, size_t n,
                                                 real *c, bool accumulate)
{
    real row[NR];
    vec_store(row, low);
    vec_store(row + VEC, high);
    for (size_t j = 0; j < n; j++) c[j] = accumulate ? c[j] + row[j] : row[j];
}

INLINE void store_row(vec low, vec high, size_t n, real *c, bool accumulate)
{
    if (n < NR) {
        store_part(low, high, n, c, accumulate);
        return;
    }
    if (accumulate) {
        low = vec_load(c) + low;
        high = vec_load(c + VEC) + high;
    }
    vec_store(c, low);
    vec_store(c + VEC, high);
}

/* `rows` and, for packed columns of a, a_row are constants where this is
 * inlined. The sums start at zero and meet c only at the end: loading c first
 * makes the compiler spill. */
INLINE void tile(const size_t rows, size_t n, size_t k, const real *a,
                 const size_t a_row, size_t a_step, const real *b, real *c,
                 size_t c_row, bool accumulate)
{
    vec sum[MOST_ROWS][2];
    UNROLLED
    for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vec_all(0);
    for (size_t l = 0; l < k; l++, a += a_step, b += NR) {
        const vec low = vec_load(b), high = vec_load(b + VEC);
        UNROLLED
        for (size_t i = 0; i < rows; i++) {
            const vec x = vec_all(a[i * a_row]);
            sum[i][0] = vec_fma(x, low, sum[i][0]);
            sum[i][1] = vec_fma(x, high, sum[i][1]);
        }
    }
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        store_row(sum[i][0], sum[i][1], n, c + i * c_row, accumulate);
}

#define ROWS(m)                                                                \
    case m:                                                                    \
        if (m > MR) break;                                                     \
        if (a_row == 1)                                                        \
            tile(m, n, k, a, 1, a_step, b, c, c_row, accumulate);              \
        else                                                                   \
            tile(m, n, k, a, a_row, a_step, b, c, c_row, accumulate);          \
        break

void FV_KERNEL(gemm_tile)(size_t m, size_t n, size_t k, const void *a_,
                          size_t a_row, size_t a_step, const void *b_, void *c_,
                          size_t c_row, bool accumulate)
{
    const real *a = a_, *b = b_;
    real *c = c_;
    switch (m) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
        ROWS(7);
        ROWS(8);
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
    }
}
