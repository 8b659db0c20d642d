/* Where the extremes are. */
#include "op/whole.h"

static void test_axes(void **state)
{
    (void)state;
    const double x[] = { 1, 3, 3, 0, 2, 0 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *a = check_matrix(context, 2, 3, x);
        IS_WHOLE(fv_arg_max(a, 1, 0), FV_I64, 1, 1);
        IS_WHOLE(fv_arg_min(a, -1, 0), FV_I64, 0, 0);
        IS_WHOLE(fv_arg_max(a, 0, 0), FV_I64, 0, 0, 0);
        fv_variable *y = fv_arg_min(a, 0, 1);
        IS_WHOLE(y, FV_I64, 1, 1, 1);
        check_shape_is(fv_variable_value(y), 2, (int64_t[]){ 1, 3 });
        fv_context_free(context);
    }
}

/* The last column of a plane and the last segment of a row. */
static void test_large(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 3);
    const int64_t shapes[][3] = { { 2, 40000, 1 }, { 2, 300, 301 } };
    for (int i = 0; i < 2; i++) {
        fv_tensor x = fv_tensor_new(context, FV_F32, 3, shapes[i]);
        const int64_t n = shapes[i][1], inner = shapes[i][2];
        float *at = x.data;
        at[(2 * n - 1) * inner - 1] = 1; /* row n - 2, the last column */
        at[(2 * n) * inner - 1] = 1;
        fv_variable *y = fv_arg_max(fv_variable_new(context, &x), 1, 0);
        const fv_tensor *is = fv_variable_value(y);
        assert_int_equal(((const int64_t *)is->data)[2 * inner - 1], n - 2);
        assert_int_equal(((const int64_t *)is->data)[0], 0);
        fv_tensor_free(context, &x);
    }
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 0), 0, 1, 1);
    assert_null(fv_arg_max(a, 1, 0));
    assert_error(context, "arg_extreme: axis 1 of [2, 0] has no elements");
    assert_null(fv_arg_max(a, 2, 0));
    assert_error(context, "arg_extreme: axis 2 is outside 0..1");
    fv_context_free(context);
}

static void test_whole_numbers(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    /* neighbours that are one double */
    int64_t x[2][3] = { { 5, (INT64_C(1) << 60) + 1, INT64_C(1) << 60 },
                        { -7, -7, 2 } };
    const fv_tensor given = fv_tensor_of(x, FV_I64, 2, (int64_t[]){ 2, 3 });
    fv_variable *a = fv_constant(context, &given);
    IS_WHOLE(fv_arg_max(a, 1, 0), FV_I64, 1, 2);
    IS_WHOLE(fv_arg_min(a, 1, 1), FV_I64, 0, 0);
    IS_WHOLE(fv_arg_max(a, 0, 0), FV_I64, 0, 0, 0);
    const fv_tensor truth = fv_tensor_of("\1\0", FV_BOOL, 1, (int64_t[]){ 2 });
    assert_null(fv_arg_max(fv_constant(context, &truth), 0, 0));
    assert_error(context, "arg_extreme: operand 1 has type bool, expected "
                          "whole numbers");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
