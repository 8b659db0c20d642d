/* Random numbers are a function of seed, stream and place alone. */
#include "kernel/tables.h"

enum { SEED = 77 };
static const uint64_t stream = (uint64_t)3 << 40;

struct example {
    uint64_t first;
    double low, high; /* or mean and deviation; or low: p of dropout */
};

static void uniform(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->uniform(SEED, stream, e->first, d->n, e->low, e->high, d->out[0]);
}

static void normal(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->normal(SEED, stream, e->first, d->n, e->low, e->high, d->out[0]);
}

static void dropout(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->dropout(SEED, stream, e->first, d->n, e->low, d->in[0], d->out[0]);
    kernels->dropout_grad(SEED, stream, e->first, d->n, e->low, d->in[1],
                          d->out[1]);
}

/* Number `place` of the stream in [0, 1): 24 bits of one word, or 53 of two. */
static double unit_at(fv_dtype dtype, uint64_t place)
{
    uint32_t words[4];
    if (dtype == FV_F32) {
        fv__philox(SEED, stream, place / 4, words);
        return (words[place % 4] >> 8) * 0x1p-24;
    }
    fv__philox(SEED, stream, place / 2, words);
    const uint64_t high = words[place % 2 * 2] >> 5;
    const uint64_t low = words[place % 2 * 2 + 1] >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

static const uint64_t starts[] = { 0, 1, 2, 3, 254, 257, (uint64_t)1 << 35 };
#define STARTS (sizeof starts / sizeof *starts)

static void test_uniform(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < STARTS * LENGTHS; i++) {
            const struct example e = { starts[i % STARTS], -2, 6 };
            data *d = make_data(dtype, lengths[i / STARTS], 0, 1);
            run_tables(d, uniform, &e);
            assert_untouched(d, 0, d->n);
            for (size_t j = 0; j < d->n; j++)
                assert_ulps(dtype, number(dtype, d->out[0], j),
                            -2 + 8 * (long double)unit_at(dtype, e.first + j),
                            0.5);
            free(d);
        }
    }
}

static double normal_at(fv_dtype dtype, uint64_t place)
{
    const double transpose_tile = 2 * 3.14159265358979323846;
    const uint64_t pair = place & ~(uint64_t)1;
    const double radius = sqrt(-2 * log(1 - unit_at(dtype, pair)));
    const double angle = transpose_tile * unit_at(dtype, pair + 1);
    return radius * (place & 1 ? sin(angle) : cos(angle));
}

static void test_normal(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < STARTS * LENGTHS; i++) {
            const struct example e = { starts[i % STARTS], 1, 0.5 };
            data *d = make_data(dtype, lengths[i / STARTS], 0, 1);
            run_tables(d, normal, &e);
            assert_untouched(d, 0, d->n);
            for (size_t j = 0; j < d->n; j++)
                assert_near(number(dtype, d->out[0], j),
                            1 + 0.5 * normal_at(dtype, e.first + j),
                            8 * epsilon_of(dtype));
            free(d);
        }
    }
}

/* Mean, variance and fourth moment of many, at five standard errors. */
static void test_moments(void **state)
{
    (void)state;
    const size_t n = (size_t)1 << 20;
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    double sum = 0, square = 0, fourth = 0;
    fv__kernels_find(NULL, NULL, FV_F32)->normal(5, 6, 0, n, 0, 1, x);
    for (size_t i = 0; i < n; i++) {
        const double y = (double)x[i];
        sum += y, square += y * y, fourth += y * y * y * y;
    }
    free(x);
    const double error = 5 / sqrt((double)n);
    assert_true(fabs(sum / (double)n) <= error);
    assert_true(fabs(square / (double)n - 1) <= sqrt(2) * error);
    assert_true(fabs(fourth / (double)n - 3) <= sqrt(96) * error);
}

static bool cache_at(uint64_t place, double p)
{
    uint32_t words[4];
    fv__philox(SEED, stream, place / 4, words);
    return words[place % 4] * 0x1p-32 >= p;
}

static void check_dropout(const data *d, const data *start,
                          const struct example *e)
{
    const double scale = 1 / (1 - e->low);
    for (size_t i = 0; i < d->n; i++) {
        const bool kept = cache_at(e->first + i, e->low);
        const double x = kept ? number(d->dtype, d->in[0], i) * scale : 0;
        const double g = kept ? number(d->dtype, d->in[1], i) * scale : 0;
        assert_near(number(d->dtype, d->out[0], i), x,
                    2 * epsilon_of(d->dtype));
        assert_near(number(d->dtype, d->out[1], i),
                    number(d->dtype, start->out[1], i) + g,
                    4 * epsilon_of(d->dtype));
    }
}

static void test_dropout(void **state)
{
    (void)state;
    static const double chances[] = { 0, 0.25, 0.5, 0.9, 1 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS * 5; i++) {
            const struct example e = { starts[i % STARTS], chances[i % 5], 0 };
            data *d = make_data(dtype, lengths[i / 5], -1, 1);
            const data start = *d;
            run_tables(d, dropout, &e);
            assert_untouched(d, 0, d->n);
            assert_untouched(d, 1, d->n);
            check_dropout(d, &start, &e);
            free(d);
        }
    }
}

/* How many of the first 10000 stay, at five standard deviations; what is
 * dropped is dropped even when it is not finite. */
static void test_dropout_rate(void **state)
{
    (void)state;
    const struct example e = { 0, 0.3, 0 };
    size_t kept = 0;
    data *d = make_data(FV_F64, 10000, 1, 2);
    for (size_t i = 0; i < d->n; i += 2) d->in[0][i].f64 = INFINITE;
    run_tables(d, dropout, &e);
    for (size_t i = 0; i < d->n; i++) {
        assert_true(isnan(d->out[0][i].f64) == 0);
        if (d->out[0][i].f64 != 0) kept++;
    }
    assert_true(fabs((double)kept - 7000) <= 5 * sqrt(10000 * 0.21));
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),      cmocka_unit_test(test_normal),
        cmocka_unit_test(test_moments),      cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_dropout_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
