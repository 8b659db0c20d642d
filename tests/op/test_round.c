/* The nearest whole number. */
#include "op/check_element.h"

/* Halves go to the even number, by another way than the operator. */
static double value(double x)
{
    const double below = floor(x), part = x - below;
    if (part == 0.5) return fmod(below, 2) == 0 ? below : below + 1;
    return part < 0.5 ? below : below + 1;
}
static double slope(double x) { return ((void)x, 0); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "round",
                                   .f = fv_round,
                                   .value = value,
                                   .slope = slope,
                                   .low = -9.3,
                                   .high = 9.1 });
}

static void test_halves(void **state)
{
    (void)state;
    const double x[] = { 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388609 };
    const double value[] = { 0, 2, 2, 0, -2, -2, 8388609 };
    check_special_values(fv_round, COUNT(x), x, value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
