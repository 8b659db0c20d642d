/* Limits, given as variables. */
#include "op/whole.h"

static fv_variable *clip(void *user, fv_variables at)
{
    (void)user;
    fv_context *context = fv_variable_context(at.at[0]);
    double numbers[] = { -0.5, 0.6 };
    fv_tensor low = fv_tensor_of(numbers, FV_F64, 0, NULL);
    fv_tensor high = fv_tensor_of(numbers + 1, FV_F64, 0, NULL);
    fv_variable *y = fv_clip(at.at[0], fv_constant(context, &low),
                             fv_constant(context, &high));
    return fv_mul(fv_clip(y, NULL, at.at[1]),
                  fv_clip(at.at[0], at.at[1], NULL));
}

static void test_gradients(void **state)
{
    (void)state;
    check_case c = { .f = clip, .count = 2, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(4, 5);
    c.shapes[1] = (check_shape)SHAPE(5);
    check_gradient(&c);
    check_types(&c, 1e-6);
}

static void test_values(void **state)
{
    (void)state;
    const double x[] = { -2, 0, 3, (double)NAN };
    double one = 1, minus = -1;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_vector(context, 4, x);
    fv_tensor number = fv_tensor_of(&minus, FV_F64, 0, NULL);
    fv_variable *low = fv_constant(context, &number);
    number.data = &one;
    fv_variable *high = fv_constant(context, &number);
    fv_variable *y = fv_clip(a, low, high);
    const fv_tensor *is = fv_variable_value(y);
    for (int64_t i = 0; i < 3; i++)
        assert_true(check_at(is, i) == (double)i - 1);
    assert_true(isnan(check_at(is, 3)));
    /* limits in the wrong order: the upper one holds */
    y = fv_clip(a, high, low);
    for (int64_t i = 0; i < 3; i++)
        assert_true(check_at(fv_variable_value(y), i) == -1);
    IS_WHOLE(fv_clip(WHOLE(context, -2, 0, 3), WHOLE(context, -1), NULL),
             FV_I64, -1, 0, 3);
    assert_true(fv_clip(a, NULL, NULL) != NULL);
    assert_null(fv_clip(NULL, NULL, NULL));
    assert_ok(context);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
