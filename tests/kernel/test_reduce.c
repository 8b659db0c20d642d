/* Whole-array kernels: sums are accurate and the same in every table. */
#include "kernel/tables.h"

static void sum(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    d->value = kernels->sum(d->n, d->in[0]);
}

static void dot(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    d->value = kernels->dot(d->n, d->in[0], d->in[1]);
}

static void test_sums(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS; i++) {
            data *d = make_data(dtype, lengths[i], -1, 2);
            long double plain = 0, product = 0, size = 0;
            for (size_t j = 0; j < d->n; j++) {
                const long double x = (long double)number(dtype, d->in[0], j);
                const long double y = (long double)number(dtype, d->in[1], j);
                plain += x;
                product += x * y;
                size += fabsl(x) + fabsl(x * y);
            }
            const double bound = 16 * DBL_EPSILON * (double)size;
            run_tables(d, sum, NULL);
            assert_true(fabs(d->value - (double)plain) <= bound);
            run_tables(d, dot, NULL);
            assert_true(fabs(d->value - (double)product) <= bound);
            free(d);
        }
    }
}

/* 2^25 ones: a plain f32 loop would stop at 2^24. */
static void test_many_ones(void **state)
{
    (void)state;
    const size_t n = (size_t)1 << 25;
    float *ones = malloc(n * sizeof *ones);
    assert_non_null(ones);
    const fv__kernels *kernels = fv__kernels_find(NULL, NULL, FV_F32);
    kernels->fill(n, 1, ones);
    assert_true(kernels->sum(n, ones) == (double)n);
    assert_true(kernels->dot(n - 3, ones, ones) == (double)(n - 3));
    free(ones);
}

static void axpy(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    kernels->axpy(d->n, 0.3, d->in[0], d->out[0]);
}

static void test_axpy(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS; i++) {
            data *d = make_data(dtype, lengths[i], -1, 2);
            const data start = *d;
            run_tables(d, axpy, NULL);
            assert_untouched(d, 0, d->n);
            for (size_t j = 0; j < d->n; j++) {
                const double x = number(dtype, d->in[0], j);
                const double y = number(dtype, start.out[0], j);
                const double want =
                    dtype == FV_F64 ? fma(0.3, x, y)
                                    : (double)fmaf(0.3F, (float)x, (float)y);
                assert_true(number(dtype, d->out[0], j) == want);
            }
            free(d);
        }
    }
}

/* m rows of n, in memory that ends with the last row. */
static void copy_rows(const fv__kernels *kernels, size_t m, size_t n,
                      size_t x_row, size_t y_row)
{
    const fv_dtype dtype = kernels->dtype;
    const size_t element = dtype == FV_F64 ? 8 : 4;
    const size_t x_size = m ? (m - 1) * x_row + n : 0;
    const size_t y_size = m ? (m - 1) * y_row + n : 0;
    char *x = malloc(x_size * element + 1), *y = malloc(y_size * element + 1);

    assert_non_null(x);
    assert_non_null(y);
    put_random(dtype, x, x_size, m + n, -1, 1);
    y[y_size * element] = 77;
    kernels->copy_rows(m, n, x, x_row, y, y_row);
    for (size_t i = 0; i < m; i++)
        assert_memory_equal(y + i * y_row * element, x + i * x_row * element,
                            n * element);
    assert_int_equal(y[y_size * element], 77);
    free(x);
    free(y);
}

static void test_copy_rows(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t i = 0; i < TABLES; i++) {
            const fv__kernels *kernels = table_of(tables[i], dtype);

            for (size_t n = 1; kernels && n < 100; n += n < 36 ? 1 : 7)
                for (size_t m = 0; m < 4; m++)
                    for (size_t gap = 0; gap < 36; gap += 5) {
                        copy_rows(kernels, m, n, n + gap, n);
                        copy_rows(kernels, m, n, n, n + gap);
                    }
        }
}

static void fill_and_bytes(const fv__kernels *kernels, data *d,
                           const void *argument)
{
    kernels->fill(d->n, 0.1, d->out[0]);
    kernels->from_bytes(d->n, 1 / 255.0, argument, d->out[1]);
}

static void test_fill_and_bytes(void **state)
{
    (void)state;
    static uint8_t bytes[ROOM];
    for (size_t i = 0; i < ROOM; i++) bytes[i] = (uint8_t)(i * 37);
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS; i++) {
            data *d = make_data(dtype, lengths[i], 0, 1);
            run_tables(d, fill_and_bytes, bytes);
            assert_untouched(d, 0, d->n);
            assert_untouched(d, 1, d->n);
            for (size_t j = 0; j < d->n; j++) {
                assert_ulps(dtype, number(dtype, d->out[0], j),
                            (long double)0.1, 0.5);
                assert_ulps(dtype, number(dtype, d->out[1], j),
                            bytes[j] / 255.0L, 2);
            }
            free(d);
        }
    }
}

static void finite(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    d->value = kernels->finite(d->n, d->in[0]);
}

static void test_finite(void **state)
{
    (void)state;
    static const double wrong[] = { NO_NUMBER, INFINITE, -INFINITE };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double most = dtype == FV_F64 ? DBL_MAX : (double)FLT_MAX;
        for (size_t i = 0; i < LENGTHS; i++) {
            data *d = make_data(dtype, lengths[i], -1, 1);
            put(dtype, d->in[0], 0, -most);
            put(dtype, d->in[0], d->n, NO_NUMBER); /* one past the end */
            run_tables(d, finite, NULL);
            assert_true(d->value == 1);
            for (size_t j = 0; j < 3 && d->n; j++) {
                put(dtype, d->in[0], (d->n - 1) * j / 2, wrong[j]);
                run_tables(d, finite, NULL);
                assert_true(d->value == 0);
                put(dtype, d->in[0], (d->n - 1) * j / 2, 1);
            }
            free(d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),           cmocka_unit_test(test_many_ones),
        cmocka_unit_test(test_axpy),           cmocka_unit_test(test_copy_rows),
        cmocka_unit_test(test_fill_and_bytes), cmocka_unit_test(test_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
