/* Reshaping: the order of elements stays, gradients go back to their place. */
#include "op/whole.h"

static fv_variable *fold(void *user, fv_variables at)
{
    (void)user;
    return fv_reshape(at.at[0], 3, (int64_t[]){ 3, -1, 2 });
}

static fv_variable *twice(void *user, fv_variables at)
{
    (void)user;
    fv_variable *a = at.at[0];
    return fv_mul(fv_reshape(a, 2, (int64_t[]){ 2, -1 }),
                  fv_exp(fv_reshape(a, 2, (int64_t[]){ 2, -1 })));
}

static void test_values(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        check_case c = { .f = fold, .count = 1, .low = -1, .high = 1 };
        c.shapes[0] = (check_shape)SHAPE(6, 5, 1, 2);
        check_result is = check_evaluate(&c, (fv_dtype)dtype, 1);
        check_shape_is(&is.value, 3, (int64_t[]){ 3, 10, 2 });
        for (int64_t i = 0; i < 60; i++) {
            assert_true(check_at(&is.value, i) == check_at(&is.leaves[0], i));
            assert_near(check_at(&is.grads[0], i), check_at(&is.upstream, i),
                        1e-6);
        }
        fv_context_free(is.context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    check_case c = { .f = fold, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(6, 1, 3);
    check_gradient(&c);
    c.f = twice;
    check_gradient(&c);
    check_types(&c, 1e-6);
    c.shapes[0] = (check_shape)SHAPE(2, 70001);
    check_threads(&c);
}

/* Squeezing to rank 0 and back. */
static void test_number(void **state)
{
    (void)state;
    const double one[] = { 1 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(1, 1), 0, 1, 1);
    fv_variable *number = fv_reshape(a, 0, NULL);
    assert_int_equal(fv_variable_value(number)->rank, 0);
    fv_variable *y = fv_reshape(number, 3, (int64_t[]){ 1, -1, 1 });
    check_shape_is(fv_variable_value(y), 3, (int64_t[]){ 1, 1, 1 });
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(a), 1, one, 0);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(fv_reshape(a, 1, (int64_t[]){ 7 }));
    assert_error(context, "reshape: 6 elements do not fill [7] (7)");
    assert_null(fv_reshape(a, 2, (int64_t[]){ 4, -1 }));
    assert_error(context, "reshape: 6 elements do not fill [4, -1]");
    assert_null(fv_reshape(a, 2, (int64_t[]){ -1, -1 }));
    assert_error(context, "reshape: [-1, -1] leaves more than one extent open");
    assert_null(fv_reshape(a, 9, (int64_t[9]){ 1 }));
    assert_error(context, "reshape: rank 9 is outside 0..8");
    assert_null(fv_reshape(a, 2, NULL));
    assert_error(context, "reshape: no extents");
    IS_WHOLE(fv_reshape(TRUTH(context, 1, 0), 2, (int64_t[]){ 2, 1 }), FV_BOOL,
             1, 0);
    assert_null(fv_reshape(NULL, 1, (int64_t[]){ 3 }));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
