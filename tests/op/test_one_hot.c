/* Indices as vectors. */
#include "op/whole.h"

static void test_axes(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *i = WHOLE(context, 1, -1, 3, 0);
    check_elements(fv_variable_value(fv_one_hot(i, 3, -1, 0, 1)), 12,
                   (double[]){ 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0 }, 0);
    fv_variable *y = fv_one_hot(fv_cast(i, FV_I32), 3, 0, -1, 5);
    check_shape_is(fv_variable_value(y), 2, (int64_t[]){ 3, 4 });
    check_elements(fv_variable_value(y), 12,
                   (double[]){ -1, -1, -1, 5, 5, -1, -1, -1, -1, 5, -1, -1 },
                   0);
    assert_null(fv_one_hot(i, 0, -1, 0, 1));
    assert_error(context, "one_hot: depth 0 is below 1");
    assert_null(fv_one_hot(i, 3, 2, 0, 1));
    assert_error(context, "one_hot: axis 2 is outside 0..1");
    assert_null(fv_one_hot(TRUTH(context, 1), 3, 0, 0, 1));
    assert_error(context,
                 "one_hot: operand 1 has type bool, expected i64 or i32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
