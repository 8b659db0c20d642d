/* Softmax and its logarithm along any axis. */
#include "op/check.h"

static fv_variable *softmax(void *user, fv_variables at)
{
    return fv_softmax_axis(at.at[0], *(const int32_t *)user);
}
static fv_variable *logarithm(void *user, fv_variables at)
{
    return fv_log_softmax_axis(at.at[0], *(const int32_t *)user);
}

static void test_axes(void **state)
{
    (void)state;
    for (int32_t axis = -3; axis < 3; axis++) {
        check_case c = {
            .f = softmax, .user = &axis, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(2, 3, 4);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F64, 1);
        c.f = logarithm;
        check_gradient(&c);
        check_result logs = check_evaluate(&c, FV_F64, 1);
        const int64_t step = (int64_t[]){ 12, 4, 1 }[(axis + 3) % 3];
        const int64_t n = (int64_t[]){ 2, 3, 4 }[(axis + 3) % 3];
        for (int64_t i = 0; i < 24; i++) {
            const int64_t first = i - i / step % n * step;
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += exp(check_at(&is.leaves[0], first + k * step));
            const double value = exp(check_at(&is.leaves[0], i)) / sum;
            assert_near(check_at(&is.value, i), value, 1e-14);
            assert_near(check_at(&logs.value, i), log(value), 1e-14);
        }
        fv_context_free(is.context);
        fv_context_free(logs.context);
    }
}

/* The last axis has the bits of the function without an axis. */
static void test_last(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(3, 7), -2, 2, 1);
    check_same_bytes(fv_variable_value(fv_softmax_axis(x, 1)),
                     fv_variable_value(fv_softmax_of(x)));
    check_same_bytes(fv_variable_value(fv_log_softmax_axis(x, -1)),
                     fv_variable_value(fv_log_softmax_of(x)));
    assert_null(fv_softmax_axis(x, 2));
    assert_error(context, "softmax: axis 2 is outside 0..1");
    assert_null(fv_log_softmax_axis(x, 2));
    assert_error(context, "log_softmax: axis 2 is outside 0..1");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
