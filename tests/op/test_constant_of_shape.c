/* Equal numbers of a given shape. */
#include "op/whole.h"

static void test_values(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *y = fv_constant_of_shape(WHOLE(context, 2, 3), 1.5, FV_F32);
    check_shape_is(fv_variable_value(y), 2, (int64_t[]){ 2, 3 });
    check_elements(fv_variable_value(y), 6,
                   (double[]){ 1.5, 1.5, 1.5, 1.5, 1.5, 1.5 }, 0);
    y = fv_constant_of_shape(WHOLE(context, 2), 1.5, FV_F64);
    assert_int_equal(fv_variable_value(y)->dtype, FV_F32);
    IS_WHOLE(fv_constant_of_shape(WHOLE(context, 1, 3), -2, FV_I64), FV_I64, -2,
             -2, -2);
    IS_WHOLE(fv_constant_of_shape(WHOLE(context, 2), 5, FV_BOOL), FV_BOOL, 1,
             1);
    check_whole(fv_constant_of_shape(WHOLE(context, 0, 3), 5, FV_I32), FV_I32,
                0, NULL);
    assert_null(fv_constant_of_shape(WHOLE(context, -1), 5, FV_I32));
    assert_error(context,
                 "constant_of_shape: [-1] has a negative extent or too "
                 "many elements");
    assert_null(fv_constant_of_shape(TRUTH(context, 1), 5, FV_I32));
    assert_error(context,
                 "constant_of_shape: the shape has type bool, expected "
                 "i64");
    fv_variable *deep = WHOLE(context, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    assert_null(fv_constant_of_shape(deep, 5, FV_I32));
    assert_error(context, "constant_of_shape: the shape is not a vector of at "
                          "most 8 numbers");
    assert_null(fv_constant_of_shape(deep, 5, (fv_dtype)99));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
