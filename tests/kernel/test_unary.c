/* Functions of one element, their derivatives, and what they make of NaN. */
#include "kernel/tables.h"

typedef long double real_function(long double x, long double p, long double q);

#define EXACT(name, formula)                                                   \
    static long double name(long double x, long double p, long double q)       \
    {                                                                          \
        (void)x, (void)p, (void)q;                                             \
        return formula;                                                        \
    }

EXACT(negative, -x)
EXACT(minus_one, -1)
EXACT(absolute, fabsl(x))
EXACT(sign, x > 0 ? 1 : x < 0 ? -1 : 0)
EXACT(exponential, expl(x))
EXACT(logarithm, logl(x))
EXACT(inverse, 1 / x)
EXACT(root, sqrtl(x))
EXACT(root_slope, 0.5L / sqrtl(x))
EXACT(sine, sinl(x))
EXACT(cosine, cosl(x))
EXACT(cosine_slope, -sinl(x))
EXACT(tangent, tanl(x))
EXACT(tangent_slope, 1 / (cosl(x) * cosl(x)))
EXACT(arcsine, asinl(x))
EXACT(arcsine_slope, 1 / sqrtl(1 - x * x))
EXACT(arccosine, acosl(x))
EXACT(arccosine_slope, -1 / sqrtl(1 - x * x))
EXACT(arctangent, atanl(x))
EXACT(arctangent_slope, 1 / (1 + x * x))
EXACT(hyperbolic_sine, sinhl(x))
EXACT(hyperbolic_cosine, coshl(x))
EXACT(area_sine, asinhl(x))
EXACT(area_sine_slope, 1 / sqrtl(x * x + 1))
EXACT(area_cosine, acoshl(x))
EXACT(area_cosine_slope, 1 / sqrtl(x * x - 1))
EXACT(area_tangent, atanhl(x))
EXACT(area_tangent_slope, 1 / (1 - x * x))
EXACT(hyperbolic, tanhl(x))
EXACT(hyperbolic_slope, 1 / (coshl(x) * coshl(x)))
EXACT(sigmoid, 1 / (1 + expl(-x)))
EXACT(sigmoid_slope, 1 / ((1 + expl(-x)) * (1 + expl(x))))
EXACT(clamp, fminl(fmaxl(x, p), q))
EXACT(clamp_slope, !(x <= p || (x >= q && q < HUGE_VALL)))
EXACT(leaky, x > 0 ? x : p * x)
EXACT(leaky_slope, x > 0 ? 1 : p)
EXACT(elu, x > 0 ? q * x : p * expm1l(x))
EXACT(elu_slope, x > 0 ? q : p * expl(x))
EXACT(celu, x > 0 ? x : p * expm1l(x / p))
EXACT(celu_slope, x > 0 ? 1 : expl(x / p))
EXACT(softplus, p *x > q ? x : log1pl(expl(p * x)) / p)
EXACT(softplus_slope, p *x > q ? 1 : 1 / (1 + expl(-p * x)))
EXACT(softsign, x / (1 + fabsl(x)))
EXACT(softsign_slope, 1 / ((1 + fabsl(x)) * (1 + fabsl(x))))
EXACT(normal, erfcl(-x *sqrtl(0.5L)) / 2)
EXACT(gelu, x *normal(x, p, q))
EXACT(gelu_slope, normal(x, p, q) + x * expl(-x * x / 2) / sqrtl(2 * acosl(-1)))
EXACT(inner, 2 * sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x))
EXACT(gelu_tanh, x *sigmoid(inner(x, p, q), p, q))
EXACT(gelu_tanh_slope, sigmoid(inner(x, p, q), p, q)
                           + x * sigmoid_slope(inner(x, p, q), p, q) * 2
                                 * sqrtl(2 / acosl(-1))
                                 * (1 + 3 * 0.044715L * x * x))
EXACT(silu, x / (1 + expl(-x)))
EXACT(silu_slope, sigmoid(x, p, q) + x * sigmoid_slope(x, p, q))
EXACT(mish, x *tanhl(log1pl(expl(x))))
EXACT(mish_slope,
      tanhl(log1pl(expl(x)))
          + x * sigmoid(x, p, q)
                * (1 - tanhl(log1pl(expl(x))) * tanhl(log1pl(expl(x)))))
EXACT(hard_sigmoid, fminl(fmaxl(x + 3, 0), 6) / 6)
EXACT(hard_sigmoid_slope, x > -3 && x < 3 ? 1 / 6.0L : 0)
EXACT(hard_swish, x *hard_sigmoid(x, p, q))
EXACT(hard_swish_slope, x < -3 ? 0 : x < 3 ? x / 3 + 0.5L : 1)
EXACT(scale_add, p *x + q)
EXACT(scale_add_slope, p)
EXACT(power, powl(x, p))
EXACT(power_slope, p == 0 ? 0 : p * powl(x, p - 1))
EXACT(reciprocal, p / x)
EXACT(reciprocal_slope, -p / (x * x))
EXACT(error, erfl(x))
EXACT(error_slope, 2 / sqrtl(acosl(-1)) * expl(-x * x))
EXACT(down, floorl(x))
EXACT(up, ceill(x))
EXACT(nearest, rintl(x))
EXACT(zero, 0)

static const struct function {
    fv__unary unary;
    double low, high, p, q;
    real_function *value, *slope;
    double ulps; /* allowed in the value */
    bool needs_x, needs_y;
} functions[] = {
    { FV__NEG, -3, 3, 0, 0, negative, minus_one, 0, false, false },
    { FV__ABS, -3, 3, 0, 0, absolute, sign, 0, true, false },
    { FV__EXP, -5, 5, 0, 0, exponential, exponential, 2, false, true },
    { FV__LOG, 0.1, 5, 0, 0, logarithm, inverse, 2, true, false },
    { FV__SQRT, 0.1, 5, 0, 0, root, root_slope, 0.51, false, true },
    { FV__SIN, -4, 4, 0, 0, sine, cosine, 2, true, false },
    { FV__COS, -4, 4, 0, 0, cosine, cosine_slope, 2, true, false },
    { FV__TAN, -1, 1, 0, 0, tangent, tangent_slope, 2, false, true },
    { FV__ASIN, -0.9, 0.9, 0, 0, arcsine, arcsine_slope, 2, true, false },
    { FV__ACOS, -0.9, 0.9, 0, 0, arccosine, arccosine_slope, 2, true, false },
    { FV__ATAN, -4, 4, 0, 0, arctangent, arctangent_slope, 2, true, false },
    { FV__SINH, -3, 3, 0, 0, hyperbolic_sine, hyperbolic_cosine, 2, true,
      false },
    { FV__COSH, -3, 3, 0, 0, hyperbolic_cosine, hyperbolic_sine, 2, true,
      false },
    { FV__ASINH, -4, 4, 0, 0, area_sine, area_sine_slope, 2, true, false },
    { FV__ACOSH, 1.1, 5, 0, 0, area_cosine, area_cosine_slope, 2, true, false },
    { FV__ATANH, -0.9, 0.9, 0, 0, area_tangent, area_tangent_slope, 2, true,
      false },
    { FV__TANH, -3, 3, 0, 0, hyperbolic, hyperbolic_slope, 2, false, true },
    { FV__SIGMOID, -9, 9, 0, 0, sigmoid, sigmoid_slope, 2, false, true },
    { FV__CLAMP, -3, 9, 0, 6, clamp, clamp_slope, 0, true, false },
    { FV__CLAMP, -3, 3, 0, INFINITE, clamp, clamp_slope, 0, true, false },
    { FV__LEAKY_RELU, -3, 3, 0.25, 0, leaky, leaky_slope, 0, true, false },
    { FV__ELU, -3, 3, 0.5, 1, elu, elu_slope, 2, true, true },
    { FV__ELU, -3, 3, 1.75, 1.05, elu, elu_slope, 3, true, true },
    { FV__CELU, -3, 3, 0.25, 0, celu, celu_slope, 3, true, true },
    { FV__SOFTPLUS, -9, 9, 1, 20, softplus, softplus_slope, 3, true, false },
    { FV__SOFTPLUS, -3, 1.1, 2.5, 3, softplus, softplus_slope, 9, true, false },
    { FV__SOFTSIGN, -3, 3, 0, 0, softsign, softsign_slope, 2, true, false },
    { FV__GELU, -5, 5, 0, 0, gelu, gelu_slope, 7, true, false },
    { FV__GELU_TANH, -3, 5, 0, 0, gelu_tanh, gelu_tanh_slope, 16, true, false },
    { FV__SILU, -9, 9, 0, 0, silu, silu_slope, 3, true, false },
    { FV__MISH, -9, 9, 0, 0, mish, mish_slope, 4, true, false },
    { FV__HARD_SIGMOID, -2.9, 9, 0, 0, hard_sigmoid, hard_sigmoid_slope, 8,
      true, false },
    { FV__HARD_SWISH, -2.9, 9, 0, 0, hard_swish, hard_swish_slope, 8, true,
      false },
    { FV__SCALE_ADD, 1, 3, -2, -0.5, scale_add, scale_add_slope, 1, false,
      false },
    { FV__POWER, 0.1, 4, 1.5, 0, power, power_slope, 2, true, false },
    { FV__POWER, -4, 4, 2, 0, power, power_slope, 1, true, false },
    { FV__POWER, -4, 4, 0, 0, power, power_slope, 0, true, false },
    { FV__RECIPROCAL, 0.1, 4, 3, 0, reciprocal, reciprocal_slope, 1, true,
      true },
    { FV__ERF, -3, 3, 0, 0, error, error_slope, 4, true, false },
    { FV__FLOOR, -9, 9, 0, 0, down, zero, 0, false, false },
    { FV__CEIL, -9, 9, 0, 0, up, zero, 0, false, false },
    { FV__ROUND, -9, 9, 0, 0, nearest, zero, 0, false, false },
    { FV__SIGN, -3, 3, 0, 0, sign, zero, 0, false, false },
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static void apply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct function *f = argument;
    kernels->unary(f->unary, d->n, d->in[0], d->out[0], f->p, f->q);
}

/* out[0] is y; the gradient is added to out[1], and takes the place of dy in
 * out[2]; what is not needed is NULL. */
static void slope(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct function *f = argument;
    const void *x = f->needs_x ? d->in[0] : NULL;
    const void *y = f->needs_y ? d->out[0] : NULL;
    kernels->unary_grad(f->unary, d->n, x, y, d->in[1], d->out[1], f->p, f->q,
                        FV__ACCUMULATE);
    memcpy(d->out[2], d->in[1], sizeof d->in[1]);
    kernels->unary_grad(f->unary, d->n, x, y, d->out[2], d->out[2], f->p, f->q,
                        FV__STORE);
}

static void check_value(data *d, const struct function *f)
{
    run_tables(d, apply, f);
    assert_untouched(d, 0, d->n);
    for (size_t i = 0; i < d->n; i++) {
        const long double x = (long double)number(d->dtype, d->in[0], i);
        assert_ulps(d->dtype, number(d->dtype, d->out[0], i),
                    f->value(x, (long double)f->p, (long double)f->q), f->ulps);
    }
}

static void check_slope(data *d, const struct function *f)
{
    const data before = *d;
    run_tables(d, slope, f);
    assert_untouched(d, 1, d->n);
    for (size_t i = 0; i < d->n; i++) {
        const double x = number(d->dtype, d->in[0], i);
        const double g = number(d->dtype, d->in[1], i);
        const double start = number(d->dtype, before.out[1], i);
        const double rate = (double)f->slope((long double)x, (long double)f->p,
                                             (long double)f->q);
        const double bound = 12 * epsilon_of(d->dtype)
                             * (fabs(start) + fabs(g) * (1 + fabs(rate)));
        const double added = number(d->dtype, d->out[1], i) - start;
        const double alone = number(d->dtype, d->out[2], i);
        if (!(fabs(added - rate * g) <= bound)
            || !(fabs(alone - rate * g) <= bound))
            fail_msg("slope of function %d at %a: %g and %g, not %g",
                     (int)f->unary, x, added, alone, rate * g);
    }
}

static void test_values_and_slopes(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < FUNCTIONS * LENGTHS; i++) {
            const struct function *f = &functions[i % FUNCTIONS];
            const size_t n = lengths[i / FUNCTIONS];
            if (n > 1000 && n != 4097) continue;
            data *d = make_data(dtype, n, f->low, f->high);
            check_value(d, f);
            check_slope(d, f);
            free(d);
        }
    }
}

static void apply_in_place(const fv__kernels *kernels, data *d,
                           const void *argument)
{
    const struct function *f = argument;
    kernels->unary(f->unary, d->n, d->out[0], d->out[0], f->p, f->q);
}

static void test_in_place(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < FUNCTIONS; i++) {
            const struct function *f = &functions[i];
            data *d = make_data(dtype, 257, f->low, f->high);
            data *same = make_data(dtype, 257, f->low, f->high);
            memcpy(same->out[0], d->in[0], sizeof d->in[0]);
            run_tables(d, apply, f);
            run_tables(same, apply_in_place, f);
            assert_same_bits("in place", dtype, 257, same->out[0], d->out[0]);
            free(d);
            free(same);
        }
    }
}

static double at(const char *isa, fv_dtype dtype, const struct function *f,
                 double x, double *rate)
{
    double from[32] = { 0 }, to[32] = { 0 }, one[32] = { 0 }, grad[32] = { 0 };
    const fv__kernels *kernels = table_of(isa, dtype);
    kernels->fill(17, x, from);
    kernels->fill(17, 1, one);
    kernels->unary(f->unary, 17, from, to, f->p, f->q);
    kernels->unary_grad(f->unary, 17, from, to, one, grad, f->p, f->q,
                        FV__STORE);
    *rate = number(dtype, grad, 16);
    assert_same_bits(isa, dtype, 1, to, to + 1);
    return number(dtype, to, 16);
}

static void check_kinks(const char *isa, fv_dtype dtype)
{
    static const struct function six = { .unary = FV__CLAMP, .q = 6 };
    static const struct function relu = { .unary = FV__CLAMP, .q = INFINITE };
    static const struct function leak = { .unary = FV__LEAKY_RELU, .p = 0.25 };
    static const struct function unit = { .unary = FV__ELU, .p = 3, .q = 1 };
    static const struct function magnitude = { .unary = FV__ABS };
    double rate;
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!(functions[i].unary == FV__POWER && functions[i].p == 0))
            assert_true(isnan(at(isa, dtype, &functions[i], NO_NUMBER, &rate)));
    assert_true(at(isa, dtype, &six, INFINITE, &rate) == 6);
    assert_true(at(isa, dtype, &six, 0, &rate) == 0 && rate == 0);
    assert_true(at(isa, dtype, &six, 6, &rate) == 6 && rate == 0);
    assert_true(at(isa, dtype, &six, INFINITE, &rate) == 6 && rate == 0);
    assert_true(isnan(at(isa, dtype, &six, NO_NUMBER, &rate)) && rate == 1);
    assert_true(at(isa, dtype, &relu, INFINITE, &rate) == INFINITE);
    assert_true(rate == 1);
    assert_true(at(isa, dtype, &relu, -INFINITE, &rate) == 0 && rate == 0);
    assert_true(at(isa, dtype, &relu, 0, &rate) == 0 && rate == 0);
    assert_true(isnan(at(isa, dtype, &relu, NO_NUMBER, &rate)) && rate == 1);
    assert_true(at(isa, dtype, &leak, 0, &rate) == 0 && rate == 0.25);
    assert_true(at(isa, dtype, &leak, INFINITE, &rate) == INFINITE);
    assert_true(rate == 1);
    assert_true(isnan(at(isa, dtype, &leak, NO_NUMBER, &rate)));
    assert_true(rate == 0.25);
    assert_true(at(isa, dtype, &unit, 0, &rate) == 0 && rate == 3);
    assert_true(at(isa, dtype, &unit, INFINITE, &rate) == INFINITE);
    assert_true(rate == 1);
    assert_true(at(isa, dtype, &unit, -INFINITE, &rate) == -3 && rate == 0);
    assert_true(isnan(at(isa, dtype, &unit, NO_NUMBER, &rate)) && rate == 1);
    assert_true(at(isa, dtype, &magnitude, 0, &rate) == 0 && rate == 0);
}

/* NaN passes through every function; kinks have the slope that is written. */
static void test_nan_and_kinks(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t i = 0; i < TABLES; i++)
            if (table_of(tables[i], dtype)) check_kinks(tables[i], dtype);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_slopes),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_nan_and_kinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
