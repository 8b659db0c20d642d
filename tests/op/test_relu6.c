/* min(max(x, 0), 6). */
#include "op/check_element.h"

static double value(double x) { return x > 6 ? 6 : x > 0 ? x : 0; }
static double slope(double x) { return x > 0 && x < 6 ? 1 : 0; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "relu6",
                                   .f = fv_relu6_of,
                                   .value = value,
                                   .slope = slope,
                                   .low = -4,
                                   .high = 10 });
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -1, 0, 3, 6, 7 };
    static const double value[] = { 0, 0, 3, 6, 6 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0, 0, 3, 0, 0 };
    check_unary_table(fv_relu6_of, COUNT(x), x, value, upstream, gradient);
}

static void test_special(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    const double x[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    const fv_tensor *y =
        fv_variable_value(fv_relu6_of(check_vector(context, 3, x)));
    assert_true(isnan(check_at(y, 0)));
    assert_true(check_at(y, 1) == 6);
    assert_true(check_at(y, 2) == 0);
    fv_context_free(context);
}

/* As torch.nn.functional.relu6. */
static void test_special_gradients(void **state)
{
    (void)state;
    static const double x[] = { -(double)INFINITY, 0,          1, 6, 7,
                                (double)INFINITY,  (double)NAN };
    static const double slope[] = { 0, 0, 2, 0, 0, 0, 2 };
    check_special(fv_relu6_of, COUNT(x), x, slope);
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
