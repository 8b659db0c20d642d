/* a / b. */
#include "op/check_element.h"

static double value(double a, double b) { return a / b; }
static double slope_a(double a, double b) { return ((void)a, 1 / b); }
static double slope_b(double a, double b) { return -a / (b * b); }

static void test_formula(void **state)
{
    (void)state;
    check_binary_all((check_binary){ .name = "div",
                                     .f = fv_div,
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
    static const double value[] = { 1.5 };
    static const double da[] = { 0.5 }, db[] = { -0.75 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_div(x, y);
    check_elements(fv_variable_value(result), COUNT(value), value, 1e-9);
    assert_int_equal(fv_backprop(result), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    fv_context_free(context);
}

static void test_eight(void **state)
{
    (void)state;
    static const double a[] = { 1, 2, 3, 4, 5, 6, 7, 8 },
                        b[] = { 11, 12, 13, 14, 15, 16, 17, 18 };
    static const double value[] = { 0.09090909090909091, 0.16666666666666666,
                                    0.23076923076923078, 0.2857142857142857,
                                    0.3333333333333333,  0.375,
                                    0.4117647058823529,  0.4444444444444444 };
    static const double da[] = { 0.0909090909, 0.0833333333, 0.0769230769,
                                 0.0714285714, 0.0666666667, 0.0625,
                                 0.0588235294, 0.0555555556 },
                        db[] = { -0.00826446281, -0.01388888889, -0.01775147929,
                                 -0.02040816327, -0.02222222222, -0.0234375,
                                 -0.02422145329, -0.02469135802 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, COUNT(a), a);
    fv_variable *y = check_vector(context, COUNT(b), b);
    fv_variable *result = fv_div(x, y);
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
    static const double da[] = { 0.1, 0.05, 0.03333333333333333,
                                 0.1, 0.05, 0.03333333333333333 },
                        db[] = { -0.05, -0.0175, -0.01 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_matrix(context, 2, 3, a);
    fv_variable *y = check_vector(context, 3, b);
    assert_int_equal(fv_backprop(fv_div(x, y)), FV_OK);
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
    static const double da[] = { 0.1, 0.1, 0.1, 0.05, 0.05, 0.05 },
                        db[] = { -0.06, -0.0375 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_matrix(context, 2, 3, a);
    fv_variable *y = check_matrix(context, 2, 1, b);
    assert_int_equal(fv_backprop(fv_div(x, y)), FV_OK);
    check_elements(fv_variable_grad(x), COUNT(da), da, 1e-9);
    check_elements(fv_variable_grad(y), COUNT(db), db, 1e-9);
    assert_true(
        fv_tensor_same_shape(fv_variable_grad(y), fv_variable_value(y)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula), cmocka_unit_test(test_pair),
        cmocka_unit_test(test_eight),   cmocka_unit_test(test_row),
        cmocka_unit_test(test_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
