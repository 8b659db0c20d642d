/* x where x > 0, else slope x. */
#include "op/check_element.h"

static fv_variable *leaky(fv_variable *a) { return fv_leaky_relu_of(a, 0.01); }

static double value(double x) { return x > 0 ? x : 0.01 * x; }
static double slope(double x) { return x > 0 ? 1 : 0.01; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "leaky_relu",
                                   .f = leaky,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { -0.02, -0.005, 0, 0.5, 2 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0.01, 0.02, 0.03, 4, 5 };
    check_unary_table(leaky, COUNT(x), x, value, upstream, gradient);
}

/* As torch.nn.functional.leaky_relu. */
static void test_special_gradients(void **state)
{
    (void)state;
    static const double x[] = { -(double)INFINITY, 0, 2, (double)INFINITY,
                                (double)NAN };
    static const double slope[] = { 0.02, 0.02, 2, 2, 0.02 };
    check_special(leaky, COUNT(x), x, slope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_special_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
