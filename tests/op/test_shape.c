/* The extents of a tensor. */
#include "op/whole.h"

static void test_extents(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2, 0, 3), 0, 1, 1);
    IS_WHOLE(fv_shape_of(x), FV_I64, 2, 0, 3);
    IS_WHOLE(fv_shape_of(TRUTH(context, 1, 0, 1)), FV_I64, 3);
    check_whole(fv_shape_of(fv_variable_number(context, 1)), FV_I64, 0, NULL);
    assert_null(fv_shape_of(NULL));
    assert_ok(context);
    fv_context_free(context);
}

/* Operations that take extents from elsewhere. */
static void test_changes(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x =
        check_leaf(context, &(check_shape)SHAPE(1, 3, 1, 2), 0, 1, 1);
    IS_WHOLE(fv_shape_of(fv_squeeze(x, 0, NULL)), FV_I64, 3, 2);
    IS_WHOLE(fv_shape_of(fv_squeeze(x, 1, (int32_t[]){ -2 })), FV_I64, 1, 3, 2);
    IS_WHOLE(fv_shape_of(fv_unsqueeze(x, 2, (int32_t[]){ -1, 0 })), FV_I64, 1,
             1, 3, 1, 2, 1);
    IS_WHOLE(fv_shape_of(fv_expand(x, 3, (int64_t[]){ -1, 4, 1 })), FV_I64, 1,
             3, 4, 2);
    IS_WHOLE(fv_shape_of(fv_expand(x, 5, (int64_t[]){ 2, 2, 1, 1, 1 })), FV_I64,
             2, 2, 3, 1, 2);
    fv_variable *whole = WHOLE(context, 1, 2);
    IS_WHOLE(fv_tile(whole, 1, (int64_t[]){ 2 }), FV_I64, 1, 2, 1, 2);
    IS_WHOLE(fv_tile(whole, 2, (int64_t[]){ 2, 1 }), FV_I64, 1, 2, 1, 2);
    IS_WHOLE(fv_shape_of(fv_tile(x, 2, (int64_t[]){ 2, 3 })), FV_I64, 1, 3, 2,
             6);
    check_whole(fv_tile(whole, 1, (int64_t[]){ 0 }), FV_I64, 0, NULL);
    whole = whole_of(context, FV_I8, &(check_shape)SHAPE(2, 2),
                     (int64_t[]){ 1, 2, 3, 4 });
    IS_WHOLE(fv_tile(whole, 2, (int64_t[]){ 2, 2 }), FV_I8, 1, 2, 1, 2, 3, 4, 3,
             4, 1, 2, 1, 2, 3, 4, 3, 4);
    IS_WHOLE(fv_flip(whole, 1, (int32_t[]){ 1 }), FV_I8, 2, 1, 4, 3);
    IS_WHOLE(fv_flip(whole, 2, (int32_t[]){ 0, 1 }), FV_I8, 4, 3, 2, 1);
    assert_ok(context);
    fv_context_free(context);
}

static fv_variable *tiles(void *user, fv_variables at)
{
    (void)user;
    fv_variable *y = fv_tile(at.at[0], 3, (int64_t[]){ 2, 1, 3 });
    fv_variable *z = fv_tile(fv_exp(at.at[0]), 1, (int64_t[]){ 3 });
    return fv_mul(y, fv_expand(z, 3, (int64_t[]){ 2, 1, 1 }));
}

static void test_gradients(void **state)
{
    (void)state;
    check_case c = { .f = tiles, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(1, 3, 2);
    check_gradient(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2, 1), 0, 1, 1);
    assert_null(fv_squeeze(x, 1, (int32_t[]){ 0 }));
    assert_error(context, "squeeze: axis 0 has extent 2, not 1");
    assert_null(fv_squeeze(x, 2, (int32_t[]){ 1, -1 }));
    assert_error(context, "squeeze: axis 1 is named twice");
    assert_null(fv_unsqueeze(x, 1, (int32_t[]){ 3 }));
    assert_error(context, "unsqueeze: axis 3 is outside 0..2");
    assert_null(fv_unsqueeze(x, 7, (int32_t[7]){ 0 }));
    assert_error(context, "unsqueeze: the result would have rank 9, above 8");
    assert_null(fv_expand(x, 2, (int64_t[]){ 3, 1 }));
    assert_error(context, "expand: [2, 1] does not broadcast to [3, 1]");
    assert_null(fv_tile(x, 2, (int64_t[]){ 1, -1 }));
    assert_error(context, "tile: 2 numbers of copies do not fit rank 2, or are "
                          "negative or too many");
    assert_null(fv_tile(x, 2, (int64_t[]){ INT64_MAX, INT64_MAX }));
    assert_error(context, "tile: 2 numbers of copies do not fit rank 2, or are "
                          "negative or too many");
    assert_null(fv_tile(NULL, 0, NULL));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
