/* Kernels over whole arrays: scaled addition, filling, conversion of bytes,
 * sums and a check for numbers that are not finite; and addition and copies of
 * rows. */
#include "kernel/isa/lanes.h"

enum { BLOCK = 4096 };

void FV_KERNEL(axpy)(size_t n, double a_, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    const real a = (real)a_;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) y[i] = FMA(a, x[i], y[i]);
}

INLINE void add_vector(size_t m, const real *x, size_t x_row, real *y,
                       size_t y_row, const bool part, size_t n)
{
    for (size_t i = 0; i < m; i++, x += x_row, y += y_row) {
        if (part)
            vec_store_part(y, n, vec_load_part(y, n) + vec_load_part(x, n));
        else
            vec_store(y, vec_load(y) + vec_load(x));
    }
}

void FV_KERNEL(add_rows)(size_t m, size_t n, const void *x_, size_t x_row,
                         void *y_, size_t y_row)
{
    const real *x = x_;
    real *y = y_;
    size_t j = 0;
    for (; j + VEC <= n; j += VEC)
        add_vector(m, x + j, x_row, y + j, y_row, false, VEC);
    if (j < n) add_vector(m, x + j, x_row, y + j, y_row, true, n - j);
}

/* Copies rows in whole vectors. The last vector of a row may write into the
 * next row, which is copied later, so the caller leaves out the last row. */
INLINE void copy_vectors(size_t m, const size_t vectors, const real *x,
                         size_t x_row, real *y, size_t y_row)
{
    for (size_t i = 0; i < m; i++, x += x_row, y += y_row)
        for (size_t v = 0; v < vectors; v++)
            vec_store(y + v * VEC, vec_load(x + v * VEC));
}

void FV_KERNEL(copy_rows)(size_t m, size_t n, const void *x_, size_t x_row,
                          void *y_, size_t y_row)
{
    const real *x = x_;
    real *y = y_;
    const size_t vectors = (n + VEC - 1) / VEC, width = vectors * VEC;
    size_t whole = 0;
    if (width == n)
        whole = m;
    else if (x_row + n >= width && y_row + n >= width && m)
        whole = m - 1;
    if (vectors == 1)
        copy_vectors(whole, 1, x, x_row, y, y_row);
    else if (vectors == 2)
        copy_vectors(whole, 2, x, x_row, y, y_row);
    else
        copy_vectors(whole, vectors, x, x_row, y, y_row);
    for (size_t i = whole; i < m; i++)
        for (size_t j = 0; j < n; j++) y[i * y_row + j] = x[i * x_row + j];
}

void FV_KERNEL(fill)(size_t n, double value, void *y_)
{
    real *y = y_;
    for (size_t i = 0; i < n; i++) y[i] = (real)value;
}

void FV_KERNEL(from_bytes)(size_t n, double scale_, const uint8_t *x, void *y_)
{
    real *y = y_;
    const real scale = (real)scale_;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) y[i] = scale * (real)x[i];
}

double FV_KERNEL(sum)(size_t n, const void *x) { return row_sum(n, x); }

double FV_KERNEL(dot)(size_t n, const void *x, const void *y)
{
    return row_dot(n, x, y);
}

bool FV_KERNEL(finite)(size_t n, const void *x_)
{
    const real *x = x_;
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t end = n - i < BLOCK ? n : i + BLOCK;
        int bad = 0;
        for (size_t j = i; j < end; j++) bad |= !(FABS(x[j]) <= REAL_MAX);
        if (bad) return false;
    }
    return true;
}
