/* The inverse hyperbolic cosine. */
#include "op/check_element.h"

static double value(double x) { return acosh(x); }
static double slope(double x) { return 1 / sqrt(x * x - 1); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "acosh",
                                   .f = fv_acosh,
                                   .value = value,
                                   .slope = slope,
                                   .low = 1.1,
                                   .high = 5 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 2 };
    static const double gradient[] = { 0.5773502692 };
    check_unary_table(fv_acosh, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
