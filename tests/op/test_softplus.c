/* log(1 + e^(beta x)) / beta. */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static fv_variable *softplus(fv_variable *a)
{
    return fv_softplus_of(a, 1, 20);
}
static double value(double x) { return log1p(exp(x)); }
static double slope(double x) { return 1 / (1 + exp(-x)); }

static fv_variable *steep(fv_variable *a) { return fv_softplus_of(a, 2.5, 3); }
static double value_steep(double x)
{
    return 2.5 * x > 3 ? x : log1p(exp(2.5 * x)) / 2.5;
}
static double slope_steep(double x)
{
    return 2.5 * x > 3 ? 1 : 1 / (1 + exp(-2.5 * x));
}

static fv_variable *falling(fv_variable *a)
{
    return fv_softplus_of(a, -1, 20);
}
static double value_falling(double x) { return -log1p(exp(-x)); }
static double slope_falling(double x) { return 1 / (1 + exp(x)); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "softplus",
                                   .f = softplus,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 4 });
    check_unary_all((check_unary){ .name = "softplus",
                                   .f = steep,
                                   .value = value_steep,
                                   .slope = slope_steep,
                                   .low = -4,
                                   .high = 1.1 });
    check_unary_all((check_unary){ .name = "softplus",
                                   .f = falling,
                                   .value = value_falling,
                                   .slope = slope_falling,
                                   .low = -4,
                                   .high = 4 });
}

/* As torch.nn.functional.softplus: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -200, 0, 20.5, INF, NONE };
    static const double y[] = { 0, 0, 0.6931471805599453, 20.5, INF, NONE };
    static const double g[] = { 0, 0, 1, 2, 2, NONE };
    static const double x2[] = { 1.19, 1.21 };
    static const double y2[] = { 1.2099148893, 1.21 };
    static const double g2[] = { 1.9028636913, 2 };
    check_special_values(softplus, COUNT(x), x, y);
    check_special(softplus, COUNT(x), x, g);
    check_special_values(steep, COUNT(x2), x2, y2);
    check_special(steep, COUNT(x2), x2, g2);
}

static void test_refused(void **state)
{
    (void)state;
    const double one[] = { 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 1, one);
    assert_null(fv_softplus_of(a, 0, 20));
    assert_error(context, "softplus: beta is 0");
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
