/* Elements at places. */
#include "op/index/places.h"
#include "op/whole.h"

static const int64_t numbers[] = { 2, -1, 0, 1, 1, -3 };

static fv_variable *elements(void *user, fv_variables at)
{
    const int32_t axis = *(const int32_t *)user;
    return fv_gather_elements(at.at[0],
                              whole_of(fv_variable_context(at.at[0]),
                                       axis < 0 ? FV_I32 : FV_I64,
                                       &(check_shape)SHAPE(2, 3), numbers),
                              axis);
}

static void test_elements(void **state)
{
    (void)state;
    for (int32_t axis = -1; axis < 1; axis++) {
        check_case c = {
            .f = elements, .user = &axis, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(3, 3);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F32, 1);
        for (int64_t i = 0; i < 6; i++) {
            const int64_t index = (numbers[i] + 3) % 3;
            const int64_t from = axis ? i / 3 * 3 + index : index * 3 + i % 3;
            assert_true(check_at(&is.value, i)
                        == check_at(&is.leaves[0], from));
        }
        fv_context_free(is.context);
    }
}

static fv_variable *vectors(void *user, fv_variables at)
{
    (void)user;
    fv_variable *i = whole_of(fv_variable_context(at.at[0]), FV_I64,
                              &(check_shape)SHAPE(3, 1, 2),
                              (int64_t[]){ 0, 1, 1, -1, 0, 1 });
    return fv_gather_nd(at.at[0], i);
}

static void test_vectors(void **state)
{
    (void)state;
    check_case c = { .f = vectors, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(2, 3, 2);
    check_gradient(&c);
    check_result is = check_evaluate(&c, FV_F64, 1);
    check_shape_is(&is.value, 3, (int64_t[]){ 3, 1, 2 });
    const int64_t rows[] = { 1, 5, 1 };
    for (int64_t i = 0; i < 6; i++)
        assert_true(check_at(&is.value, i)
                    == check_at(&is.leaves[0], 2 * rows[i / 2] + i % 2));
    fv_context_free(is.context);
}

/* Of each image and channel an element of its own. */
static fv_variable *in_batch(void *user, fv_variables at)
{
    const int64_t batch = *(const int64_t *)user;
    fv_context *context = fv_variable_context(at.at[0]);
    fv_variable *i =
        batch == 1 ? whole_of(context, FV_I64, &(check_shape)SHAPE(2, 2, 1),
                              (int64_t[]){ 0, 2, -1, 1 })
                   : whole_of(context, FV_I64, &(check_shape)SHAPE(2, 3, 1),
                              (int64_t[]){ 0, 1, -1, 1, 0, 1 });
    return fv__gather_nd(at.at[0], i, batch);
}

static void test_batch(void **state)
{
    (void)state;
    static const int64_t rows[] = { 0, 2, 5, 4 }, one[] = { 0, 3, 5, 7, 8, 11 };
    for (int64_t batch = 1; batch < 3; batch++) {
        int64_t number = batch;
        check_case c = {
            .f = in_batch, .user = &number, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(2, 3, 2);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F64, 1);
        const int64_t shape[] = { 2, batch == 1 ? 2 : 3, 2 };
        check_shape_is(&is.value, batch == 1 ? 3 : 2, shape);
        for (int64_t i = 0; i < fv_tensor_count(&is.value); i++)
            assert_true(check_at(&is.value, i)
                        == check_at(&is.leaves[0], batch == 1
                                                       ? 2 * rows[i / 2] + i % 2
                                                       : one[i]));
        fv_context_free(is.context);
    }
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    fv_variable *i = whole_of(context, FV_I64, &(check_shape)SHAPE(3, 1),
                              (int64_t[]){ 0, 0, 0 });
    for (int batch = -1; batch < 3; batch++) {
        char text[128];
        if (!batch) continue;
        snprintf(text, sizeof text,
                 "gather_elements: indices [3, 1] do not have the first %d "
                 "axes of [2, 3]",
                 batch);
        assert_null(fv__gather_nd(x, i, batch));
        assert_error(context, text);
    }
    fv_context_free(context);
}

static void test_range(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *x = check_vector(context, 2, (double[]){ 1, 2 });
    fv_variable *y = fv_gather_elements(x, WHOLE(context, 2, -3, 1), 0);
    assert_true(isnan(check_at(fv_variable_value(y), 0)));
    assert_true(isnan(check_at(fv_variable_value(y), 1)));
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(x), 2, (double[]){ 0, 1 }, 0);
    IS_WHOLE(fv_gather_elements(WHOLE(context, 7, 8), WHOLE(context, 1, 9), 0),
             FV_I64, 8, 0);
    assert_null(fv_gather_elements(x, x, 0));
    assert_error(
        context,
        "gather_elements: operand 2 has type f64, expected i64 or i32");
    fv_variable *i = whole_of(context, FV_I64, &(check_shape)SHAPE(1, 3),
                              (int64_t[]){ 0, 0, 0 });
    assert_null(fv_gather_elements(x, i, 0));
    assert_error(context, "gather_elements: indices [1, 3] do not fit [2]");
    assert_null(fv_gather_nd(x, i));
    assert_error(context,
                 "gather_elements: the last axis of the indices is not "
                 "a vector of at most 1");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
