/* Elements of one tensor or of another. */
#include "op/whole.h"

/* Where the first operand is positive. */
static fv_variable *positive(void *user, fv_variables at)
{
    (void)user;
    fv_variable *zero = fv_mul_number(at.at[0], 0);
    return fv_where(fv_greater(at.at[0], zero), at.at[1], at.at[2]);
}

static void test_gradients(void **state)
{
    (void)state;
    static const check_shape shapes[][3] = {
        { SHAPE(3, 5), SHAPE(3, 5), SHAPE(3, 5) },
        { SHAPE(2, 1, 3), SHAPE(4, 1), SHAPE(1) },
        { SCALAR, SHAPE(2, 3), SHAPE(3) },
        { SHAPE(4, 1), SHAPE(0), SHAPE(1) },
    };
    check_case c = { .f = positive, .count = 3, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        memcpy(c.shapes, shapes[i], sizeof shapes[i]);
        check_gradient(&c);
        check_types(&c, 1e-6);
    }
    c.shapes[0] = (check_shape)SHAPE(5, 1, 2003);
    c.shapes[1] = (check_shape)SHAPE(7, 1);
    c.shapes[2] = (check_shape)SHAPE(5, 7, 2003);
    check_threads(&c);
}

/* Infinite gradients do not reach the operand that was not chosen. */
static void test_values(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *c = TRUTH(context, 1, 0, 1);
    fv_variable *a = check_vector(context, 3, (double[]){ 1, 2, 3 });
    fv_variable *b = check_vector(context, 1, (double[]){ 9 });
    fv_variable *y = fv_where(c, a, b);
    check_elements(fv_variable_value(y), 3, (double[]){ 1, 9, 3 }, 0);
    const double scale[] = { 1, (double)INFINITY, 3 };
    assert_int_equal(fv_backprop(fv_mul(y, check_vector(context, 3, scale))),
                     FV_OK);
    check_elements(fv_variable_grad(a), 3, (double[]){ 1, 0, 3 }, 0);
    assert_true(isinf(check_at(fv_variable_grad(b), 0)));
    static const fv_dtype types[] = { FV_U8, FV_I16, FV_I32, FV_I64, FV_BOOL };
    for (int64_t i = 0; i < COUNT(types); i++)
        IS_WHOLE(fv_where(TRUTH(context, 1, 0, 1),
                          fv_cast(WHOLE(context, 1, 0, 1), types[i]),
                          fv_cast(WHOLE(context, 1), types[i])),
                 types[i], 1, 1, 1);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2), 0, 1, 1);
    assert_null(fv_where(x, x, x));
    assert_error(context, "where: operand 1 has type f32, expected bool");
    assert_null(fv_where(TRUTH(context, 1), x, WHOLE(context, 1)));
    assert_error(context, "where: operand 3 has type i64, expected f32");
    assert_null(fv_where(TRUTH(context, 1, 1, 0), x, x));
    assert_error(context, "where: shapes [3] and [2] do not broadcast");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
