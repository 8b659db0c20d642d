/* Truth values. */
#include "op/whole.h"

static void test_tables(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = TRUTH(context, 0, 0, 1, 1),
                *b = TRUTH(context, 0, 1, 0, 1);
    IS_WHOLE(fv_and(a, b), FV_BOOL, 0, 0, 0, 1);
    IS_WHOLE(fv_or(a, b), FV_BOOL, 0, 1, 1, 1);
    IS_WHOLE(fv_xor(a, b), FV_BOOL, 0, 1, 1, 0);
    IS_WHOLE(fv_not(a), FV_BOOL, 1, 1, 0, 0);
    IS_WHOLE(fv_and(a, TRUTH(context, 1)), FV_BOOL, 0, 0, 1, 1);
    IS_WHOLE(fv_or(TRUTH(context, 0), a), FV_BOOL, 0, 0, 1, 1);
    assert_null(fv_and(a, WHOLE(context, 1)));
    assert_error(context, "logic: operand 2 has type i64, expected bool");
    assert_null(fv_not(WHOLE(context, 1)));
    assert_error(context, "logic: operand 1 has type i64, expected bool");
    assert_null(fv_or(a, TRUTH(context, 1, 1)));
    assert_error(context, "logic: shapes [4] and [2] do not broadcast");
    assert_null(fv_not(NULL));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
