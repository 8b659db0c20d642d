/* Means. */
#include "op/check_reduction.h"

static double value(const double *x, int64_t n, double *derivative)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        derivative[i] = 1 / (double)n;
    }
    return sum / (double)n;
}

static const check_reduction reduction = { .name = "mean",
                                           .all = fv_mean,
                                           .along = fv_mean_axis,
                                           .value = value,
                                           .empty = false };

static void test_formula(void **state)
{
    (void)state;
    check_reduction_all(reduction);
}

static void test_ten(void **state)
{
    (void)state;
    const double x[] = { 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 };
    const double value[] = { 0.55 };
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *a = check_vector(context, COUNT(x), x);
    fv_variable *y = fv_mean_axis(a, 0);
    check_elements(fv_variable_value(y), 1, value, 1e-15);
    assert_int_equal(fv_backprop(y), FV_OK);
    for (int64_t i = 0; i < COUNT(x); i++)
        assert_near(check_at(fv_variable_grad(a), i), 0.1, 1e-15);
    fv_context_free(context);
}

static void test_table(void **state)
{
    (void)state;
    const double columns[] = { 3, 4, 5, 6 }, rows[] = { 2.5, 6.5 };
    const double all[] = { 4.5 };
    check_reduction_table(&reduction, 0, 4, columns, 0.5);
    check_reduction_table(&reduction, 1, 2, rows, 0.25);
    check_reduction_table(&reduction, CHECK_ALL, 1, all, 0.125);
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
