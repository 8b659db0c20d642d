/* a - b. */
#include "op/check_element.h"

static double value(double a, double b) { return a - b; }
static double slope_a(double a, double b) { return ((void)a, (void)b, 1); }
static double slope_b(double a, double b) { return ((void)a, (void)b, -1); }

static void test_formula(void **state)
{
    (void)state;
    check_binary_all((check_binary){ .name = "sub",
                                     .f = fv_sub,
                                     .value = value,
                                     .slope_a = slope_a,
                                     .slope_b = slope_b,
                                     .low = -2,
                                     .high = 2 });
}

static void test_pair(void **state)
{
    (void)state;
    static const double a[] = { 1 }, b[] = { 1 };
    static const double value[] = { 0 };
    static const double da[] = { 1 }, db[] = { -1 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_sub(x, y);
    check_elements(fv_variable_value(result), COUNT(value), value, 1e-9);
    assert_int_equal(fv_backprop(result), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    fv_context_free(context);
}

static void test_row(void **state)
{
    (void)state;
    static const double a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 10, 20, 30 };
    static const double da[] = { 1, 1, 1, 1, 1, 1 }, db[] = { -2, -2, -2 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_matrix(context, 2, 3, a);
    fv_variable *y = check_vector(context, 3, b);
    assert_int_equal(fv_backprop(fv_sub(x, y)), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    assert_true(
        fv_tensor_same_shape(fv_variable_grad(y), fv_variable_value(y)));
    fv_context_free(context);
}

static void test_column(void **state)
{
    (void)state;
    static const double a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 10, 20 };
    static const double da[] = { 1, 1, 1, 1, 1, 1 }, db[] = { -3, -3 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_matrix(context, 2, 3, a);
    fv_variable *y = check_matrix(context, 2, 1, b);
    assert_int_equal(fv_backprop(fv_sub(x, y)), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    assert_true(
        fv_tensor_same_shape(fv_variable_grad(y), fv_variable_value(y)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
