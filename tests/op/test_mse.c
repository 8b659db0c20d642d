/* Tests of the operator mse. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_mse_of(at[0], at[1]);
}

static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6 }, t[] = { 0, 2, 5, 4, 4, 8 };
    const double dx[] = { 1 / 3.0, 0, -2 / 3.0, 0, 1 / 3.0, -2 / 3.0 };
    const double dt[] = { -1 / 3.0, 0, 2 / 3.0, 0, -1 / 3.0, 2 / 3.0 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-7 : 1e-15;
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[] = { LEAF(context, x, 2, 3), LEAF(context, t, 2, 3) };
        fv_variable *loss = fv_mse_of(at[0], at[1]);
        assert_ok(context);
        assert_int_equal(fv_variable_value(loss)->rank, 0);
        assert_near(fv_item(loss), 10 / 6.0, tolerance);
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(at[0]), dx, tolerance);
        assert_numbers(fv_variable_grad(at[1]), dt, tolerance);
        /* the second pass adds, times an upstream gradient of 2 */
        walk_back_from(fv_mse_of(at[0], at[1]), (const double[]){ 2 });
        for (int64_t i = 0; i < 6; i++)
            assert_near(number_at(fv_variable_grad(at[0]), i), 3 * dx[i],
                        2 * tolerance);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 0, 4);
        subject s = { .apply = apply, .seed = seed, .count = 2 };
        s.operands[0] = (operand){ rank, { 0 }, -1, 1, 0 };
        for (int i = 0; i < rank; i++)
            s.operands[0].shape[i] = pick(seed, i, 1, 3);
        s.operands[1] = s.operands[0];
        s.operands[seed % 2].frozen = seed % 3 == 0;
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    const operand o = { 2, { 301, 211 }, -1, 1, 0 };
    const subject s = {
        .apply = apply, .seed = 5, .count = 2, .operands = { o, o }
    };
    (void)state;
    assert_same_bits(&s);
}

static void test_not_finite(void **state)
{
    const double x[] = { 1, (double)NAN }, t[] = { 1, 1 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_true(
        isnan(fv_item(fv_mse_of(LEAF(context, x, 2), LEAF(context, t, 2)))));
    assert_ok(context);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[6] = { 0 };
    int64_t labels[2] = { 0 };
    (void)state;
    assert_null(
        fv_mse_of(LEAF(context, numbers, 2, 3), LEAF(context, numbers, 3, 2)));
    assert_error(context, "mse: input is [2, 3], target is [3, 2]");
    assert_null(
        fv_mse_of(LEAF(context, numbers, 0, 3), LEAF(context, numbers, 0, 3)));
    assert_error(context, "mse: input [0, 3] has no elements");
    assert_null(
        fv_mse_of(LEAF(context, numbers, 2), labels_of(context, labels, 2)));
    assert_error(context, "mse: target is i64, the context computes in f32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
