/* Arithmetic on whole numbers: every type, wrapping, division, broadcast. */
#include "op/whole.h"

static fv_variable *of(fv_context *context, fv_dtype dtype, int64_t a,
                       int64_t b, int64_t c)
{
    return whole_of(context, dtype, &(check_shape)SHAPE(3),
                    (int64_t[]){ a, b, c });
}

static void test_types(void **state)
{
    (void)state;
    static const fv_dtype types[] = { FV_U8, FV_I8, FV_I16, FV_I32, FV_I64 };
    fv_context *context = check_context(FV_F32, 1);
    for (int i = 0; i < COUNT(types); i++) {
        const fv_dtype t = types[i];
        fv_variable *a = of(context, t, 17, 5, 2), *b = of(context, t, 3, 5, 7);
        IS_WHOLE(fv_add(a, b), t, 20, 10, 9);
        IS_WHOLE(fv_sub(a, fv_minimum(a, b)), t, 14, 0, 0);
        IS_WHOLE(fv_mul(a, b), t, 51, 25, 14);
        IS_WHOLE(fv_div(a, b), t, 5, 1, 0);
        IS_WHOLE(fv_minimum(a, b), t, 3, 5, 2);
        IS_WHOLE(fv_maximum(a, b), t, 17, 5, 7);
        IS_WHOLE(fv_pow(of(context, t, 2, 3, 0), of(context, t, 6, 4, 0)), t,
                 64, 81, 1);
    }
    assert_ok(context);
    fv_context_free(context);
}

/* Quotients are truncated, results wrap around, a division by 0 gives 0. */
static void test_limits(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *a = of(context, FV_I64, -7, INT64_MIN, 9);
    IS_WHOLE(fv_div(a, of(context, FV_I64, 2, -1, 0)), FV_I64, -3, INT64_MIN,
             0);
    IS_WHOLE(fv_sub(a, of(context, FV_I64, 1, 1, 1)), FV_I64, -8, INT64_MAX, 8);
    IS_WHOLE(fv_add(of(context, FV_U8, 255, 1, 2), of(context, FV_U8, 1, 1, 1)),
             FV_U8, 0, 2, 3);
    IS_WHOLE(fv_mul(of(context, FV_I32, INT32_MAX, 2, 3),
                    of(context, FV_I32, 2, 2, 2)),
             FV_I32, -2, 4, 6);
    IS_WHOLE(
        fv_pow(of(context, FV_I64, -1, 1, 2), of(context, FV_I64, -3, -5, -1)),
        FV_I64, -1, 1, 0);
    fv_context_free(context);
}

/* Beyond one chunk of work, on several threads. */
static void test_broadcast(void **state)
{
    (void)state;
    enum { ROWS = 131, COLUMNS = 300 };
    fv_context *context = check_context(FV_F32, 3);
    int64_t rows[ROWS], columns[COLUMNS];
    for (int64_t i = 0; i < ROWS; i++) rows[i] = 1000 * i - 9;
    for (int64_t i = 0; i < COLUMNS; i++) columns[i] = i;
    fv_variable *y = fv_sub(
        whole_of(context, FV_I32, &(check_shape)SHAPE(ROWS, 1), rows),
        whole_of(context, FV_I32, &(check_shape)SHAPE(COLUMNS), columns));
    const int32_t *at = fv_variable_value(y)->data;
    for (int64_t i = 0; i < ROWS * COLUMNS; i++)
        assert_int_equal(at[i], rows[i / COLUMNS] - columns[i % COLUMNS]);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = WHOLE(context, 1, 2);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2), 0, 1, 1);
    assert_null(fv_add(a, x));
    assert_error(context, "add: operand 2 has type f32, expected i64");
    assert_null(fv_add(a, TRUTH(context, 1, 1)));
    assert_error(context, "add: operand 2 has type bool, expected i64");
    assert_null(fv_mul(TRUTH(context, 1), TRUTH(context, 1)));
    assert_error(context, "mul: operand 1 has type bool, expected f32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
