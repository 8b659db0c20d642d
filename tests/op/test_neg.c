/* -x. */
#include "op/check_element.h"

static double value(double x) { return -x; }
static double slope(double x) { return ((void)x, -1); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "neg",
                                   .f = fv_neg,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1, 2 };
    static const double value[] = { -1, -2 };
    static const double gradient[] = { -1, -1 };
    check_unary_table(fv_neg, COUNT(x), x, value, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
