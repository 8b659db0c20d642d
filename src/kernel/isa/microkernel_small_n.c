/* The microkernel for small n: squares of VEC x VEC elements of A are
 * transposed in registers, so that vectors lie along rows. */
#include "kernel/isa/transpose.h"

/* Squares, one below the other, that are multiplied at a time: enough chains to
 * hide the latency of an FMA, few enough for registers to hold their sums. */
#if VEC_BYTES == 64
#define SQUARES 1
#elif VEC_BYTES / REAL_BYTES >= 4
#define SQUARES (16 / (VEC_BYTES / REAL_BYTES))
#else
#define SQUARES 4
#endif
enum { ROWS = SQUARES * VEC };

/* The sums of VEC rows of each column. */
typedef vec sums[SMALL_N];

/* Every fourth row of A has a pointer of its own, so that the distances to the
 * other rows are few and stay in registers. */
enum { POINTERS = (ROWS + 3) / 4 };
typedef const real *rows[POINTERS];

/* Loads and transposes `count` elements of each row of a square whose first row
 * is `first`; in every row, what is `distance` bytes behind it is
 * prefetched. */
INLINE void load_square(vec row[VEC], const rows at, const size_t first,
                        size_t a_row, const bool part, size_t count,
                        ptrdiff_t distance)
{
    UNROLLED
    for (size_t i = 0; i < VEC; i++) {
        const size_t r = first + i;
        const real *x = at[r / 4] + r % 4 * a_row;
        __builtin_prefetch((const char *)x + distance, 0, 2);
        row[i] = part ? vec_load_part(x, count) : vec_load(x);
    }
    transpose_tile(VEC, row);
}

/* `count` terms of the chains; VEC, unless `part`. */
INLINE void multiply_square(vec *sum, const size_t n, const fv__tile *t,
                            const rows at, const size_t first, const bool part,
                            size_t count, ptrdiff_t distance, const real *b)
{
    vec row[VEC];
    load_square(row, at, first, t->a_row, part, count, distance);
    UNROLLED
    for (size_t i = 0; i < VEC; i++, b += t->b_step) {
        if (part && i >= count) break;
        UNROLLED
        for (size_t j = 0; j < n; j++)
            sum[j] = vec_fma(row[i], vec_all(b[j]), sum[j]);
    }
}

/* The terms of a segment. The rest of k / VEC terms comes last. */
INLINE void multiply(sums sum[SQUARES], const size_t n, const fv__tile *t,
                     const real *a, const real *b)
{
    const size_t rest = t->k % VEC;
    const ptrdiff_t distance =
        t->next ? (const char *)t->next - (const char *)t->a : 0;
    rows at;
    for (size_t p = 0; p < POINTERS; p++) at[p] = a + 4 * p * t->a_row;
    for (size_t l = rest; l < t->k; l += VEC, b += VEC * t->b_step) {
        UNROLLED
        for (size_t p = 0; p < POINTERS; p++) IN_REGISTER(at[p]);
        UNROLLED
        for (size_t s = 0; s < SQUARES; s++) {
            IN_REGISTER(
                b); /* or b[j] would be held in vectors for all squares */
            multiply_square(sum[s], n, t, at, s * VEC, false, VEC, distance, b);
        }
        UNROLLED
        for (size_t p = 0; p < POINTERS; p++) at[p] += VEC;
    }
    if (!rest) return;
    UNROLLED
    for (size_t s = 0; s < SQUARES; s++)
        multiply_square(sum[s], n, t, at, s * VEC, true, rest, distance, b);
}

/* ---- columns of c and of the residual ----------------------------------- */

INLINE void load_columns(vec *column, const size_t n, const real *c,
                         size_t c_row, size_t c_column)
{
    for (size_t j = 0; j < n; j++, c += c_column) {
        real lane[VEC];
        if (c_row == 1) {
            column[j] = vec_load(c);
            continue;
        }
        UNROLLED
        for (size_t i = 0; i < VEC; i++) lane[i] = c[i * c_row];
        column[j] = vec_load(lane);
    }
}

INLINE void add_columns(vec *sum, const size_t n, const real *c, size_t c_row,
                        size_t c_column)
{
    sums column;
    load_columns(column, n, c, c_row, c_column);
    for (size_t j = 0; j < n; j++) sum[j] = sum[j] + column[j];
}

INLINE void store_columns(const vec *column, const size_t n, real *c,
                          size_t c_row, size_t c_column)
{
    real lane[SMALL_N][VEC];
    if (c_row == 1) {
        for (size_t j = 0; j < n; j++) vec_store(c + j * c_column, column[j]);
        return;
    }
    for (size_t j = 0; j < n; j++) vec_store(lane[j], column[j]);
    UNROLLED
    for (size_t i = 0; i < VEC; i++, c += c_row)
        for (size_t j = 0; j < n; j++) c[j * c_column] = lane[j][i];
}

/* The epilogue for VEC rows from row i on. */
INLINE void epilogue(vec *sum, const size_t n, size_t i, const fv__epilogue *f)
{
    const real *bias = f->bias, *residual = f->residual;
    const vec low = vec_all((real)f->low), high = vec_all((real)f->high);
    for (size_t j = 0; bias && j < n; j++) sum[j] = sum[j] + vec_all(bias[j]);
    if (residual)
        add_columns(sum, n, residual + i * f->residual_row, f->residual_row, 1);
    for (size_t j = 0; f->clamp && j < n; j++)
        sum[j] = vec_clamp(sum[j], low, high);
}

INLINE void finish_square(vec *sum, const size_t n, size_t i, const fv__tile *t)
{
    real *c = (real *)t->c + i * t->c_row;
    if (t->accumulation == FV__ACCUMULATE)
        add_columns(sum, n, c, t->c_row, t->c_column);
    if (t->epilogue) epilogue(sum, n, i, t->epilogue);
    store_columns(sum, n, c, t->c_row, t->c_column);
}

INLINE void microkernel_small_n(const size_t n, size_t m, const fv__tile *t)
{
    const real *a = t->a, *b = t->b, *c = t->c;
    const size_t k = t->k;
    for (size_t i = 0; i < m; i += ROWS, a += ROWS * t->a_row) {
        sums sum[SQUARES];
        UNROLLED
        for (size_t s = 0; s < SQUARES; s++) {
            for (size_t j = 0; j < n; j++) sum[s][j] = vec_all(0);
            if (t->accumulation == FV__RESUME)
                load_columns(sum[s], n, c + (i + s * VEC) * t->c_row, t->c_row,
                             t->c_column);
        }
        for (size_t s = 0; s < t->segments; s++)
            multiply(sum, n, t,
                     a + (t->a_segment ? t->a_segment[s] : (ptrdiff_t)(s * k)),
                     b
                         + (t->b_segment ? t->b_segment[s]
                                         : (ptrdiff_t)(s * k * t->b_step)));
        UNROLLED
        for (size_t s = 0; s < SQUARES; s++)
            finish_square(sum[s], n, i + s * VEC, t);
    }
}

static void small_n_1(size_t m, const fv__tile *t)
{
    microkernel_small_n(1, m, t);
}
static void small_n_2(size_t m, const fv__tile *t)
{
    microkernel_small_n(2, m, t);
}
#if REAL_BYTES == 4
static void small_n_3(size_t m, const fv__tile *t)
{
    microkernel_small_n(3, m, t);
}
static void small_n_4(size_t m, const fv__tile *t)
{
    microkernel_small_n(4, m, t);
}
#endif

void FV_KERNEL(microkernel_small_n)(size_t m, size_t n, const fv__tile *t)
{
    static void (*const of_columns[])(size_t, const fv__tile *) = {
        small_n_1,
        small_n_2,
#if REAL_BYTES == 4
        small_n_3,
        small_n_4,
#endif
    };
    of_columns[n - 1](m, t);
}
