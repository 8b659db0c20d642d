/* The square root. */
#include "op/check_element.h"

static double value(double x) { return sqrt(x); }
static double slope(double x) { return 0.5 / sqrt(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "sqrt",
                                   .f = fv_sqrt,
                                   .value = value,
                                   .slope = slope,
                                   .low = 0.2,
                                   .high = 3 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 0.25, 1, 4 };
    static const double value[] = { 0.5, 1, 2 };
    static const double upstream[] = { 1, 2, 3 };
    static const double gradient[] = { 1, 1, 0.75 };
    check_unary_table(fv_sqrt, COUNT(x), x, value, upstream, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
