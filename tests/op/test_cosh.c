/* The hyperbolic cosine. */
#include "op/check_element.h"

static double value(double x) { return cosh(x); }
static double slope(double x) { return sinh(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "cosh",
                                   .f = fv_cosh,
                                   .value = value,
                                   .slope = slope,
                                   .low = 0.2,
                                   .high = 3 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1 };
    static const double gradient[] = { 1.175201194 };
    check_unary_table(fv_cosh, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
