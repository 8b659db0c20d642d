/* x times the normal distribution up to x, exactly and by tanh. */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static fv_variable *gelu(fv_variable *a)
{
    return fv_gelu_of(a, FV_GELU_EXACT);
}
static double value(double x) { return x * erfc(-x * sqrt(0.5)) / 2; }
static double slope(double x)
{
    return erfc(-x * sqrt(0.5)) / 2 + x * exp(-x * x / 2) / sqrt(2 * acos(-1));
}

static double inner(double x)
{
    return sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);
}

static fv_variable *smooth(fv_variable *a)
{
    return fv_gelu_of(a, FV_GELU_TANH);
}
static double value_smooth(double x) { return x * (1 + tanh(inner(x))) / 2; }
static double slope_smooth(double x)
{
    return (1 + tanh(inner(x))) / 2
           + x / 2 * (1 - tanh(inner(x)) * tanh(inner(x))) * sqrt(2 / acos(-1))
                 * (1 + 3 * 0.044715 * x * x);
}

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "gelu",
                                   .f = gelu,
                                   .value = value,
                                   .slope = slope,
                                   .low = -5,
                                   .high = 5 });
    check_unary_all((check_unary){ .name = "gelu",
                                   .f = smooth,
                                   .value = value_smooth,
                                   .slope = slope_smooth,
                                   .low = -5,
                                   .high = 5 });
}

/* As torch.nn.functional.gelu: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -60, 0, 60, INF, NONE };
    static const double y[] = { NONE, 0, 0, 60, INF, NONE };
    static const double g[] = { NONE, 0, 1, 2, NONE, NONE };
    static const double x2[] = { -INF, -60, 0, 60, INF, NONE };
    static const double y2[] = { NONE, 0, 0, 60, INF, NONE };
    static const double g2[] = { NONE, 0, 1, 2, NONE, NONE };
    check_special_values(gelu, COUNT(x), x, y);
    check_special(gelu, COUNT(x), x, g);
    check_special_values(smooth, COUNT(x2), x2, y2);
    check_special(smooth, COUNT(x2), x2, g2);
}

static void test_refused(void **state)
{
    (void)state;
    const double one[] = { 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 1, one);
    assert_null(fv_gelu_of(a, (fv_gelu_approximation)2));
    assert_error(context, "gelu: approximate 2 is unknown (0 to 1)");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
