/* ln x. */
#include "op/check_element.h"

static double value(double x) { return log(x); }
static double slope(double x) { return 1 / x; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "log",
                                   .f = fv_log,
                                   .value = value,
                                   .slope = slope,
                                   .low = 0.2,
                                   .high = 3 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = {
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
    };
    static const double gradient[] = {
        10,          5,           3.333333333, 2.5,         2,
        1.666666667, 1.428571429, 1.25,        1.111111111, 1
    };
    check_unary_table(fv_log, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
