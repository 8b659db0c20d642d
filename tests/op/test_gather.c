/* Slices chosen by indices. */
#include "op/whole.h"

static const int64_t numbers[] = { 2, -1, 2, 0, 1, -3 };

static fv_variable *gather(void *user, fv_variables at)
{
    const int32_t axis = *(const int32_t *)user;
    fv_context *context = fv_variable_context(at.at[0]);
    return fv_gather(at.at[0],
                     whole_of(context, axis ? FV_I32 : FV_I64,
                              &(check_shape)SHAPE(2, 3), numbers),
                     axis);
}

static void test_axes(void **state)
{
    (void)state;
    for (int32_t axis = -2; axis < 3; axis++) {
        check_case c = {
            .f = gather, .user = &axis, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(3, 3, 3);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F32, 1);
        const int32_t at = axis < 0 ? axis + 3 : axis;
        assert_int_equal(is.value.rank, 4);
        for (int64_t i = 0; i < 54; i++) {
            int64_t rest = i, from[3];
            for (int32_t k = 2; k > at; k--, rest /= 3) from[k] = rest % 3;
            from[at] = (numbers[rest % 6] + 3) % 3;
            rest /= 6;
            for (int32_t k = at - 1; k >= 0; k--, rest /= 3) from[k] = rest % 3;
            assert_true(check_at(&is.value, i)
                        == check_at(&is.leaves[0],
                                    from[0] * 9 + from[1] * 3 + from[2]));
        }
        fv_context_free(is.context);
    }
}

/* Many indices of few rows, more columns than one item has. */
static fv_variable *many(void *user, fv_variables at)
{
    (void)user;
    enum { MANY = 700 };
    int64_t rows[MANY];
    for (int64_t i = 0; i < MANY; i++) rows[i] = i * i % 5;
    return fv_gather(at.at[0],
                     whole_of(fv_variable_context(at.at[0]), FV_I64,
                              &(check_shape)SHAPE(MANY), rows),
                     0);
}

static void test_threads(void **state)
{
    (void)state;
    check_case c = { .f = many, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(5, 131);
    check_threads(&c);
    check_types(&c, 1e-4);
}

static void test_range(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, 3, (double[]){ 1, 2, 3 });
    fv_variable *y = fv_gather(x, WHOLE(context, 3, -4, -3), 0);
    assert_true(isnan(check_at(fv_variable_value(y), 0)));
    assert_true(isnan(check_at(fv_variable_value(y), 1)));
    assert_true(check_at(fv_variable_value(y), 2) == 1);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(x), 3, (double[]){ 1, 0, 0 }, 0);
    IS_WHOLE(fv_gather(WHOLE(context, 7, 8), WHOLE(context, 1, 2, -9), 0),
             FV_I64, 8, 0, 0);
    fv_variable *number = fv_gather(
        WHOLE(context, 7, 8),
        whole_of(context, FV_I64, &(check_shape)SCALAR, (int64_t[]){ -1 }), 0);
    assert_int_equal(fv_variable_value(number)->rank, 0);
    IS_WHOLE(number, FV_I64, 8);
    fv_context_free(context);
}

static void test_embedding(void **state)
{
    (void)state;
    const double weight[] = { 1, 2, 3, 4, 5, 6 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *w = check_matrix(context, 3, 2, weight);
    fv_variable *y = fv_embedding_of(w, WHOLE(context, 2, 0, 2), 0);
    check_elements(fv_variable_value(y), 6, (double[]){ 5, 6, 1, 2, 5, 6 }, 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(w), 6, (double[]){ 0, 0, 0, 0, 2, 2 }, 0);
    fv_variable_zero_grad(w);
    y = fv_embedding_of(w, WHOLE(context, 2, 0, 2), -1);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(w), 6, (double[]){ 1, 1, 0, 0, 2, 2 }, 0);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2, 2), 0, 1, 1);
    assert_null(fv_gather(x, x, 0));
    assert_error(context,
                 "gather: operand 2 has type f32, expected i64 or i32");
    assert_null(fv_gather(x, WHOLE(context, 0), 2));
    assert_error(context, "gather: axis 2 is outside 0..1");
    fv_variable *deep =
        whole_of(context, FV_I64, &(check_shape)SHAPE(1, 1, 1, 1, 1, 1, 1, 1),
                 (int64_t[]){ 0 });
    assert_null(fv_gather(x, deep, 0));
    assert_error(context, "gather: the result would have rank 9, above 8");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),     cmocka_unit_test(test_threads),
        cmocka_unit_test(test_range),    cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
