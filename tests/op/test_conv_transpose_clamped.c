/* Tests of the operator conv_transpose_clamped: against the two operators that
 * it stands for. */
#include "operands.h"

#include "op/conv/conv_transpose.h"

static const fv_convolution geometry = { .stride = { 2, 1, 1 },
                                         .dilation = { 1, 1, 1 },
                                         .padding_begin = { 1, 0 },
                                         .groups = 1 };

static fv_variable *apart(fv_variable *const at[], bool six)
{
    fv_variable *y = fv_conv_transpose_of(at[0], at[1], at[2], &geometry, NULL);
    return six ? fv_relu6_of(y) : fv_relu_of(y);
}

static fv_variable *clamped(fv_variable *const at[], bool six)
{
    const fv__conv_transpose a = { .convolution = geometry,
                                   .high = six ? 6 : (double)INFINITY,
                                   .bias = true,
                                   .clamp = true };
    return fv__conv_transpose_clamped(&a, at[0], at[1], at[2]);
}

static void check(fv_dtype dtype, bool six)
{
    static const operand operands[] = { { 4, { 2, 4, 5, 6 }, -2, 2, 0 },
                                        { 4, { 6, 3, 2, 17 }, -2, 2, 0 },
                                        { 1, { 17 }, -1, 1, 0 } };
    fv_context *contexts[2];
    fv_variable *at[2][3], *y[2];
    for (int i = 0; i < 2; i++) {
        contexts[i] = context_with(dtype, 2, NULL);
        for (int k = 0; k < 3; k++)
            at[i][k] = random_leaf(contexts[i], (uint64_t)k, &operands[k]);
        y[i] = (i ? clamped : apart)(at[i], six);
        assert_int_equal(fv_backprop(fv_sum(fv_mul(y[i], y[i]))), FV_OK);
    }
    for (int k = -1; k < 3; k++) {
        const fv_tensor *one =
            k < 0 ? fv_variable_value(y[0]) : fv_variable_grad(at[0][k]);
        const fv_tensor *two =
            k < 0 ? fv_variable_value(y[1]) : fv_variable_grad(at[1][k]);
        for (int64_t i = 0; i < fv_tensor_count(one); i++)
            assert_true(number_at(one, i) == number_at(two, i));
    }
    for (int i = 0; i < 2; i++) fv_context_free(contexts[i]);
}

static void test_both_limits(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) check(i & 1 ? FV_F64 : FV_F32, i & 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_both_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
