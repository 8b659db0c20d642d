/* x where x > 0, else alpha (e^(x / alpha) - 1). */
#include "op/check_element.h"

#define INF (double)INFINITY
#define NONE (double)NAN

static fv_variable *celu(fv_variable *a) { return fv_celu_of(a, 1); }
static double value(double x) { return x > 0 ? x : expm1(x); }
static double slope(double x) { return x > 0 ? 1 : exp(x); }

static fv_variable *weak(fv_variable *a) { return fv_celu_of(a, 0.25); }
static double value_weak(double x) { return x > 0 ? x : 0.25 * expm1(4 * x); }
static double slope_weak(double x) { return x > 0 ? 1 : exp(4 * x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "celu",
                                   .f = celu,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 4 });
    check_unary_all((check_unary){ .name = "celu",
                                   .f = weak,
                                   .value = value_weak,
                                   .slope = slope_weak,
                                   .low = -2,
                                   .high = 2 });
}

/* As torch.nn.functional.celu: the gradients are for 2. */
static void test_special(void **state)
{
    (void)state;
    static const double x[] = { -INF, -0.5, 0, 2, INF, NONE };
    static const double y[] = { -0.25, -0.21616617919, 0, 2, INF, NONE };
    static const double g[] = { 0, 0.27067056647, 2, 2, 2, 2 };
    check_special_values(weak, COUNT(x), x, y);
    check_special(weak, COUNT(x), x, g);
}

static void test_refused(void **state)
{
    (void)state;
    const double one[] = { 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 1, one);
    assert_null(fv_celu_of(a, 0));
    assert_error(context, "celu: alpha 0 is not above 0");
    assert_null(fv_celu_of(a, -1));
    assert_error(context, "celu: alpha -1 is not above 0");
    assert_null(fv_celu_of(a, NONE));
    assert_error(context, "celu: alpha nan is not above 0");
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
