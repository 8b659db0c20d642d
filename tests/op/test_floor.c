/* The largest whole number not above x. */
#include "op/check_element.h"

static double value(double x) { return floor(x); }
static double slope(double x) { return ((void)x, 0); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "floor",
                                   .f = fv_floor,
                                   .value = value,
                                   .slope = slope,
                                   .low = -9.3,
                                   .high = 9.1 });
}

static void test_special(void **state)
{
    (void)state;
    const double x[] = { -2.5,        -0.0,
                         2.5,         (double)INFINITY,
                         (double)NAN, 4503599627370497.0 };
    const double value[] = { -3,          -0.0,
                             2,           (double)INFINITY,
                             (double)NAN, 4503599627370497.0 };
    check_special_values(fv_floor, COUNT(x), x, value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
