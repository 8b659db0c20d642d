/* The larger of two. */
#include "op/check_element.h"

static double value(double a, double b) { return a > b ? a : b; }
static double slope_a(double a, double b)
{
    return a > b ? 1 : a < b ? 0 : 0.5;
}
static double slope_b(double a, double b)
{
    return a < b ? 1 : a > b ? 0 : 0.5;
}

static void test_formula(void **state)
{
    (void)state;
    check_binary_all((check_binary){ .name = "maximum",
                                     .f = fv_maximum,
                                     .value = value,
                                     .slope_a = slope_a,
                                     .slope_b = slope_b,
                                     .low = -2,
                                     .high = 2 });
}

static void test_tie(void **state)
{
    (void)state;
    static const double a[] = { 1, 2, 3 }, b[] = { 2, 2, 1 };
    static const double value[] = { 2, 2, 3 };
    static const double da[] = { 0, 0.5, 1 }, db[] = { 1, 0.5, 0 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_maximum(x, y);
    check_elements(fv_variable_value(result), COUNT(value), value, 1e-9);
    assert_int_equal(fv_backprop(result), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    fv_context_free(context);
}

static void test_nan(void **state)
{
    (void)state;
    const double a[] = { (double)NAN, 1, (double)NAN };
    const double b[] = { 1, (double)NAN, (double)NAN };
    fv_context *context = check_context(FV_F32, 1);
    const fv_tensor *y = fv_variable_value(
        fv_maximum(check_vector(context, 3, a), check_vector(context, 3, b)));
    for (int64_t i = 0; i < 3; i++) assert_true(isnan(check_at(y, i)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_tie),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
