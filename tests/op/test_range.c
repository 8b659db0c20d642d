/* Ranges of numbers. */
#include "op/whole.h"

static fv_variable *whole(fv_context *context, fv_dtype dtype, int64_t number)
{
    return whole_of(context, dtype, &(check_shape)SCALAR, &number);
}

static fv_variable *range(fv_context *context, fv_dtype dtype, int64_t start,
                          int64_t limit, int64_t delta)
{
    return fv_range(whole(context, dtype, start), whole(context, dtype, limit),
                    whole(context, dtype, delta));
}

static void test_ranges(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    IS_WHOLE(range(context, FV_I64, 3, 9, 3), FV_I64, 3, 6);
    IS_WHOLE(range(context, FV_I32, 10, 4, -2), FV_I32, 10, 8, 6);
    IS_WHOLE(range(context, FV_I64, 0, 10, 4), FV_I64, 0, 4, 8);
    check_whole(range(context, FV_I64, 5, 5, 1), FV_I64, 0, NULL);
    check_whole(range(context, FV_I64, 5, 0, 1), FV_I64, 0, NULL);
    fv_variable *x = fv_range(fv_variable_number(context, 0.5),
                              fv_variable_number(context, 2),
                              fv_variable_number(context, 0.5));
    check_elements(fv_variable_value(x), 3, (double[]){ 0.5, 1, 1.5 }, 0);
    assert_null(range(context, FV_I64, 0, 3, 0));
    assert_error(context, "range: steps of 0 do not lead from 0 to 3");
    assert_null(fv_range(whole(context, FV_I64, 0), whole(context, FV_I32, 0),
                         whole(context, FV_I64, 1)));
    assert_error(context, "range: operand 2 has type i32, expected i64");
    assert_null(fv_range(whole(context, FV_I64, 0), WHOLE(context, 1, 2),
                         whole(context, FV_I64, 1)));
    assert_error(context, "range: operand 2 has 2 numbers, expected 1");
    fv_context_free(context);
}

/* A value of a plan is not known when the plan is made. */
static void test_unknown(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv__graph graph = { 0 };
    fv__graph_begin(&graph, context, false);
    fv_variable *n = fv__graph_value(&graph, FV_I64, 1, (int64_t[]){ 1 });
    assert_null(fv_range(n, n, n));
    assert_error(context,
                 "range: operand 1 must be known when the plan is made");
    assert_null(fv_constant_of_shape(n, 1, FV_F32));
    assert_error(context, "constant_of_shape: the shape must be known when the "
                          "plan is made");
    fv__graph_free(&graph);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
