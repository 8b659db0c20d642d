/* Sums down the columns of rows [m][c], and affine maps by column. */
#include "kernel/isa/isa.h"

/* A column's sum is one chain, ascending rows; taking four rows at a time
 * keeps the order and saves three of four trips of the sums. */
#define COLUMNS(term)                                                          \
    size_t i = 0;                                                              \
    for (; i + 4 <= m; i += 4) {                                               \
        INDEPENDENT                                                            \
        for (size_t j = 0; j < c; j++) {                                       \
            real s = sum[j];                                                   \
            s = term(s, i, j);                                                 \
            s = term(s, i + 1, j);                                             \
            s = term(s, i + 2, j);                                             \
            sum[j] = term(s, i + 3, j);                                        \
        }                                                                      \
    }                                                                          \
    for (; i < m; i++) {                                                       \
        INDEPENDENT                                                            \
        for (size_t j = 0; j < c; j++) sum[j] = term(sum[j], i, j);            \
    }

#define PLAIN(s, i, j) (s + x[(i)*c + j])
#define PRODUCT(s, i, j) FMA(x[(i)*c + j], y[(i)*c + j], s)
#define SQUARE(s, i, j) FMA(x[(i)*c + j] - mean[j], x[(i)*c + j] - mean[j], s)

void FV_KERNEL(column_sum)(size_t m, size_t c, const void *x_, void *sum_)
{
    const real *x = x_;
    real *sum = sum_;
    COLUMNS(PLAIN)
}

void FV_KERNEL(column_square)(size_t m, size_t c, const void *x_,
                              const void *mean_, void *sum_)
{
    const real *x = x_, *mean = mean_;
    real *sum = sum_;
    COLUMNS(SQUARE)
}

void FV_KERNEL(column_dot)(size_t m, size_t c, const void *x_, const void *y_,
                           void *sum_)
{
    const real *x = x_, *y = y_;
    real *sum = sum_;
    COLUMNS(PRODUCT)
}

void FV_KERNEL(column_affine)(size_t m, size_t c, const void *x_,
                              const void *a_, const void *b_, void *y_)
{
    const real *x = x_, *a = a_, *b = b_;
    real *y = y_;
    for (size_t i = 0; i < m; i++, x += c, y += c) {
        INDEPENDENT
        for (size_t j = 0; j < c; j++) y[j] = FMA(a[j], x[j], b[j]);
    }
}

void FV_KERNEL(column_affine_grad)(size_t m, size_t c, const void *dy_,
                                   const void *x_, const void *a_,
                                   const void *b_, const void *e_, void *dx_)
{
    const real *dy = dy_, *x = x_, *a = a_, *b = b_, *e = e_;
    real *dx = dx_;
    for (size_t i = 0; i < m; i++, dy += c, x += c, dx += c) {
        INDEPENDENT
        for (size_t j = 0; j < c; j++)
            dx[j] += FMA(a[j], dy[j], FMA(b[j], x[j], e[j]));
    }
}
