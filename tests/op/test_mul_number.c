/* a s. */
#include "op/check_element.h"

static fv_variable *scale(fv_variable *a) { return fv_mul_number(a, -2.5); }
static double scale_value(double x) { return -2.5 * x; }
static double scale_slope(double x) { return ((void)x, -2.5); }

static void test_scale(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "mul_number",
                                   .f = scale,
                                   .value = scale_value,
                                   .slope = scale_slope,
                                   .low = -2,
                                   .high = 2 });
}

/* The sign of zero is the product's. */
static void test_zero(void **state)
{
    (void)state;
    const double x[] = { 0, -1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 2, x);
    const fv_tensor *y = fv_variable_value(fv_mul_number(a, 0));
    assert_false(signbit(check_at(y, 0)));
    assert_true(signbit(check_at(y, 1)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
