/* The matrix product tile: MR rows of two vectors of sums kept in registers. */
#include "kernel/isa/isa.h"

/* Two vectors of a row of n numbers: the first is there if `vectors` is 2, the
 * last is cut short where `part`. All but n are constants where these are
 * inlined, so that sums stay in registers. */
typedef vec sums[MR][2];

INLINE void load_row(vec row[2], const size_t vectors, const bool part,
                     size_t n, const real *x)
{
    const size_t last = vectors - 1;
    if (vectors == 2) row[0] = vec_load(x);
    row[last] = part ? vec_load_part(x + last * VEC, n - last * VEC)
                     : vec_load(x + last * VEC);
}

INLINE void add_row(vec row[2], const size_t vectors, const vec other[2])
{
    for (size_t v = 0; v < vectors; v++) row[v] = row[v] + other[v];
}

/* Adds rows of memory, row_step apart, to the sums. */
INLINE void add_rows(sums sum, const size_t rows, const size_t vectors,
                     const bool part, size_t n, const real *x, size_t row_step)
{
    UNROLLED
    for (size_t i = 0; i < rows; i++, x += row_step) {
        vec row[2];
        load_row(row, vectors, part, n, x);
        add_row(sum[i], vectors, row);
    }
}

INLINE void finish(sums sum, const size_t rows, const size_t vectors,
                   const bool part, size_t n, const fv__finish *f)
{
    if (f->bias) {
        vec bias[2];
        load_row(bias, vectors, part, n, f->bias);
        UNROLLED
        for (size_t i = 0; i < rows; i++) add_row(sum[i], vectors, bias);
    }
    if (f->residual)
        add_rows(sum, rows, vectors, part, n, f->residual, f->residual_row);
    if (f->clamp) {
        const vec low = vec_all((real)f->low), high = vec_all((real)f->high);
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = vec_clamp(sum[i][v], low, high);
    }
}

/* The chains, from what the sums are. a_row is a constant for packed columns
 * of a. */
INLINE void multiply(sums sum, const size_t rows, const size_t vectors,
                     const bool part, size_t n, const fv__tile *t,
                     const size_t a_row)
{
    const size_t a_step = t->a_step, b_step = t->b_step, k = t->k;
    const char *next = t->next ? t->next : t->b;
    const size_t line = t->next ? t->next_step : 0;
    for (size_t s = 0; s < t->segments; s++) {
        const real *a = t->a, *b = t->b;
        a += t->a_segment ? t->a_segment[s] : (ptrdiff_t)(s * k * a_step);
        b += t->b_segment ? t->b_segment[s] : (ptrdiff_t)(s * k * b_step);
        for (size_t l = 0; l < k; l++, a += a_step, b += b_step) {
            vec row[2];
            __builtin_prefetch(next, 0, 2);
            next += line;
            load_row(row, vectors, part, n, b);
            UNROLLED
            for (size_t i = 0; i < rows; i++) {
                const vec x = vec_all(a[i * a_row]);
                for (size_t v = 0; v < vectors; v++)
                    sum[i][v] = vec_fma(x, row[v], sum[i][v]);
            }
        }
    }
}

/* Stores wait for the lines that they go to: these come while it multiplies. */
INLINE void ask_for(const size_t rows, const size_t vectors, real *c,
                    size_t c_row)
{
    UNROLLED
    for (size_t i = 0; i < rows; i++, c += c_row)
        for (size_t v = 0; v < vectors; v++)
            __builtin_prefetch(c + v * VEC, 1, 3);
}

INLINE void tile(const size_t rows, const size_t vectors, const bool part,
                 size_t n, const fv__tile *t, const size_t a_row)
{
    sums sum;
    real *c = t->c;
    UNROLLED
    for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vec_all(0);
    if (t->meet == FV__CONTINUE) {
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            load_row(sum[i], vectors, part, n, c + i * t->c_row);
    }
    ask_for(rows, vectors, c, t->c_row);
    multiply(sum, rows, vectors, part, n, t, a_row);
    if (t->meet == FV__ACCUMULATE)
        add_rows(sum, rows, vectors, part, n, c, t->c_row);
    if (t->finish) finish(sum, rows, vectors, part, n, t->finish);
    UNROLLED
    for (size_t i = 0; i < rows; i++, c += t->c_row) {
        const size_t last = vectors - 1;
        if (vectors == 2) vec_store(c, sum[i][0]);
        if (part)
            vec_store_part(c + last * VEC, n - last * VEC, sum[i][last]);
        else
            vec_store(c + last * VEC, sum[i][last]);
    }
}

typedef void tile_of_rows(size_t n, const fv__tile *t);

#define TILE(m)                                                                \
    static void rows_##m(size_t n, const fv__tile *t)                          \
    {                                                                          \
        if (n == 2 * VEC && t->a_row == 1)                                     \
            tile(m, 2, false, n, t, 1);                                        \
        else if (n == 2 * VEC)                                                 \
            tile(m, 2, false, n, t, t->a_row);                                 \
        else if (n > VEC)                                                      \
            tile(m, 2, true, n, t, t->a_row);                                  \
        else if (n == VEC)                                                     \
            tile(m, 1, false, n, t, t->a_row);                                 \
        else                                                                   \
            tile(m, 1, true, n, t, t->a_row);                                  \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
#if MR > 6
TILE(7)
TILE(8)
#endif
#if MR > 8
TILE(9)
TILE(10)
TILE(11)
TILE(12)
TILE(13)
TILE(14)
#endif

void FV_KERNEL(tile)(size_t m, size_t n, const fv__tile *t)
{
    static tile_of_rows *const by_rows[] = {
        rows_1,
        rows_2,
        rows_3,
        rows_4,
        rows_5,
        rows_6,
#if MR > 6
        rows_7,
        rows_8,
#endif
#if MR > 8
        rows_9,
        rows_10,
        rows_11,
        rows_12,
        rows_13,
        rows_14,
#endif
    };
    by_rows[m - 1](n, t);
}
