/* Tests of the operator softmax. */
#include "rows.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_softmax_of(at[0]);
}

static void test_values(void **state)
{
    const double x[] = { -3.44, 1.16, -0.81, 3.91 };
    const double y[] = { 0.0005986035967, 0.05955166916, 0.008304888563,
                         0.9315448387 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        const fv_tensor *is =
            fv_variable_value(fv_softmax_of(LEAF(context, x, 1, 4)));
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
    assert_numbers(fv_variable_value(fv_softmax_of(LEAF(context, large, 4))),
                   (const double[]){ 0.5, 0, 0.5, 0 }, 0);
    const fv_tensor *y =
        fv_variable_value(fv_softmax_of(LEAF(context, odd, 2, 3)));
    assert_ok(context);
    for (int64_t i = 0; i < 3; i++) assert_true(isnan(number_at(y, i)));
    assert_near(number_at(y, 3) + number_at(y, 4), 1, 1e-7);
    assert_near(number_at(y, 5), 0, 0);
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
    assert_null(fv_softmax_of(leaf_of(context, &number, 0, NULL)));
    assert_error(context, "softmax: input has rank 0, expected at least 1");
    assert_null(fv_softmax_of(LEAF(context, &number, 3, 0)));
    assert_error(context, "softmax: input [3, 0] has no classes");
    fv_variable *y = fv_softmax_of(LEAF(context, &number, 0, 3));
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
