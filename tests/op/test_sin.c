/* The sine. */
#include "op/check_element.h"

static double value(double x) { return sin(x); }
static double slope(double x) { return cos(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "sin",
                                   .f = fv_sin,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1 };
    static const double gradient[] = { 0.5403023059 };
    check_unary_table(fv_sin, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
