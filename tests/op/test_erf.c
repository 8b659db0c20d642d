/* The error function. */
#include "op/check_element.h"

static double value(double x) { return erf(x); }
static double slope(double x) { return 1.1283791670955126 * exp(-x * x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "erf",
                                   .f = fv_erf,
                                   .value = value,
                                   .slope = slope,
                                   .low = -3,
                                   .high = 3 });
}

static void test_special(void **state)
{
    (void)state;
    const double x[] = {
        0, (double)INFINITY, -(double)INFINITY, (double)NAN, 0.75, -1e-30
    };
    const double value[] = { 0,
                             1,
                             -1,
                             (double)NAN,
                             0.711155633653515131598937834591,
                             -1.1283791670955126e-30 };
    check_special_values(fv_erf, COUNT(x), x, value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
