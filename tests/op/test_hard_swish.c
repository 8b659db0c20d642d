/* x min(max(x + 3, 0), 6) / 6. */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static double value(double x) { return x * fmin(fmax(x + 3, 0), 6) / 6; }
static double slope(double x) { return x < -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "hard_swish",
                                   .f = fv_hard_swish_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -5,
                                   .high = 5 });
}

/* As torch.nn.functional.hardswish, whose gradient at 3 is 1 where it is
 * vectorised and 1.5 where it is not: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -4, -3, 0, 3, INF, NONE };
    static const double y[] = { NONE, 0, 0, 0, 3, INF, NONE };
    static const double g[] = { 0, 0, -1, 1, 2, 2, 2 };
    check_special_values(fv_hard_swish_of, COUNT(x), x, y);
    check_special(fv_hard_swish_of, COUNT(x), x, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
