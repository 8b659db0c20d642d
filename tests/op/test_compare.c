/* Comparisons, and truth values from them. */
#include "op/whole.h"

static void test_numbers(void **state)
{
    (void)state;
    const double a[] = { 1, 2, 3, (double)NAN, 0, (double)INFINITY };
    const double b[] = { 2, 2, 2, (double)NAN, -0.0, 1 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *x = check_vector(context, COUNT(a), a);
        fv_variable *y = check_vector(context, COUNT(b), b);
        IS_WHOLE(fv_equal(x, y), FV_BOOL, 0, 1, 0, 0, 1, 0);
        IS_WHOLE(fv_less(x, y), FV_BOOL, 1, 0, 0, 0, 0, 0);
        IS_WHOLE(fv_less_or_equal(x, y), FV_BOOL, 1, 1, 0, 0, 1, 0);
        IS_WHOLE(fv_greater(x, y), FV_BOOL, 0, 0, 1, 0, 0, 1);
        IS_WHOLE(fv_greater_or_equal(x, y), FV_BOOL, 0, 1, 1, 0, 1, 1);
        fv_context_free(context);
    }
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = WHOLE(context, INT64_MAX, INT64_MAX - 1, -5);
    fv_variable *b = WHOLE(context, INT64_MAX - 1);
    IS_WHOLE(fv_equal(a, b), FV_BOOL, 0, 1, 0);
    IS_WHOLE(fv_less(b, a), FV_BOOL, 1, 0, 0);
    IS_WHOLE(fv_equal(TRUTH(context, 1, 0), TRUTH(context, 0, 0)), FV_BOOL, 0,
             1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2), 0, 1, 1);
    assert_null(fv_less(a, x));
    assert_error(context, "compare: operand 2 has type f32, expected i64");
    assert_null(fv_less(x, a));
    assert_error(context, "compare: operand 2 has type i64, expected f32");
    assert_null(fv_equal(a, WHOLE(context, 1, 2)));
    assert_error(context, "compare: shapes [3] and [2] do not broadcast");
    fv_context_free(context);
}

/* All combinations of steps, over several chunks. */
static void test_broadcast(void **state)
{
    (void)state;
    static const check_shape shapes[][2] = {
        { SHAPE(3, 20011), SHAPE(20011) },
        { SHAPE(3, 1), SHAPE(3, 20011) },
        { SHAPE(3, 20011), SHAPE(3, 1) },
    };
    fv_context *context = check_context(FV_F32, 3);
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        fv_variable *a = check_leaf(context, &shapes[i][0], 0, 1, 1);
        fv_variable *b = check_leaf(context, &shapes[i][1], 0, 1, 2);
        const fv_tensor *x = fv_variable_value(a), *y = fv_variable_value(b);
        const fv_tensor *is = fv_variable_value(fv_less(a, b));
        for (int64_t k = 0; k < 3 * 20011; k++) {
            const int64_t at_a = x->shape[1] == 1 ? k / 20011 : k;
            const int64_t at_b = y->rank == 1       ? k % 20011
                                 : y->shape[1] == 1 ? k / 20011
                                                    : k;
            assert_true(((const uint8_t *)is->data)[k]
                        == (check_at(x, at_a) < check_at(y, at_b)));
        }
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_broadcast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
