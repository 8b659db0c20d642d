/* max(x, 0). */
#include "op/check_element.h"

static double value(double x) { return x > 0 ? x : 0; }
static double slope(double x) { return x > 0 ? 1 : 0; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "relu",
                                   .f = fv_relu_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { 0, 0, 0, 0.5, 2 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0, 0, 0, 4, 5 };
    check_unary_table(fv_relu_of, COUNT(x), x, value, upstream, gradient);
}

static void test_special(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    const double x[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    const fv_tensor *y =
        fv_variable_value(fv_relu_of(check_vector(context, 3, x)));
    assert_true(isnan(check_at(y, 0)));
    assert_true(check_at(y, 1) == (double)INFINITY);
    assert_true(check_at(y, 2) == 0);
    fv_context_free(context);
}

/* As torch.relu: the gradient is that of x at +inf and NaN. */
static void test_special_gradients(void **state)
{
    (void)state;
    static const double x[] = { -(double)INFINITY, -1,          0, 1,
                                (double)INFINITY,  (double)NAN, 7 };
    static const double slope[] = { 0, 0, 0, 2, 2, 2, 2 };
    check_special(fv_relu_of, COUNT(x), x, slope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_special_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
