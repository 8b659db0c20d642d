/* Tests of the operator prelu: slopes of channels, or one of all. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_prelu_of(at[0], at[1]);
}

/* Element i of x, [n, c], and its slope. */
static void check_formula(const subject *s, fv_dtype dtype, double tolerance)
{
    fv_context *context = context_of(dtype);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, s, at);
    const fv_tensor *x = fv_variable_value(at[0]);
    const int64_t n = fv_tensor_count(x), c = s->operands[1].shape[0];
    fv_variable *result = fv_prelu_of(at[0], at[1]);
    fv_tensor y = fv_tensor_dup(context, fv_variable_value(result));
    assert_true(fv_tensor_same_shape(x, &y));
    double slopes[32] = { 0 };
    fv_backprop(fv_sum(fv_mul_number(result, 3)));
    assert_ok(context);
    const fv_tensor *dx = fv_variable_grad(at[0]);
    for (int64_t i = 0; i < n; i++) {
        const double a = number_at(x, i);
        const double w = number_at(fv_variable_value(at[1]), i % c);
        assert_near(number_at(&y, i), a > 0 ? a : w * a, tolerance);
        assert_near(number_at(dx, i), a > 0 ? 3 : 3 * w, tolerance);
        slopes[i % c] += a > 0 ? 0 : 3 * a;
    }
    for (int64_t j = 0; j < c; j++)
        assert_near(number_at(fv_variable_grad(at[1]), j), slopes[j],
                    tolerance * (double)n);
    fv_context_free(context);
}

static void test_values(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        subject s = { .apply = apply, .seed = 3, .count = 2 };
        s.operands[0] = (operand){ 4, { 3, 5, 2, 17 }, -2, 2, 0 };
        s.operands[1] = (operand){ 1, { shared ? 1 : 17 }, -1, 1, 0 };
        check_formula(&s, FV_F64, 1e-14);
        check_formula(&s, FV_F32, 1e-6);
    }
}

/* As torch.nn.functional.prelu. */
static void test_kinks(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    const double x[] = { 0, -0.0, inf, -inf, nan }, slope[] = { 0.25 };
    const double y[] = { 0, 0, inf, -inf, nan };
    const double dx[] = { 0.25, 0.25, 1, 0.25, 0.25 };
    for (int i = 0; i < 5; i++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *a = LEAF(context, x + i, 1);
        fv_variable *w = LEAF(context, slope, 1);
        fv_variable *result = fv_prelu_of(a, w);
        const double is = number_at(fv_variable_value(result), 0);
        assert_true(isnan(y[i]) ? isnan(is) : is == y[i]);
        fv_backprop(result);
        assert_ok(context);
        assert_true(number_at(fv_variable_grad(a), 0) == dx[i]);
        const double dw = number_at(fv_variable_grad(w), 0);
        assert_true(isnan(y[i]) ? isnan(dw) : dw == (y[i] < 0 ? y[i] : 0));
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        subject s = { .apply = apply, .seed = seed, .count = 2 };
        s.operands[0] = (operand){ rank, { 0 }, -3, 3, 0 };
        for (int i = 0; i < rank; i++)
            s.operands[0].shape[i] = pick(seed, i, 1, 4);
        const int64_t c = s.operands[0].shape[rank - 1];
        s.operands[1] = (operand){ 1, { seed % 2 ? c : 1 }, -1, 1, 0 };
        s.operands[seed % 3 % 2].frozen = seed % 5 == 0;
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    const int64_t widths[] = { 1, 7, 16, 130, 5000 };
    for (uint64_t i = 0; i < 10; i++) {
        const int64_t c = widths[i / 2];
        const subject s = { .apply = apply,
                            .seed = i,
                            .count = 2,
                            .operands = {
                                { 2, { 50000 / (c + 10), c }, -2, 2, 0 },
                                { 1, { i % 2 ? c : 1 }, -1, 1, 0 } } };
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 2);
        assert_alone(&s, FV_F64, 1);
    }
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double number[12] = { 0 };
    int64_t label = 0;
    (void)state;
    fv_variable *x = LEAF(context, number, 4, 3);
    assert_null(fv_prelu_of(x, LEAF(context, number, 4)));
    assert_error(context, "prelu: slope [4], expected [1] or [3], a number for "
                          "each channel of input [4, 3]");
    assert_null(fv_prelu_of(x, LEAF(context, number, 1, 3)));
    assert_error(context, "prelu: slope [1, 3] has rank 2, expected 1");
    assert_null(fv_prelu_of(leaf_of(context, number, 0, NULL), x));
    assert_error(context, "prelu: input has rank 0, expected at least 1");
    assert_null(fv_prelu_of(x, labels_of(context, &label, 1)));
    assert_error(context, "prelu: slope is i64, the context computes in f32");
    assert_null(fv_prelu_of(x, NULL));
    assert_error(context, "prelu: operand 2 is NULL");
    fv_variable *y =
        fv_prelu_of(LEAF(context, number, 0, 3), LEAF(context, number, 3));
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
