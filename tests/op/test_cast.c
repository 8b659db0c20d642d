/* Other element types. */
#include "op/whole.h"

static void test_truncation(void **state)
{
    (void)state;
    const double x[] = {
        2.9, -2.9, 300, -300, 0, 0.25, 1e30, -1e30, (double)NAN
    };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *a = check_vector(context, COUNT(x), x);
        IS_WHOLE(fv_cast(a, FV_I64), FV_I64, 2, -2, 300, -300, 0, 0, INT64_MAX,
                 INT64_MIN, 0);
        IS_WHOLE(fv_cast(a, FV_I32), FV_I32, 2, -2, 300, -300, 0, 0, INT32_MAX,
                 INT32_MIN, 0);
        IS_WHOLE(fv_cast(a, FV_I16), FV_I16, 2, -2, 300, -300, 0, 0, INT16_MAX,
                 INT16_MIN, 0);
        IS_WHOLE(fv_cast(a, FV_I8), FV_I8, 2, -2, 127, -128, 0, 0, 127, -128,
                 0);
        IS_WHOLE(fv_cast(a, FV_U8), FV_U8, 2, 0, 255, 0, 0, 0, 255, 0, 0);
        IS_WHOLE(fv_cast(a, FV_BOOL), FV_BOOL, 1, 1, 1, 1, 0, 1, 1, 1, 1);
        fv_context_free(context);
    }
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = WHOLE(context, 3, -1, 0, 257);
    IS_WHOLE(fv_cast(a, FV_U8), FV_U8, 3, 255, 0, 1);
    IS_WHOLE(fv_cast(a, FV_BOOL), FV_BOOL, 1, 1, 0, 1);
    IS_WHOLE(fv_cast(a, FV_I64), FV_I64, 3, -1, 0, 257);
    check_elements(fv_variable_value(fv_cast(a, FV_F32)), 4,
                   (double[]){ 3, -1, 0, 257 }, 0);
    IS_WHOLE(fv_cast(TRUTH(context, 1, 0), FV_I32), FV_I32, 1, 0);
    /* 2^60 + 2^36 + 1 is rounded once, up */
    fv_variable *large =
        WHOLE(context, (INT64_C(1) << 60) + (INT64_C(1) << 36) + 1);
    assert_true(check_at(fv_variable_value(fv_cast(large, FV_F32)), 0)
                == 0x1p60 + 0x1p37);
    assert_null(fv_cast(a, FV_F64));
    assert_error(context, "cast: the context computes in f32, not in f64");
    assert_null(fv_cast(a, (fv_dtype)99));
    assert_error(context, "cast: unknown element type 99");
    fv_context_free(context);
}

static fv_variable *same(void *user, fv_variables at)
{
    (void)user;
    const fv_dtype real = fv_variable_value(at.at[0])->dtype;
    fv_variable *whole = fv_cast(fv_cast(at.at[0], FV_I32), real);
    return fv_mul(fv_cast(at.at[0], real), fv_add_number(whole, 1));
}

static void test_gradient(void **state)
{
    (void)state;
    check_case c = { .f = same, .count = 1, .low = -3.4, .high = 3.3 };
    c.shapes[0] = (check_shape)SHAPE(3, 7);
    check_gradient(&c);
    c.shapes[0] = (check_shape)SHAPE(7, 5003);
    check_threads(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
