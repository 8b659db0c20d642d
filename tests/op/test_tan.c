/* The tangent. */
#include "op/check_element.h"

static double value(double x) { return tan(x); }
static double slope(double x) { return 1 / (cos(x) * cos(x)); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "tan",
                                   .f = fv_tan,
                                   .value = value,
                                   .slope = slope,
                                   .low = -1,
                                   .high = 1 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1 };
    static const double gradient[] = { 3.425518821 };
    check_unary_table(fv_tan, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
