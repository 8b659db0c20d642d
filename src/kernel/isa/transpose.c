/* Transposes matrices in memory, by squares of VEC x VEC elements. */
#include "kernel/isa/transpose.h"

/* Elements of a row that are prefetched ahead, into the second-level cache:
 * rows may be so far apart that they map to one set of the first-level cache.
 * Tuned by measurement. */
enum { AHEAD = 96 };

/* m, n <= VEC; rows of y have `width` elements, as in the table. */
INLINE void block(size_t m, size_t n, const real *x, size_t x_row, real *y,
                  size_t y_row, size_t width)
{
    vec row[VEC];
    UNROLLED
    for (size_t i = 0; i < VEC; i++)
        row[i] = i < m ? vec_load_part(x + i * x_row, n) : vec_all(0);
    transpose_tile(VEC, row);
    for (size_t j = 0; j < n; j++, y += y_row) {
        if (width < VEC)
            vec_store_part(y, width, row[j]);
        else
            vec_store(y, row[j]);
    }
}

INLINE void whole_block(const real *x, size_t x_row, real *y, size_t y_row)
{
    vec row[VEC];
    UNROLLED
    for (size_t i = 0; i < VEC; i++) {
        __builtin_prefetch(x + i * x_row + AHEAD, 0, 2);
        row[i] = vec_load(x + i * x_row);
    }
    transpose_tile(VEC, row);
    UNROLLED
    for (size_t j = 0; j < VEC; j++) vec_store(y + j * y_row, row[j]);
}

/* The most rows that few_rows takes: two squares of FEW x FEW elements, side by
 * side in registers, are transposed together. */
enum { FEW = VEC / 2 };
/* The upper half of a vector, in the lower half. */
#define UPPER(lane, d) (((lane) + (d)) % VEC)

/* m <= FEW rows of n >= VEC columns, VEC columns at a time: the last ones may
 * overlap those before. Missing rows repeat row m - 1. */
static void few_rows(size_t m, size_t n, const real *x, size_t x_row, real *y,
                     size_t y_row)
{
    const real *from[FEW];
    for (size_t i = 0; i < FEW; i++) from[i] = x + (i < m ? i : m - 1) * x_row;
    for (size_t next = 0; next < n; next += VEC) {
        const size_t at = next + VEC <= n ? next : n - VEC;
        real *to = y + at * y_row;
        vec row[FEW];
        UNROLLED
        for (size_t i = 0; i < FEW; i++) row[i] = vec_load(from[i] + at);
        transpose_tile(FEW, row);
        UNROLLED
        for (size_t j = 0; j < FEW; j++, to += y_row)
            vec_store_part(to, m, row[j]);
        UNROLLED
        for (size_t j = 0; j < FEW; j++, to += y_row)
            vec_store_part(
                to, m,
                __builtin_shufflevector(row[j], row[j], LANES(UPPER, FEW)));
    }
}

void FV_KERNEL(transpose)(size_t m, size_t n, const void *x_, size_t x_row,
                          void *y_, size_t y_row, size_t width)
{
    const real *x = x_;
    real *y = y_;
    if (m && m <= FEW && width == m && n >= VEC) {
        few_rows(m, n, x, x_row, y, y_row);
        return;
    }
    for (size_t j = 0; j < n; j += VEC)
        for (size_t i = 0; i < width; i += VEC) {
            const size_t rows = i > m ? 0 : m - i, columns = n - j;
            const real *from = x + i * x_row + j;
            real *to = y + j * y_row + i;
            if (rows >= VEC && columns >= VEC)
                whole_block(from, x_row, to, y_row);
            else
                block(rows < VEC ? rows : VEC, columns < VEC ? columns : VEC,
                      from, x_row, to, y_row, width - i);
        }
}
