/* Euclidean lengths. */
#include "op/check_reduce.h"

static double length(const double *x, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += x[i] * x[i];
    return sqrt(total);
}

static void test_formula(void **state)
{
    (void)state;
    check_reduce_all(
        (check_reduce){ FV_REDUCE_L2, length, 0.2, 1, 0, { 0 }, 0 });
}

/* The gradient of zeros is 0. */
static void test_zeros(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *a = check_matrix(context, 2, 2, (double[]){ 0, 0, 3, -4 });
        fv_variable *y = fv_reduce(a, FV_REDUCE_L2, 1, (int32_t[]){ 1 }, 0);
        check_elements(fv_variable_value(y), 2, (double[]){ 0, 5 }, 0);
        assert_int_equal(fv_backprop(y), FV_OK);
        check_elements(fv_variable_grad(a), 4, (double[]){ 0, 0, 0.6, -0.8 },
                       1e-7);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
