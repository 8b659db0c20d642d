/* Sums. */
#include "op/check_reduction.h"

static double value(const double *x, int64_t n, double *derivative)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        derivative[i] = 1;
    }
    return sum;
}

static const check_reduction reduction = { .name = "sum",
                                           .all = fv_sum,
                                           .along = fv_sum_axis,
                                           .value = value,
                                           .empty = true };

static void test_formula(void **state)
{
    (void)state;
    check_reduction_all(reduction);
}

static void test_ten(void **state)
{
    (void)state;
    const double x[] = { 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 };
    const double value[] = { 5.5 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *a = check_vector(context, COUNT(x), x);
    fv_variable *y = fv_sum_axis(a, 0);
    check_elements(fv_variable_value(y), 1, value, 1e-15);
    assert_int_equal(fv_backprop(y), FV_OK);
    for (int64_t i = 0; i < COUNT(x); i++)
        assert_near(check_at(fv_variable_grad(a), i), 1, 1e-15);
    fv_context_free(context);
}

static void test_table(void **state)
{
    (void)state;
    const double columns[] = { 6, 8, 10, 12 }, rows[] = { 10, 26 };
    const double all[] = { 36 };
    check_reduction_table(&reduction, 0, 4, columns, 1);
    check_reduction_table(&reduction, 1, 2, rows, 1);
    check_reduction_table(&reduction, CHECK_ALL, 1, all, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_ten),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
