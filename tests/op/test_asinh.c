/* The inverse hyperbolic sine. */
#include "op/check_element.h"

static double value(double x) { return asinh(x); }
static double slope(double x) { return 1 / sqrt(x * x + 1); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "asinh",
                                   .f = fv_asinh,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 4 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1 };
    static const double gradient[] = { 0.7071067812 };
    check_unary_table(fv_asinh, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
