/* Stacking along a new axis. */
#include "op/whole.h"

static fv_variable *stack(void *user, fv_variables at)
{
    return fv_stack((int32_t)at.count, at.at, *(const int32_t *)user);
}

/* stack(a, a + b, c - d), then the sum. */
static fv_variable *sums(void *user, fv_variables at)
{
    (void)user;
    fv_variable *parts[] = { at.at[0], fv_add(at.at[0], at.at[1]),
                             fv_sub(at.at[2], at.at[3]) };
    return fv_sum(fv_stack(3, parts, 0));
}

static void check_parts(const check_case *c, int32_t axis, fv_dtype dtype)
{
    check_result is = check_evaluate(c, dtype, 1);
    const fv_tensor *first = &is.leaves[0];
    int64_t inner = 1;
    for (int32_t i = axis; i < first->rank; i++) inner *= first->shape[i];
    assert_int_equal(is.value.rank, first->rank + 1);
    assert_int_equal(is.value.shape[axis], c->count);
    for (int64_t flat = 0; flat < fv_tensor_count(&is.value); flat++) {
        int64_t k = flat / inner % c->count;
        int64_t at = flat / (inner * c->count) * inner + flat % inner;
        assert_true(check_at(&is.value, flat) == check_at(&is.leaves[k], at));
        assert_near(check_at(&is.grads[k], at), check_at(&is.upstream, flat),
                    1e-6);
    }
    fv_context_free(is.context);
}

static void test_axes(void **state)
{
    (void)state;
    const check_shape shapes[] = { SCALAR, SHAPE(4), SHAPE(2, 1, 3) };
    for (int64_t i = 0; i < COUNT(shapes); i++)
        for (int32_t axis = 0; axis <= shapes[i].rank; axis++) {
            int32_t wish = axis % 2 ? axis - shapes[i].rank - 1 : axis;
            check_case c = {
                .f = stack, .user = &wish, .count = 3, .low = -1, .high = 1
            };
            for (int64_t k = 0; k < 3; k++) c.shapes[k] = shapes[i];
            check_parts(&c, axis, FV_F64);
            check_parts(&c, axis, FV_F32);
            check_gradient(&c);
            c.count = 1;
            check_parts(&c, axis, FV_F32);
        }
}

static void test_sums(void **state)
{
    (void)state;
    const check_shape shapes[] = { SHAPE(1), SHAPE(7, 3), SHAPE(2, 1, 5) };
    check_case c = { .f = sums, .count = 4, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        for (int64_t k = 0; k < 4; k++) c.shapes[k] = shapes[i];
        check_gradient(&c);
        check_types(&c, 4e-6);
    }
}

static void test_threads(void **state)
{
    (void)state;
    int32_t axis = 1;
    check_case c = {
        .f = stack, .user = &axis, .count = 2, .low = -1, .high = 1
    };
    c.shapes[0] = c.shapes[1] = (check_shape)SHAPE(501, 203);
    check_parts(&c, axis, FV_F32);
    check_threads(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    fv_variable *b = check_leaf(context, &(check_shape)SHAPE(2, 4), 0, 1, 1);
    fv_variable *parts[] = { a, b };
    assert_null(fv_stack(2, parts, 0));
    assert_error(context, "stack: part 2 has shape [2, 4], expected [2, 3]");
    assert_null(fv_stack(1, parts, 3));
    assert_error(context, "stack: axis 3 is outside 0..2");
    parts[0] = check_leaf(context, &(check_shape)SHAPE(1, 1, 1, 1, 1, 1, 1, 1),
                          0, 1, 1);
    assert_null(fv_stack(1, parts, 0));
    assert_error(context, "stack: part 1 has rank 8, expected 7 or less");
    parts[0] = WHOLE(context, 1, 2);
    parts[1] = WHOLE(context, 3, 4);
    IS_WHOLE(fv_stack(2, parts, 1), FV_I64, 1, 3, 2, 4);
    parts[0] = a;
    assert_null(fv_stack(2, parts, 0));
    assert_error(context, "stack: operand 2 has type i64, expected f32");
    assert_null(fv_stack(0, parts, 0));
    assert_null(fv_stack(2, NULL, 0));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
