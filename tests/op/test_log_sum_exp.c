/* Logarithms of sums of powers. */
#include "op/check_reduce.h"

static double value(const double *x, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += exp(x[i]);
    return log(total);
}

static void test_formula(void **state)
{
    (void)state;
    check_reduce_all(
        (check_reduce){ FV_REDUCE_LOG_SUM_EXP, value, -2, 2, 0, { 0 }, 0 });
}

/* Large numbers and infinities. */
static void test_large(void **state)
{
    (void)state;
    const double none = -(double)INFINITY, all = (double)INFINITY;
    const double x[] = { 1000, 1000, none, none, none, 3, all, 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_matrix(context, 4, 2, x);
    fv_variable *y =
        fv_reduce(a, FV_REDUCE_LOG_SUM_EXP, 1, (int32_t[]){ 1 }, 0);
    const fv_tensor *is = fv_variable_value(y);
    assert_near(check_at(is, 0), 1000 + log(2), 1e-6);
    assert_true(check_at(is, 1) == none);
    assert_true(check_at(is, 2) == 3);
    assert_true(check_at(is, 3) == all);
    assert_int_equal(fv_backprop(y), FV_OK);
    assert_near(check_at(fv_variable_grad(a), 1), 0.5, 1e-4);
    assert_true(check_at(fv_variable_grad(a), 5) == 1);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
