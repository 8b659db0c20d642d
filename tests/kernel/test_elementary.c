/* exp, log, tanh, sigmoid and exp - 1: 2 ulp everywhere, and the edges; what is
 * made of them: up to 7 ulp. */
#include "kernel/tables.h"

static long double sigmoid(long double x) { return 1 / (1 + expl(-x)); }
static long double elu(long double x) { return x > 0 ? x : expm1l(x); }
static double elu_f64(double x) { return x > 0 ? x : expm1(x); }
static long double softplus(long double x)
{
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}
static long double gelu(long double x)
{
    return x * erfcl(-x * sqrtl(0.5L)) / 2;
}
static double gelu_f64(double x) { return x * erfc(-x * sqrt(0.5)) / 2; }
static long double silu(long double x) { return x / (1 + expl(-x)); }
static long double mish(long double x) { return x * tanhl(log1pl(expl(x))); }

/* A factor x turns half a denormal unit of the other factor into x / 2 units:
 * `scaled` allows them. */
static const struct function {
    fv__unary unary;
    long double (*exact)(long double);
    double (*enough)(double); /* for f32; NULL: take `exact` */
    double ulps;
    bool scaled;
} functions[] = {
    { FV__EXP, expl, exp, 2, false },
    { FV__LOG, logl, log, 2, false },
    { FV__TANH, tanhl, tanh, 2, false },
    { FV__SIGMOID, sigmoid, NULL, 2, false },
    { FV__ELU, elu, elu_f64, 2, false },
    { FV__SOFTPLUS, softplus, NULL, 2, false },
    { FV__GELU, gelu, gelu_f64, 7, true },
    { FV__SILU, silu, NULL, 3, true },
    { FV__MISH, mish, NULL, 4, true },
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static void apply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct function *f = argument;
    kernels->unary(f->unary, d->n, d->in[0], d->out[0], 1,
                   f->unary == FV__SOFTPLUS ? INFINITE : 1);
}

static void check(data *d, const struct function *f)
{
    run_tables(d, apply, f);
    for (size_t i = 0; i < d->n; i++) {
        const double x = number(d->dtype, d->in[0], i);
        const double got = number(d->dtype, d->out[0], i);
        const long double expected = d->dtype == FV_F32 && f->enough
                                         ? (long double)f->enough(x)
                                         : f->exact((long double)x);
        const double least = d->dtype == FV_F32 ? 0x1p-149 : 0x1p-1074;
        const double allowed = f->scaled ? fabs(x) * least : 0;
        if (!(ulps(d->dtype, got, expected) <= f->ulps)
            && !(fabsl((long double)got - expected) <= (long double)allowed))
            fail_msg("function %d of %a is %a, expected %La", (int)f->unary, x,
                     got, expected);
    }
}

/* Every 2053rd float: all exponents, both signs, denormals, NaN. */
static void test_f32_everywhere(void **state)
{
    (void)state;
    data *d = make_data(FV_F32, 0, 0, 1);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
            for (d->n = 0; d->n < ROOM && bits < (uint64_t)1 << 32; d->n++) {
                const uint32_t word = (uint32_t)bits;
                memcpy((float *)(void *)d->in[0] + d->n, &word, sizeof word);
                bits += 2053;
            }
            check(d, &functions[f]);
        }
    }
    free(d);
}

/* Arbitrary bits, then the range where results are neither 0 nor infinite,
 * then the neighbourhood of 0 and 1. */
static void test_f64_everywhere(void **state)
{
    (void)state;
    uint64_t seed = 5;
    data *d = make_data(FV_F64, ROOM, 0, 1);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        for (int round = 0; round < 24; round++) {
            for (size_t i = 0; i < ROOM; i++) {
                const uint64_t word = next_word(&seed);
                if (round % 3 == 0) memcpy(&d->in[0][i], &word, sizeof word);
                if (round % 3 == 1)
                    d->in[0][i].f64 = next_number(&seed, -750, 715);
                if (round % 3 == 2) d->in[0][i].f64 = next_number(&seed, -2, 2);
            }
            check(d, &functions[f]);
        }
    }
    free(d);
}

static void test_edges(void **state)
{
    (void)state;
    static const double x[] = { 0,
                                -0.0,
                                1,
                                -1,
                                INFINITE,
                                -INFINITE,
                                NO_NUMBER,
                                1e-40,
                                1e-310,
                                -1e4,
                                1e4,
                                -87.5,
                                88.7,
                                89,
                                -103.9,
                                -104,
                                -708.5,
                                709.7,
                                710,
                                -745.1,
                                -746,
                                0.55,
                                -0.55,
                                0.5,
                                2,
                                0.70710678118654752,
                                1.4142135623730951 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, sizeof x / sizeof *x, 0, 1);
        for (size_t i = 0; i < d->n; i++) put(dtype, d->in[0], i, x[i]);
        for (size_t f = 0; f < FUNCTIONS; f++) check(d, &functions[f]);
        free(d);
    }
}

static double one(fv_dtype dtype, fv__unary f, double x)
{
    double from[1] = { 0 }, to[1] = { 0 };
    put(dtype, from, 0, x);
    table_of("ref", dtype)->unary(f, 1, from, to, 1, 1);
    return number(dtype, to, 0);
}

static void test_exact(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        assert_true(one(dtype, FV__EXP, 0) == 1);
        assert_true(one(dtype, FV__EXP, -1e4) == 0);
        assert_true(isinf(one(dtype, FV__EXP, 1e4)));
        assert_true(one(dtype, FV__LOG, 1) == 0);
        assert_true(one(dtype, FV__LOG, 0) == -INFINITE);
        assert_true(isnan(one(dtype, FV__LOG, -1)));
        assert_true(isnan(one(dtype, FV__LOG, -INFINITE)));
        assert_true(one(dtype, FV__LOG, INFINITE) == INFINITE);
        assert_true(one(dtype, FV__TANH, 100) == 1);
        assert_true(one(dtype, FV__TANH, -INFINITE) == -1);
        assert_true(signbit(one(dtype, FV__TANH, -0.0)));
        assert_true(one(dtype, FV__SIGMOID, 0) == 0.5);
        assert_true(one(dtype, FV__SIGMOID, 1e4) == 1);
        assert_true(one(dtype, FV__SIGMOID, -1e4) == 0);
        assert_true(one(dtype, FV__ELU, -1e4) == -1);
        assert_true(isnan(one(dtype, FV__EXP, NO_NUMBER)));
        assert_true(isnan(one(dtype, FV__TANH, NO_NUMBER)));
        assert_true(isnan(one(dtype, FV__SIGMOID, NO_NUMBER)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32_everywhere),
        cmocka_unit_test(test_f64_everywhere),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
