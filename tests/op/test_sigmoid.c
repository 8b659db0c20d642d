/* 1 / (1 + e^-x). */
#include "op/check_element.h"

static double value(double x) { return 1 / (1 + exp(-x)); }
static double slope(double x) { return value(x) * (1 - value(x)); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "sigmoid",
                                   .f = fv_sigmoid_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -3,
                                   .high = 3 });
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { 0.119202922, 0.3775406688, 0.5,
                                    0.6224593312, 0.880797078 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0.1049935854, 0.4700074244, 0.75,
                                       0.9400148488, 0.524967927 };
    check_unary_table(fv_sigmoid_of, COUNT(x), x, value, upstream, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_activation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
