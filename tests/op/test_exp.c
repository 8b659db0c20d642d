/* e^x. */
#include "op/check_element.h"

static double value(double x) { return exp(x); }
static double slope(double x) { return exp(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "exp",
                                   .f = fv_exp,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = {
        0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9
    };
    static const double gradient[] = { 1,           1.105170918, 1.221402758,
                                       1.349858808, 1.491824698, 1.648721271,
                                       1.8221188,   2.013752707, 2.225540928,
                                       2.459603111 };
    check_unary_table(fv_exp, COUNT(x), x, NULL, NULL, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
