/* x / (1 + e^-x). */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static double value(double x) { return x / (1 + exp(-x)); }
static double slope(double x) { return (1 + x / (1 + exp(x))) / (1 + exp(-x)); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "silu",
                                   .f = fv_silu_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -6,
                                   .high = 6 });
}

/* As torch.nn.functional.silu: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -200, 0, 200, INF, NONE };
    static const double y[] = { NONE, 0, 0, 200, INF, NONE };
    static const double g[] = { NONE, 0, 1, 2, NONE, NONE };
    check_special_values(fv_silu_of, COUNT(x), x, y);
    check_special(fv_silu_of, COUNT(x), x, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
