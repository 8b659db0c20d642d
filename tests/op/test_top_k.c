/* The largest and smallest elements, in order. */
#include "op/whole.h"

static fv_variable *top(void *user, fv_variables at)
{
    fv_variable *outputs[2];
    fv_top_k(at.at[0], 3, *(const int32_t *)user, 0, outputs);
    return outputs[0];
}

static void test_gradients(void **state)
{
    (void)state;
    for (int32_t axis = 0; axis < 2; axis++) {
        check_case c = {
            .f = top, .user = &axis, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(4, 5, 2);
        check_gradient(&c);
        c.shapes[0] = (check_shape)SHAPE(60, 61, 4);
        check_threads(&c);
    }
}

static void test_order(void **state)
{
    (void)state;
    const double x[] = { 2, 5, (double)NAN, 2, 7, 5 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *a = check_vector(context, 6, x), *outputs[2];
        assert_int_equal(fv_top_k(a, 5, 0, 0, outputs), FV_OK);
        IS_WHOLE(outputs[1], FV_I64, 2, 4, 1, 5, 0);
        assert_true(isnan(check_at(fv_variable_value(outputs[0]), 0)));
        assert_true(check_at(fv_variable_value(outputs[0]), 4) == 2);
        assert_int_equal(fv_top_k(a, 6, -1, 1, outputs), FV_OK);
        IS_WHOLE(outputs[1], FV_I64, 0, 3, 1, 5, 4, 2);
        assert_int_equal(fv_top_k(a, 0, 0, 0, outputs), FV_OK);
        check_whole(outputs[1], FV_I64, 0, NULL);
        fv_context_free(context);
    }
}

/* Indices alone make no gradient. */
static void test_table(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *outputs[2];
    fv_variable *a =
        check_matrix(context, 2, 3, (double[]){ 1, 3, 2, 6, 4, 5 });
    assert_int_equal(fv_top_k(a, 1, 0, 0, outputs), FV_OK);
    check_elements(fv_variable_value(outputs[0]), 3, (double[]){ 6, 4, 5 }, 0);
    IS_WHOLE(outputs[1], FV_I64, 1, 1, 1);
    assert_int_equal(fv_backprop(outputs[0]), FV_OK);
    check_elements(fv_variable_grad(a), 6, (double[]){ 0, 0, 0, 1, 1, 1 }, 0);
    assert_int_equal(fv_top_k(a, 4, 1, 0, outputs), FV_MISUSE);
    assert_error(context, "top_k: k 4 is outside 0..3, the extent of axis 1");
    assert_null(outputs[0]);
    assert_int_equal(fv_top_k(a, 1, 2, 0, outputs), FV_MISUSE);
    assert_error(context, "top_k: axis 2 is outside 0..1");
    fv_context_free(context);
}

static void test_whole_numbers(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    /* neighbours that are one double */
    int64_t x[] = { 5, INT64_C(1) << 60, (INT64_C(1) << 60) + 1, -3, 5 };
    const fv_tensor given = fv_tensor_of(x, FV_I64, 1, (int64_t[]){ 5 });
    fv_variable *a = fv_constant(context, &given), *outputs[2];
    assert_int_equal(fv_top_k(a, 4, 0, 0, outputs), FV_OK);
    IS_WHOLE(outputs[0], FV_I64, (INT64_C(1) << 60) + 1, INT64_C(1) << 60, 5,
             5);
    IS_WHOLE(outputs[1], FV_I64, 2, 1, 0, 4);
    assert_int_equal(fv_top_k(a, 3, 0, 1, outputs), FV_OK);
    IS_WHOLE(outputs[0], FV_I64, -3, 5, 5);
    IS_WHOLE(outputs[1], FV_I64, 3, 0, 4);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
