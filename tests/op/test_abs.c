/* |x|, with no gradient at 0. */
#include "op/check_element.h"

static double value(double x) { return fabs(x); }
static double slope(double x) { return x > 0 ? 1 : -1; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "abs",
                                   .f = fv_abs,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { -2, 0, 3 };
    static const double value[] = { 2, 0, 3 };
    static const double upstream[] = { 5, 6, 7 };
    static const double gradient[] = { -5, 0, 7 };
    check_unary_table(fv_abs, COUNT(x), x, value, upstream, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
