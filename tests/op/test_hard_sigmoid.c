/* min(max(x + 3, 0), 6) / 6. */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static double value(double x) { return fmin(fmax(x + 3, 0), 6) / 6; }
static double slope(double x) { return x > -3 && x < 3 ? 1.0 / 6 : 0; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "hard_sigmoid",
                                   .f = fv_hard_sigmoid_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -5,
                                   .high = 5 });
}

/* As torch.nn.functional.hardsigmoid: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -3, 0, 3, INF, NONE };
    static const double y[] = { 0, 0, 0.5, 1, 1, NONE };
    static const double g[] = { 0, 0, 1.0 / 3, 0, 0, 0 };
    check_special_values(fv_hard_sigmoid_of, COUNT(x), x, y);
    check_special(fv_hard_sigmoid_of, COUNT(x), x, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
