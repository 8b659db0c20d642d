/* Tests of the operator log_softmax. */
#include "rows.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_log_softmax_of(at[0]);
}

static void test_values(void **state)
{
    const double x[] = { -3.44, 1.16, -0.81, 3.91 };
    double y[4], sum = 0;
    for (int i = 0; i < 4; i++) sum += exp(x[i]);
    for (int i = 0; i < 4; i++) y[i] = x[i] - log(sum);
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        const fv_tensor *is =
            fv_variable_value(fv_log_softmax_of(LEAF(context, x, 1, 4)));
        assert_ok(context);
        assert_numbers(is, y, dtype == FV_F32 ? 1e-6 : 1e-10);
        fv_context_free(context);
    }
}

static void test_extremes(void **state)
{
    const double large[] = { 1e38, -1e38, 1e38, 0 }, inf = (double)INFINITY;
    const double odd[] = { (double)NAN, 1, 2, 1, 2, -inf };
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_numbers(
        fv_variable_value(fv_log_softmax_of(LEAF(context, large, 4))),
        (const double[]){ -log(2), -2e38, -log(2), -1e38 }, 1e-7);
    const fv_tensor *y =
        fv_variable_value(fv_log_softmax_of(LEAF(context, odd, 2, 3)));
    assert_ok(context);
    for (int64_t i = 0; i < 3; i++) assert_true(isnan(number_at(y, i)));
    assert_near(exp(number_at(y, 3)) + exp(number_at(y, 4)), 1, 1e-7);
    assert_true(number_at(y, 5) == -inf);
    fv_context_free(context);
}

static void test_gradients(void **state)
{
    (void)state;
    check_row_gradients(apply);
}

static void test_same_bits(void **state)
{
    (void)state;
    check_row_bits(apply);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double number = 0;
    (void)state;
    assert_null(fv_log_softmax_of(leaf_of(context, &number, 0, NULL)));
    assert_error(context, "log_softmax: input has rank 0, expected at least 1");
    assert_null(fv_log_softmax_of(LEAF(context, &number, 3, 0)));
    assert_error(context, "log_softmax: input [3, 0] has no classes");
    fv_variable *y = fv_log_softmax_of(LEAF(context, &number, 0, 3));
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
