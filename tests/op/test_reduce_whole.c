/* Reductions of whole numbers. */
#include "op/whole.h"

static fv_variable *reduce(fv_variable *a, fv_reduce_kind kind, int32_t axis)
{
    return fv_reduce(a, kind, 1, &axis, 0);
}

static void test_kinds(void **state)
{
    (void)state;
    static const fv_dtype types[] = { FV_I8, FV_I16, FV_I32, FV_I64 };
    fv_context *context = check_context(FV_F32, 1);
    for (int64_t i = 0; i < COUNT(types); i++) {
        const fv_dtype t = types[i];
        fv_variable *a = whole_of(context, t, &(check_shape)SHAPE(2, 1, 3),
                                  (int64_t[]){ 4, -2, 3, 1, 5, -7 });
        IS_WHOLE(reduce(a, FV_REDUCE_SUM, 2), t, 5, -1);
        IS_WHOLE(reduce(a, FV_REDUCE_SUM, 0), t, 5, 3, -4);
        IS_WHOLE(reduce(a, FV_REDUCE_PROD, -1), t, -24, -35);
        IS_WHOLE(reduce(a, FV_REDUCE_MAX, 0), t, 4, 5, 3);
        IS_WHOLE(reduce(a, FV_REDUCE_MIN, 2), t, -2, -7);
        fv_variable *y = fv_reduce(a, FV_REDUCE_SUM, 2, (int32_t[]){ 2, 0 }, 1);
        IS_WHOLE(y, t, 4);
        check_shape_is(fv_variable_value(y), 3, (int64_t[]){ 1, 1, 1 });
        IS_WHOLE(fv_reduce(a, FV_REDUCE_MAX, 0, NULL, 0), t, 5);
    }
    fv_context_free(context);
}

static void test_none(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = whole_of(context, FV_I64, &(check_shape)SHAPE(2, 0), NULL);
    IS_WHOLE(reduce(a, FV_REDUCE_PROD, 1), FV_I64, 1, 1);
    IS_WHOLE(reduce(a, FV_REDUCE_SUM, 1), FV_I64, 0, 0);
    assert_null(reduce(a, FV_REDUCE_MAX, 1));
    assert_error(context, "reduce: axis 1 of [2, 0] has no elements");
    assert_null(reduce(a, FV_REDUCE_MEAN, 1));
    assert_error(context,
                 "reduce: whole numbers have sums, products and extremes");
    assert_null(reduce(TRUTH(context, 1), FV_REDUCE_SUM, 0));
    assert_error(context,
                 "reduce: operand 1 has type bool, expected whole numbers");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
