/* min(max(x, low), high). */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static fv_variable *hard_tanh(fv_variable *a)
{
    return fv_hard_tanh_of(a, -1, 1);
}
static double value(double x) { return fmin(fmax(x, -1), 1); }
static double slope(double x) { return x > -1 && x < 1; }

static fv_variable *raised(fv_variable *a)
{
    return fv_hard_tanh_of(a, -0.5, 2);
}
static double value_raised(double x) { return fmin(fmax(x, -0.5), 2); }
static double slope_raised(double x) { return x > -0.5 && x < 2; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "hard_tanh",
                                   .f = hard_tanh,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
    check_unary_all((check_unary){ .name = "hard_tanh",
                                   .f = raised,
                                   .value = value_raised,
                                   .slope = slope_raised,
                                   .low = -3,
                                   .high = 3 });
}

/* As torch.nn.functional.hardtanh, as it is where it is not vectorised: the
 * gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -1, 0, 1, INF, NONE };
    static const double y[] = { -1, -1, 0, 1, 1, NONE };
    static const double g[] = { 0, 0, 2, 0, 0, 2 };
    static const double x2[] = { -INF, -0.5, 1, 2, INF, NONE };
    static const double y2[] = { -0.5, -0.5, 1, 2, 2, NONE };
    static const double g2[] = { 0, 0, 2, 0, 0, 2 };
    check_special_values(hard_tanh, COUNT(x), x, y);
    check_special(hard_tanh, COUNT(x), x, g);
    check_special_values(raised, COUNT(x2), x2, y2);
    check_special(raised, COUNT(x2), x2, g2);
}

static void test_refused(void **state)
{
    (void)state;
    const double one[] = { 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 1, one);
    assert_null(fv_hard_tanh_of(a, 1, 1));
    assert_error(context, "hard_tanh: low 1 is not below high 1");
    assert_null(fv_hard_tanh_of(a, NONE, 1));
    assert_error(context, "hard_tanh: low nan is not below high 1");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
