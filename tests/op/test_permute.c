/* Axes in another order, and reversed. */
#include "op/whole.h"

static fv_variable *permute(void *user, fv_variables at)
{
    return fv_permute(at.at[0], user);
}

static fv_variable *transpose(void *user, fv_variables at)
{
    (void)user;
    return fv_transpose(at.at[0]);
}

static fv_variable *twice(void *user, fv_variables at)
{
    (void)user;
    return fv_mul(fv_transpose(at.at[0]), fv_exp(fv_transpose(at.at[0])));
}

/* Result element (i, j, k) is operand element with those at axes[]. */
static void check_order(const check_case *c, const int32_t axes[3],
                        fv_dtype dtype)
{
    check_result is = check_evaluate(c, dtype, 1);
    const int64_t *shape = is.leaves[0].shape;
    for (int32_t i = 0; i < 3; i++)
        assert_int_equal(is.value.shape[i], shape[axes[i]]);
    for (int64_t flat = 0; flat < fv_tensor_count(&is.value); flat++) {
        int64_t index[3] = { 0 }, rest = flat;
        for (int32_t i = 2; i >= 0; i--) {
            index[axes[i]] = rest % is.value.shape[i];
            rest /= is.value.shape[i];
        }
        int64_t at = (index[0] * shape[1] + index[1]) * shape[2] + index[2];
        assert_true(check_at(&is.value, flat) == check_at(&is.leaves[0], at));
        assert_near(check_at(&is.grads[0], at), check_at(&is.upstream, flat),
                    1e-6);
    }
    fv_context_free(is.context);
}

static void test_orders(void **state)
{
    (void)state;
    int32_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                            { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    const check_shape shapes[] = { SHAPE(2, 3, 4), SHAPE(5, 1, 3),
                                   SHAPE(1, 1, 1), SHAPE(2, 0, 3) };
    for (int64_t i = 0; i < COUNT(orders); i++)
        for (int64_t j = 0; j < COUNT(shapes); j++) {
            check_case c = { .f = permute,
                             .user = orders[i],
                             .count = 1,
                             .low = -1,
                             .high = 1 };
            c.shapes[0] = shapes[j];
            check_order(&c, orders[i], FV_F64);
            check_order(&c, orders[i], FV_F32);
            check_gradient(&c);
        }
    int32_t counted[] = { -1, 0, -2 };
    check_case c = {
        .f = permute, .user = counted, .count = 1, .low = -1, .high = 1
    };
    c.shapes[0] = (check_shape)SHAPE(2, 3, 4);
    check_order(&c, (int32_t[]){ 2, 0, 1 }, FV_F32);
}

static void test_transpose(void **state)
{
    (void)state;
    const check_shape shapes[] = { SCALAR, SHAPE(3), SHAPE(3, 5),
                                   SHAPE(2, 3, 4) };
    check_case c = { .count = 1, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        c.shapes[0] = shapes[i];
        c.f = transpose;
        check_gradient(&c);
        c.f = twice;
        check_gradient(&c);
        check_types(&c, 1e-6);
    }
    c.f = transpose;
    c.shapes[0] = (check_shape)SHAPE(2, 3, 4);
    check_order(&c, (int32_t[]){ 2, 1, 0 }, FV_F32);
}

static void test_threads(void **state)
{
    (void)state;
    check_case c = { .f = transpose, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(411, 503);
    check_threads(&c);
    int32_t axes[] = { 1, 0, 2 };
    c.f = permute;
    c.user = axes;
    c.shapes[0] = (check_shape)SHAPE(41, 101, 37);
    check_order(&c, axes, FV_F32);
    check_threads(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(fv_permute(a, (int32_t[]){ 0, 0 }));
    assert_error(context, "permute: axis 0 is named twice");
    assert_null(fv_permute(a, (int32_t[]){ 0, 2 }));
    assert_error(context, "permute: axis 2 is outside 0..1");
    assert_null(fv_permute(a, NULL));
    assert_error(context, "permute: no axes");
    IS_WHOLE(fv_transpose(whole_of(context, FV_U8, &(check_shape)SHAPE(2, 2),
                                   (int64_t[]){ 1, 2, 3, 4 })),
             FV_U8, 1, 3, 2, 4);
    assert_null(fv_transpose(NULL));
    assert_null(fv_permute(NULL, (int32_t[]){ 0 }));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
