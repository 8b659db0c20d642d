/* The scaled exponential linear unit. */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static double value(double x)
{
    return x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * expm1(x);
}
static double slope(double x)
{
    return x > 0 ? 1.0507009873554805 : 1.7580993408473766 * exp(x);
}

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "selu",
                                   .f = fv_selu_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 4 });
}

/* As torch.nn.functional.selu: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -100, 0, 2, INF, NONE };
    static const double y[] = { -1.7580993408473766,
                                -1.7580993408473766,
                                0,
                                2.101401974710961,
                                INF,
                                NONE };
    static const double g[] = { 0,
                                0,
                                2 * 1.7580993408473766,
                                2 * 1.0507009873554805,
                                2 * 1.0507009873554805,
                                2 * 1.0507009873554805 };
    check_special_values(fv_selu_of, COUNT(x), x, y);
    check_special(fv_selu_of, COUNT(x), x, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
