/* x / (1 + |x|). */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static double value(double x) { return x / (1 + fabs(x)); }
static double slope(double x) { return 1 / ((1 + fabs(x)) * (1 + fabs(x))); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "softsign",
                                   .f = fv_softsign_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 4 });
}

/* As torch.nn.functional.softsign: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -3, 0, 3, INF, NONE };
    static const double y[] = { NONE, -0.75, 0, 0.75, NONE, NONE };
    static const double g[] = { NONE, 0.125, 2, 0.125, NONE, NONE };
    check_special_values(fv_softsign_of, COUNT(x), x, y);
    check_special(fv_softsign_of, COUNT(x), x, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
