/* The microkernel: sums of up to MR rows of two vectors are kept in registers.
 */
#include "kernel/isa/isa.h"

/* The sums of a tile: `vectors` vectors a row, which is 1 or 2. In the last one
 * of them all lanes are used, unless `part`, or at most HALF of them, if
 * `half`. All arguments but n are constants where these functions are inlined,
 * so that sums stay in registers. */
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

/* Adds rows in memory, row_step elements apart, to the sums. */
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

INLINE void epilogue(sums sum, const size_t rows, const size_t vectors,
                     const bool part, size_t n, const fv__epilogue *f)
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

/* Continues the chains from the sums. a_row is a constant if columns of A are
 * packed. Every fourth row of A has a pointer of its own, so that the distances
 * to the other rows are few and stay in registers too. */
INLINE void multiply(sums sum, const size_t rows, const size_t vectors,
                     const bool part, const bool half, size_t n,
                     const fv__tile *t, const size_t a_row)
{
    const size_t last = vectors - 1, pointers = (rows + 3) / 4;
    const size_t a_step = t->a_step, b_step = t->b_step, k = t->k;
    const char *next = t->next ? t->next : t->b;
    const size_t line = t->next ? t->next_step : 0;
    for (size_t s = 0; s < t->segments; s++) {
        const real *a[4], *b = t->b;
        a[0] = t->a;
        a[0] += t->a_segment ? t->a_segment[s] : (ptrdiff_t)(s * k * a_step);
        b += t->b_segment ? t->b_segment[s] : (ptrdiff_t)(s * k * b_step);
        for (size_t p = 1; p < pointers; p++) a[p] = a[0] + 4 * p * a_row;
        for (size_t l = 0; l < k; l++, b += b_step) {
            vec row[2];
            __builtin_prefetch(next, 0, 2);
            next += line;
            load_row(row, vectors, part, n, b);
            UNROLLED
            for (size_t p = 0; p < pointers; p++) IN_REGISTER(a[p]);
            UNROLLED
            for (size_t i = 0; i < rows; i++) {
                const real *at = a[i / 4] + i % 4 * a_row;
                const vec x = half && !last ? half_all(*at) : vec_all(*at);
                if (last) sum[i][0] = vec_fma(x, row[0], sum[i][0]);
                sum[i][last] = half ? half_fma(x, row[last], sum[i][last])
                                    : vec_fma(x, row[last], sum[i][last]);
            }
            UNROLLED
            for (size_t p = 0; p < pointers; p++) a[p] += a_step;
        }
    }
}

/* Prefetches the cache lines of C, which arrive during the product. */
INLINE void prefetch(const size_t rows, const size_t vectors, real *c,
                     size_t c_row)
{
    UNROLLED
    for (size_t i = 0; i < rows; i++, c += c_row)
        for (size_t v = 0; v < vectors; v++)
            __builtin_prefetch(c + v * VEC, 1, 3);
}

INLINE void tile(const size_t rows, const size_t vectors, const bool part,
                 const bool half, size_t n, const fv__tile *t,
                 const size_t a_row)
{
    sums sum;
    real *c = t->c;
    UNROLLED
    for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vec_all(0);
    if (t->accumulation == FV__RESUME) {
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            load_row(sum[i], vectors, part, n, c + i * t->c_row);
    }
    const bool nontemporal =
        vectors * VEC_BYTES >= 64 && !part && t->accumulation == FV__STORE
        && t->epilogue && t->epilogue->nontemporal && whole_lines(c, t->c_row);
    if (!nontemporal) prefetch(rows, vectors, c, t->c_row);
    multiply(sum, rows, vectors, part, half, n, t, a_row);
    if (t->accumulation == FV__ACCUMULATE)
        add_rows(sum, rows, vectors, part, n, c, t->c_row);
    if (t->epilogue) epilogue(sum, rows, vectors, part, n, t->epilogue);
    if (nontemporal) {
        UNROLLED
        for (size_t i = 0; i < rows; i++, c += t->c_row) {
            for (size_t v = 0; v < vectors; v++)
                vec_store_past(c + v * VEC, sum[i][v]);
        }
        return;
    }
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

/* clang-format off */
#define ROWS_6(X, ...)                                                        \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__)                     \
    X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#define ROWS_8(X, ...)                                                        \
    ROWS_6(X, __VA_ARGS__) X(7, __VA_ARGS__) X(8, __VA_ARGS__)
#define ROWS_14(X, ...)                                                       \
    ROWS_8(X, __VA_ARGS__)                                                    \
    X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__)                   \
    X(12, __VA_ARGS__) X(13, __VA_ARGS__) X(14, __VA_ARGS__)
/* clang-format on */
#if MR == 14
#define EACH_ROWS ROWS_14
#elif MR == 8
#define EACH_ROWS ROWS_8
#else
#define EACH_ROWS ROWS_6
#endif
#define TILE(rows, name, vectors, part, half, a_row)                           \
    static void name##_##rows(size_t n, const fv__tile *t)                     \
    {                                                                          \
        tile(rows, vectors, part, half, n, t, a_row);                          \
    }
#define TILE_NAME(rows, name) name##_##rows,
/* name[i] is the tile of i + 1 rows: a function of its own, so that the
 * compiler allocates registers for it alone. */
#define TILES(name, ...)                                                       \
    EACH_ROWS(TILE, name, __VA_ARGS__)                                         \
    static tile_of_rows *const name[] = { EACH_ROWS(TILE_NAME, name) };

TILES(two, 2, false, false, t->a_row)
TILES(two_of_packed, 2, false, false, 1)
TILES(two_cut, 2, true, false, t->a_row)
TILES(two_half, 2, true, true, t->a_row)
TILES(one, 1, false, false, t->a_row)
TILES(one_cut, 1, true, false, t->a_row)
TILES(half, 1, true, true, t->a_row)

static tile_of_rows *const *tiles_of(size_t n, size_t a_row)
{
    bool is_half = (n - 1) % VEC + 1 <= HALF;
    if (n == NR) return a_row == 1 ? two_of_packed : two;
    if (n == VEC) return one;
    if (n > VEC) return is_half ? two_half : two_cut;
    return is_half ? half : one_cut;
}

void FV_KERNEL(microkernel)(size_t m, size_t n, const fv__tile *t)
{
    tiles_of(n, t->a_row)[m - 1](n, t);
}

void FV_KERNEL(store_fence)(void) { settle_stores(); }
