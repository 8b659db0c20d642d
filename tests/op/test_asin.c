/* The inverse sine. */
#include "op/check_element.h"

static double value(double x) { return asin(x); }
static double slope(double x) { return 1 / sqrt(1 - x * x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "asin",
                                   .f = fv_asin,
                                   .value = value,
                                   .slope = slope,
                                   .low = -0.9,
                                   .high = 0.9 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 0.5 };
    static const double gradient[] = { 1.154700538 };
    check_unary_table(fv_asin, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
