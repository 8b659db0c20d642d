/* The microkernel: one ascending chain of fma for each output, for every size
 * of a tile. */
#include "kernel/tables.h"

enum { MOST_MR = 16, MOST_NR = 64, MOST_K = 100 };

struct example {
    size_t m, n, k, a_row, a_step, c_row;
    bool accumulate;
    const double *b; /* [k][n] */
};

/* Packs B into panels, with NaN in missing columns, and multiplies tile by
 * tile, since m and n may exceed one. */
static void multiply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    const size_t mr = (size_t)kernels->mr, nr = (size_t)kernels->nr;
    const size_t element = d->dtype == FV_F64 ? 8 : 4;
    assert_true(mr >= 1 && mr <= MOST_MR && nr >= 1 && nr <= MOST_NR);
    double *packed = malloc(sizeof(double) * MOST_K * MOST_NR);
    assert_non_null(packed);
    for (size_t j = 0; j < e->n; j += nr) {
        const size_t width = e->n - j < nr ? e->n - j : nr;
        for (size_t l = 0; l < e->k; l++)
            for (size_t t = 0; t < nr; t++)
                put(d->dtype, packed, l * nr + t,
                    t < width ? e->b[l * e->n + j + t] : NO_NUMBER);
        for (size_t i = 0; i < e->m; i += mr)
            kernels->microkernel(
                e->m - i < mr ? e->m - i : mr, width,
                &(fv__tile){ .a = (char *)d->in[0] + i * e->a_row * element,
                             .b = packed,
                             .c = (char *)d->out[0]
                                  + (i * e->c_row + j) * element,
                             .a_row = e->a_row,
                             .a_step = e->a_step,
                             .b_step = nr,
                             .c_row = e->c_row,
                             .segments = 1,
                             .k = e->k,
                             .accumulation =
                                 e->accumulate ? FV__ACCUMULATE : FV__STORE });
    }
    free(packed);
}

static double chain(const data *d, const struct example *e, size_t i, size_t j)
{
    double sum = 0;
    float sum32 = 0;
    for (size_t l = 0; l < e->k; l++) {
        const double a =
            number(d->dtype, d->in[0], i * e->a_row + l * e->a_step);
        const double b = e->b[l * e->n + j];
        sum = fma(a, b, sum);
        sum32 = fmaf((float)a, (float)b, sum32);
    }
    return d->dtype == FV_F64 ? sum : (double)sum32;
}

static void check(const data *d, const data *start, const struct example *e)
{
    for (size_t i = 0; i < e->m; i++) {
        for (size_t j = 0; j < e->c_row; j++) {
            const size_t at = i * e->c_row + j;
            const double before = number(d->dtype, start->out[0], at);
            double want = j < e->n ? chain(d, e, i, j) : before;
            if (j < e->n && e->accumulate) want += before;
            if (d->dtype == FV_F32) want = (double)(float)want;
            if (number(d->dtype, d->out[0], at) != want)
                fail_msg("%zux%zux%zu: c[%zu][%zu] is wrong", e->m, e->n, e->k,
                         i, j);
        }
    }
}

static void run_example(fv_dtype dtype, struct example *e)
{
    double b[MOST_K * MOST_NR * 2];
    uint64_t seed = e->m * 1000 + e->n;
    for (size_t i = 0; i < e->k * e->n; i++) {
        b[i] = next_number(&seed, -1, 1);
        if (dtype == FV_F32) b[i] = (double)(float)b[i];
    }
    e->b = b;
    data *d = make_data(dtype, 0, -1, 1);
    data *start = make_data(dtype, 0, -1, 1);
    run_tables(d, multiply, e);
    check(d, start, e);
    assert_untouched(d, 0, (e->m - 1) * e->c_row + e->n);
    free(start);
    free(d);
}

static void test_shapes(void **state)
{
    (void)state;
    static const size_t widths[] = { 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33 };
    static const size_t depths[] = { 0, 1, 2, 27, 100 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t m = 1; m <= 15; m++) {
            for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
                const size_t k = depths[(m + i) % 5], n = widths[i];
                struct example rows = { m, n, k, k + 3, 1, n + 2, m & 1, NULL };
                struct example columns = { m,     n,     k,        1,
                                           m + 2, n + 5, !(m & 1), NULL };
                run_example(dtype, &rows);
                run_example(dtype, &columns);
            }
        }
    }
}

/* ---- one tile, every accumulation and epilogue -------------------------- */

enum { TERMS = 3 };

/* The operands of a tile in either element type. Rows of C and of the residual
 * are whole lines of a cache, unless C begins `off` elements behind one. */
struct tile {
    fv_dtype dtype;
    size_t m, n, a_row, off;
    fv__accumulation accumulation;
    bool bias, residual, clamp, nontemporal;
    double a[TERMS * MOST_MR], b[TERMS * MOST_NR], bias_at[MOST_NR];
    double residual_at[MOST_MR * MOST_NR];
    _Alignas(64) double c[(MOST_MR + 1) * MOST_NR];
};

static double rounded(fv_dtype dtype, double value)
{
    return dtype == FV_F64 ? value : (double)(float)value;
}

static double expected_at(const struct tile *e, size_t nr, size_t i, size_t j)
{
    const fv_dtype dtype = e->dtype;
    const double before = number(dtype, e->c, e->off + i * MOST_NR + j);
    double sum = e->accumulation == FV__RESUME ? before : 0;
    for (size_t l = 0; l < TERMS; l++) {
        const size_t at = e->a_row == 1 ? l * MOST_MR + i : i * e->a_row + l;
        const double a = number(dtype, e->a, at);
        const double b = number(dtype, e->b, l * nr + j);
        sum = dtype == FV_F64 ? fma(a, b, sum)
                              : (double)fmaf((float)a, (float)b, (float)sum);
    }
    if (e->accumulation == FV__ACCUMULATE) sum = rounded(dtype, before + sum);
    if (e->bias) sum = rounded(dtype, sum + number(dtype, e->bias_at, j));
    if (e->residual)
        sum = rounded(dtype,
                      sum + number(dtype, e->residual_at, i * MOST_NR + j));
    return e->clamp ? fmin(fmax(sum, -0.5), 0.5) : sum;
}

/* C, and what is beside it. */
static void check_tile(const fv__kernels *kernels, const struct tile *e)
{
    const size_t element = e->dtype == FV_F64 ? 8 : 4, nr = (size_t)kernels->nr;
    struct tile after = *e;
    const fv__epilogue epilogue = {
        .bias = e->bias ? e->bias_at : NULL,
        .residual = e->residual ? e->residual_at : NULL,
        .residual_row = MOST_NR,
        .low = -0.5,
        .high = 0.5,
        .clamp = e->clamp,
        .nontemporal = e->nontemporal,
    };
    kernels->microkernel(e->m, e->n,
                         &(fv__tile){ .a = e->a,
                                      .b = e->b,
                                      .c = (char *)after.c + e->off * element,
                                      .a_row = e->a_row,
                                      .a_step = e->a_row == 1 ? MOST_MR : 1,
                                      .b_step = nr,
                                      .c_row = MOST_NR,
                                      .segments = 1,
                                      .k = TERMS,
                                      .epilogue = &epilogue,
                                      .accumulation = e->accumulation });
    kernels->store_fence();
    for (size_t i = 0; i < e->m; i++)
        for (size_t j = 0; j < MOST_NR; j++) {
            const size_t at = e->off + i * MOST_NR + j;
            const double got = number(e->dtype, after.c, at);
            const double want = j < e->n ? expected_at(e, nr, i, j)
                                         : number(e->dtype, e->c, at);
            if (!(got == want))
                fail_msg("%s, %zu x %zu, c[%zu][%zu] is %a, expected %a",
                         kernels->isa, e->m, e->n, i, j, got, want);
        }
}

static void check_tiles(const fv__kernels *kernels, struct tile *e)
{
    for (e->m = 1; e->m <= (size_t)kernels->mr; e->m++)
        for (e->n = 1; e->n <= (size_t)kernels->nr; e->n++)
            for (unsigned i = 0; i < 3 * 32; i++) {
                e->accumulation = (fv__accumulation)(i / 32);
                e->bias = i & 1;
                e->residual = i & 2;
                e->clamp = i & 4;
                e->nontemporal = i & 8;
                e->off = i & 16 ? 1 : 0;
                e->a_row = (i + i / 32) % 2 ? 1 : TERMS;
                check_tile(kernels, e);
            }
}

static void test_epilogues(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        struct tile e = { .dtype = dtype };
        put_random(dtype, e.a, TERMS * MOST_MR, 1, -1, 1);
        put_random(dtype, e.b, TERMS * MOST_NR, 2, -1, 1);
        put_random(dtype, e.bias_at, MOST_NR, 3, -1, 1);
        put_random(dtype, e.residual_at, MOST_MR * MOST_NR, 4, -1, 1);
        put_random(dtype, e.c, (MOST_MR + 1) * MOST_NR, 5, -1, 1);
        for (size_t i = 0; i < TABLES; i++) {
            const fv__kernels *kernels = table_of(tables[i], dtype);
            if (kernels) check_tiles(kernels, &e);
        }
    }
}

/* Zero times infinity is NaN: zeros are not skipped. */
static void test_zero_times_infinity(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < TABLES; i++) {
            const fv__kernels *kernels = table_of(tables[i], dtype);
            if (!kernels) continue;
            double a[2] = { 0 }, b[2 * MOST_NR], c[MOST_NR];
            kernels->fill(2 * (size_t)kernels->nr, 1, b);
            put(dtype, b, 1, INFINITE);
            kernels->microkernel(1, 3,
                                 &(fv__tile){ .a = a,
                                              .b = b,
                                              .c = c,
                                              .a_row = 2,
                                              .a_step = 1,
                                              .b_step = (size_t)kernels->nr,
                                              .c_row = 3,
                                              .segments = 1,
                                              .k = 2 });
            assert_true(number(dtype, c, 0) == 0);
            assert_true(isnan(number(dtype, c, 1)));
            assert_true(number(dtype, c, 2) == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_epilogues),
        cmocka_unit_test(test_zero_times_infinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
