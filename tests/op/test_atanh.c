/* The inverse hyperbolic tangent. */
#include "op/check_element.h"

static double value(double x) { return atanh(x); }
static double slope(double x) { return 1 / (1 - x * x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "atanh",
                                   .f = fv_atanh,
                                   .value = value,
                                   .slope = slope,
                                   .low = -0.9,
                                   .high = 0.9 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 0.5 };
    static const double gradient[] = { 1.333333333 };
    check_unary_table(fv_atanh, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
