/* Products. */
#include "op/check_reduce.h"

static double product(const double *x, int64_t n)
{
    double total = 1;
    for (int64_t i = 0; i < n; i++) total *= x[i];
    return total;
}

static void test_formula(void **state)
{
    (void)state;
    check_reduce_all(
        (check_reduce){ FV_REDUCE_PROD, product, 0.5, 1.5, 0, { 0 }, 0 });
}

/* One zero, two zeros, none. */
static void test_zeros(void **state)
{
    (void)state;
    const double x[] = { 2, 0, 3, 0, 0, 4, 2, 5, 7 };
    const double value[] = { 0, 0, 70 };
    const double gradient[] = { 0, 6, 0, 0, 0, 0, 35, 14, 10 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_matrix(context, 3, 3, x);
    fv_variable *y = fv_reduce(a, FV_REDUCE_PROD, 1, (int32_t[]){ 1 }, 0);
    check_elements(fv_variable_value(y), 3, value, 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(a), 9, gradient, 0);
    fv_variable *none = check_leaf(context, &(check_shape)SHAPE(2, 0), 0, 1, 1);
    y = fv_reduce(none, FV_REDUCE_PROD, 1, (int32_t[]){ 1 }, 1);
    check_elements(fv_variable_value(y), 2, (double[]){ 1, 1 }, 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
