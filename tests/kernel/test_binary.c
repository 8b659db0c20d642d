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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_slopes),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
