/* Functions of two elements: steps, ties, NaN and derivatives. */
#include "kernel/tables.h"

struct example {
    fv__binary binary;
    size_t a_step, b_step;
    int operand;
};

static long double value_of(fv__binary f, long double a, long double b)
{
    switch (f) {
    case FV__ADD:
        return a + b;
    case FV__SUB:
        return a - b;
    case FV__MUL:
        return a * b;
    case FV__DIV:
        return a / b;
    case FV__POW:
        return powl(a, b);
    case FV__MINIMUM:
        return a < b ? a : b;
    case FV__MAXIMUM:
        return a > b ? a : b;
    case FV__PRELU:
        return a > 0 ? a : b * a;
    case FV__REMAINDER:
        return a - b * floorl(a / b);
    case FV__FMOD:
        return fmodl(a, b);
    }
    return (long double)NO_NUMBER;
}

static long double slope_of(fv__binary f, int operand, long double a,
                            long double b)
{
    switch (f) {
    case FV__ADD:
        return 1;
    case FV__SUB:
        return operand ? -1 : 1;
    case FV__MUL:
        return operand ? a : b;
    case FV__DIV:
        return operand ? -a / (b * b) : 1 / b;
    case FV__POW:
        return operand ? powl(a, b) * logl(a) : b * powl(a, b - 1);
    case FV__MINIMUM:
        return a < b ? !operand : operand;
    case FV__MAXIMUM:
        return a > b ? !operand : operand;
    case FV__PRELU:
        return operand ? (a > 0 ? 0 : a) : a > 0 ? 1 : b;
    case FV__REMAINDER:
        return operand ? -floorl(a / b) : 1;
    case FV__FMOD:
        return operand ? -truncl(a / b) : 1;
    }
    return (long double)NO_NUMBER;
}

static void apply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->binary(e->binary, d->n, d->in[0], e->a_step, d->in[1], e->b_step,
                    d->out[0]);
}

static void slope(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->binary_grad(e->binary, e->operand, d->n, d->in[0], e->a_step,
                         d->in[1], e->b_step, d->in[2], d->out[e->operand]);
}

static void check(data *d, const struct example *e)
{
    const size_t output = (size_t)e->operand;
    for (size_t i = 0; i < d->n; i++) {
        const long double a =
            (long double)number(d->dtype, d->in[0], i * e->a_step);
        const long double b =
            (long double)number(d->dtype, d->in[1], i * e->b_step);
        const double g = number(d->dtype, d->in[2], i);
        const double rate = (double)slope_of(e->binary, e->operand, a, b);
        assert_ulps(d->dtype, number(d->dtype, d->out[2], i),
                    value_of(e->binary, a, b), 1);
        assert_near(number(d->dtype, d->out[output], i), g * rate,
                    8 * epsilon_of(d->dtype));
    }
}

static void test_values_and_slopes(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 15, 17, 257, 4097 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 6 * 8 * 10; i++) {
            const struct example e = { (fv__binary)(i / 8 % 10), i & 1,
                                       i >> 1 & 1, (int)(i >> 2 & 1) };
            const size_t n = sizes[i / 80];
            data *d = make_data(dtype, n, e.binary == FV__PRELU ? -2 : 0.5, 2);
            run_tables(d, apply, &e);
            assert_untouched(d, 0, n);
            memcpy(d->out[2], d->out[0], sizeof d->out[0]);
            run_tables(d, slope, &e);
            check(d, &e);
            free(d);
        }
    }
}

/* One pair through one table: value, and slopes for an upstream 1. */
static double pair(const fv__kernels *kernels, fv__binary f, double a, double b,
                   double rate[2])
{
    double as[17], bs[17], one[17], to[17];
    kernels->fill(17, a, as);
    kernels->fill(17, b, bs);
    kernels->fill(17, 1, one);
    for (int operand = 0; operand < 2; operand++) {
        kernels->binary_grad(f, operand, 17, as, 1, bs, 1, one, to);
        rate[operand] = number(kernels->dtype, to, 3);
    }
    kernels->binary(f, 17, as, 1, bs, 1, to);
    return number(kernels->dtype, to, 3);
}

static void check_edges(const fv__kernels *k)
{
    double rate[2];
    assert_true(isnan(pair(k, FV__MINIMUM, NO_NUMBER, 1, rate)));
    assert_true(isnan(pair(k, FV__MINIMUM, 1, NO_NUMBER, rate)));
    assert_true(isnan(pair(k, FV__MAXIMUM, NO_NUMBER, 1, rate)));
    assert_true(isnan(pair(k, FV__MAXIMUM, 1, NO_NUMBER, rate)));
    assert_true(pair(k, FV__MAXIMUM, 2, 2, rate) == 2);
    assert_true(rate[0] == 0.5 && rate[1] == 0.5);
    assert_true(pair(k, FV__MINIMUM, -2, -2, rate) == -2);
    assert_true(rate[0] == 0.5 && rate[1] == 0.5);
    assert_true(pair(k, FV__POW, 0, 0, rate) == 1);
    assert_true(rate[0] == 0 && rate[1] == 0);
    assert_true(pair(k, FV__POW, 0, 2, rate) == 0);
    assert_true(rate[0] == 0 && rate[1] == 0);
    assert_true(pair(k, FV__POW, -3, 2, rate) == 9 && rate[0] == -6);
    assert_true(isinf(pair(k, FV__DIV, 1, 0, rate)));
    assert_true(pair(k, FV__PRELU, 0, 3, rate) == 0);
    assert_true(rate[0] == 3 && rate[1] == 0);
    assert_true(isnan(pair(k, FV__PRELU, NO_NUMBER, 3, rate)));
    assert_true(rate[0] == 3 && isnan(rate[1]));
}

static void test_edges(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t i = 0; i < TABLES; i++)
            if (table_of(tables[i], dtype))
                check_edges(table_of(tables[i], dtype));
}

/* ---- remainders are exact ------------------------------------------------ */

static double exact(fv_dtype dtype, fv__binary f, double a, double b)
{
    const double r =
        dtype == FV_F64 ? fmod(a, b) : (double)fmodf((float)a, (float)b);
    if (f == FV__FMOD || !(r != 0 && (r < 0) != (b < 0))) return r;
    return dtype == FV_F64 ? r + b : (double)((float)r + (float)b);
}

/* Random bits: any exponent, NaN and infinities among them. */
static double any_number(fv_dtype dtype, uint64_t word)
{
    const uint32_t half = (uint32_t)(word >> 32);
    double wide;
    float narrow;
    memcpy(&wide, &word, sizeof wide);
    memcpy(&narrow, &half, sizeof narrow);
    return dtype == FV_F64 ? wide : (double)narrow;
}

static double beside(fv_dtype dtype, double x, double towards)
{
    return dtype == FV_F64 ? nextafter(x, towards)
                           : (double)nextafterf((float)x, (float)towards);
}

/* A pair of numbers whose quotient is of any size, near or at a whole number,
 * or such that one of them is an edge; in every second piece of the kernel, one
 * with a small quotient. */
static void put_pair(data *d, size_t i, uint64_t *state)
{
    static const double edges[] = { 0,        -0.0,      1,
                                    INFINITE, -INFINITE, NO_NUMBER,
                                    0x1p-149, 0x1p-1074, 0x1.fffffep127 };
    const bool small = i / 64 % 2;
    const uint64_t word = next_word(state), kind = word % (small ? 5 : 8);
    double b = any_number(d->dtype, next_word(state));
    double a = any_number(d->dtype, next_word(state));
    const int bits = small ? 20 : d->dtype == FV_F64 ? 54 : 25;
    if (kind < 5) b = next_number(state, -4, 4);
    if (kind < 2)
        a = next_number(state, -4, 4) * (double)(1 << (word >> 8) % 8);
    else if (kind < 5) /* at, just below or just above a multiple */
        a = b * floor(ldexp(next_number(state, 0, 1), (int)(word >> 8) % bits));
    if (kind == 3) a = beside(d->dtype, a, 0);
    if (kind == 4) a = beside(d->dtype, a, 2 * a);
    if (kind == 7) a = edges[(word >> 8) % 9];
    if (kind == 7 || kind == 6) b = edges[(word >> 16) % 9];
    put(d->dtype, d->in[0], i, a);
    put(d->dtype, d->in[1], i, b);
}

static void check_exact(fv_dtype dtype, const struct example *e, size_t n)
{
    data *d = make_data(dtype, n, -1, 1);
    uint64_t state = 11 * n + e->a_step + 2 * e->b_step;
    for (size_t i = 0; i < n; i++) put_pair(d, i, &state);
    run_tables(d, apply, e);
    for (size_t i = 0; i < n; i++) {
        cell expected;
        put(dtype, &expected, 0,
            exact(dtype, e->binary, number(dtype, d->in[0], i * e->a_step),
                  number(dtype, d->in[1], i * e->b_step)));
        assert_same_bits(
            "ref", dtype, 1,
            (const char *)d->out[0] + i * (dtype == FV_F64 ? 8 : 4), &expected);
    }
    free(d);
}

static void test_remainders_are_exact(void **state)
{
    (void)state;
    for (size_t n = 1; n < ROOM; n = 3 * n + 1)
        for (int i = 0; i < 16; i++) {
            const struct example e = { i & 1 ? FV__FMOD : FV__REMAINDER,
                                       i >> 1 & 1, i >> 2 & 1, 0 };
            check_exact(i >> 3 ? FV_F64 : FV_F32, &e, n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_slopes),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_remainders_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
