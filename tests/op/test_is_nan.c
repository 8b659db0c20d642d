/* Which elements are NaN. */
#include "op/whole.h"

static void test_nan(void **state)
{
    (void)state;
    const double x[] = { 1, (double)NAN, (double)INFINITY, -(double)NAN, 0 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        IS_WHOLE(fv_is_nan(check_vector(context, COUNT(x), x)), FV_BOOL, 0, 1,
                 0, 1, 0);
        assert_null(fv_is_nan(WHOLE(context, 1)));
        assert_int_equal(fv_failed(context), FV_MISUSE);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
