/* Concatenation along each axis. */
#include "op/whole.h"

static fv_variable *concat(void *user, fv_variables at)
{
    return fv_concat_of((int32_t)at.count, at.at, *(const int32_t *)user);
}

/* The same value more than once, and an expression between. */
static fv_variable *again(void *user, fv_variables at)
{
    fv_variable *parts[] = { at.at[0], fv_exp(at.at[0]), at.at[0] };
    return fv_concat_of(3, parts, *(const int32_t *)user);
}

/* Element (i, j, k) of rank 3. */
static double element(const fv_tensor *t, const int64_t *index)
{
    return check_at(t, (index[0] * t->shape[1] + index[1]) * t->shape[2]
                           + index[2]);
}

static void check_parts(const check_case *c, int32_t axis, fv_dtype dtype)
{
    check_result is = check_evaluate(c, dtype, 1);
    for (int64_t flat = 0; flat < fv_tensor_count(&is.value); flat++) {
        const int64_t *shape = is.value.shape;
        int64_t index[] = { flat / (shape[1] * shape[2]),
                            flat / shape[2] % shape[1], flat % shape[2] };
        int64_t k = 0;
        while (index[axis] >= is.leaves[k].shape[axis])
            index[axis] -= is.leaves[k++].shape[axis];
        assert_true(check_at(&is.value, flat) == element(&is.leaves[k], index));
        assert_near(element(&is.grads[k], index), check_at(&is.upstream, flat),
                    1e-6);
    }
    fv_context_free(is.context);
}

static void test_axes(void **state)
{
    (void)state;
    for (int32_t axis = 0; axis < 3; axis++) {
        int32_t wish = axis == 1 ? -2 : axis;
        check_case c = {
            .f = concat, .user = &wish, .count = 3, .low = -1, .high = 1
        };
        const int64_t extents[] = { 3, 1, 4 };
        for (int64_t k = 0; k < 3; k++) {
            c.shapes[k] = (check_shape)SHAPE(2, 3, 5);
            c.shapes[k].shape[axis] = extents[k];
        }
        check_parts(&c, axis, FV_F64);
        check_parts(&c, axis, FV_F32);
        check_gradient(&c);
        c.shapes[1].shape[axis] = 0;
        check_parts(&c, axis, FV_F32);
        c.count = 1;
        c.f = again;
        check_gradient(&c);
        check_types(&c, 1e-6);
    }
}

static void test_threads(void **state)
{
    (void)state;
    int32_t axis = 1;
    check_case c = {
        .f = concat, .user = &axis, .count = 2, .low = -1, .high = 1
    };
    c.shapes[0] = (check_shape)SHAPE(401, 211, 1);
    c.shapes[1] = (check_shape)SHAPE(401, 307, 1);
    check_parts(&c, axis, FV_F32);
    check_threads(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    fv_variable *b = check_leaf(context, &(check_shape)SHAPE(4, 3), 0, 1, 1);
    fv_variable *parts[] = { a, b };
    assert_null(fv_concat_of(2, parts, 1));
    assert_error(context, "concat: part 2 has shape [4, 3], expected [2, *]");
    assert_null(fv_concat_of(2, parts, 2));
    assert_error(context, "concat: axis 2 is outside 0..1");
    parts[1] = check_leaf(context, &(check_shape)SHAPE(3), 0, 1, 1);
    assert_null(fv_concat_of(2, parts, 0));
    assert_error(context, "concat: part 2 has shape [3], expected [*, 3]");
    parts[1] = check_integers(context, 3);
    assert_null(fv_concat_of(2, parts, 0));
    assert_error(context, "concat: operand 2 has type i64, expected f32");
    parts[0] = TRUTH(context, 1, 0);
    parts[1] = TRUTH(context, 0);
    IS_WHOLE(fv_concat_of(2, parts, 0), FV_BOOL, 1, 0, 0);
    parts[1] = NULL;
    assert_null(fv_concat_of(2, parts, 0));
    assert_error(context, "concat: operand 2 is NULL");
    assert_null(fv_concat_of(0, parts, 0));
    assert_null(fv_concat_of(2, NULL, 0));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
