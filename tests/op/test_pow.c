/* a^b. */
#include "op/check_element.h"

static double value(double a, double b) { return pow(a, b); }
static double slope_a(double a, double b) { return b * pow(a, b - 1); }
static double slope_b(double a, double b) { return pow(a, b) * log(a); }

static void test_formula(void **state)
{
    (void)state;
    check_binary_all((check_binary){ .name = "pow",
                                     .f = fv_pow,
                                     .value = value,
                                     .slope_a = slope_a,
                                     .slope_b = slope_b,
                                     .low = 0.5,
                                     .high = 2 });
}

static void test_pair(void **state)
{
    (void)state;
    static const double a[] = { 3 }, b[] = { 2 };
    static const double value[] = { 9 };
    static const double da[] = { 6 }, db[] = { 9.887510598 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_pow(x, y);
    check_elements(fv_variable_value(result), COUNT(value), value, 1e-9);
    assert_int_equal(fv_backprop(result), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    fv_context_free(context);
}

static void test_zeros(void **state)
{
    (void)state;
    static const double a[] = { 0, 0, 2, 0 }, b[] = { 2, 3, 0, 0 };
    static const double value[] = { 0, 0, 1, 1 };
    static const double da[] = { 0, 0, 0, 0 }, db[] = { 0, 0, 0.6931471806, 0 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_pow(x, y);
    check_elements(fv_variable_value(result), COUNT(value), value, 1e-9);
    assert_int_equal(fv_backprop(result), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
