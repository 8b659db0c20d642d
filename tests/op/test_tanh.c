/* The hyperbolic tangent. */
#include "op/check_element.h"

static double value(double x) { return tanh(x); }
static double slope(double x) { return 1 - tanh(x) * tanh(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "tanh",
                                   .f = fv_tanh_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = {
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
    };
    static const double gradient[] = { 0.9900662908, 0.961042983,  0.9151369618,
                                       0.8556387861, 0.786447733,  0.7115777626,
                                       0.63473959,   0.5590551677, 0.4869173611,
                                       0.4199743416 };
    check_unary_table(fv_tanh_of, COUNT(x), x, NULL, NULL, gradient);
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { -0.9640275801, -0.4621171573, 0,
                                    0.4621171573, 0.9640275801 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0.07065082485, 1.572895466, 3,
                                       3.145790932, 0.3532541243 };
    check_unary_table(fv_tanh_of, COUNT(x), x, value, upstream, gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_activation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
