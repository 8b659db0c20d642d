/* Tests of the operator sigmoid_cross_entropy. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_sigmoid_cross_entropy_of(at[0], at[1]);
}

static void test_values(void **state)
{
    const double x[] = { 0, 1.5, -2, 100, 3, -100 };
    const double t[] = { 0, 1, 1, 0, 1, 0 };
    const double dx[] = { 0.1666666667, -0.06080850794, -0.293599026,
                          0.3333333333, -0.01580862439, 1.240025325e-44 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-10;
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[] = { LEAF(context, x, 3, 2), LEAF(context, t, 3, 2) };
        fv_variable *loss = fv_sigmoid_cross_entropy_of(at[0], at[1]);
        assert_ok(context);
        assert_int_equal(fv_variable_value(loss)->rank, 0);
        assert_near(fv_item(loss), 34.3566919403865,
                    dtype == FV_F32 ? 1e-6 : 1e-13);
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(at[0]), dx, tolerance);
        for (int64_t i = 0; i < 6; i++)
            assert_near(number_at(fv_variable_grad(at[1]), i), -x[i] / 3,
                        tolerance);
        fv_context_free(context);
    }
}

static void test_extremes(void **state)
{
    const double x[] = { 1e38, -1e38 }, t[] = { 1, 0 };
    const double none[] = { (double)NAN, 0 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_near(fv_item(fv_sigmoid_cross_entropy_of(LEAF(context, x, 2, 1),
                                                    LEAF(context, t, 2, 1))),
                0, 0);
    assert_true(isnan(fv_item(fv_sigmoid_cross_entropy_of(
        LEAF(context, none, 2, 1), LEAF(context, t, 2, 1)))));
    assert_ok(context);
    fv_context_free(context);
}

/* At +inf as PyTorch's binary_cross_entropy_with_logits; at -inf the limit,
 * where PyTorch has NaN. Gradients are PyTorch's everywhere. */
static void test_infinite(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, none = (double)NAN;
    const struct {
        double x, t, loss, slope;
    } cases[] = {
        { inf, 1, none, 0 },       { inf, 0, inf, 1 },
        { inf, 0.5, inf, 0.5 },    { -inf, 1, inf, -1 },
        { -inf, 0, none, 0 },      { -inf, 0.5, inf, -0.5 },
        { none, 0.5, none, none },
    };
    static const char *const isa[] = { NULL, "ref" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int table = 0; table < 2; table++)
            for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
                fv_context *context =
                    context_with((fv_dtype)dtype, 1, isa[table]);
                fv_variable *x = LEAF(context, &cases[i].x, 1);
                fv_variable *loss = fv_sigmoid_cross_entropy_of(
                    x, LEAF(context, &cases[i].t, 1));
                const double is = fv_item(loss);
                fv_backprop(loss);
                assert_ok(context);
                const double slope = number_at(fv_variable_grad(x), 0);
                if (isnan(cases[i].loss))
                    assert_true(isnan(is));
                else
                    assert_true(is == cases[i].loss);
                if (isnan(cases[i].slope))
                    assert_true(isnan(slope));
                else
                    assert_true(slope == cases[i].slope);
                fv_context_free(context);
            }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        subject s = { .apply = apply, .seed = seed, .count = 2 };
        s.operands[0] = (operand){ rank, { 0 }, -4, 4, 0 };
        for (int i = 0; i < rank; i++)
            s.operands[0].shape[i] = pick(seed, i, 1, 3);
        s.operands[1] = s.operands[0];
        s.operands[1].low = 0, s.operands[1].high = 1;
        s.operands[1].frozen = seed % 3 == 1;
        s.operands[0].frozen = seed % 3 == 2;
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    const subject s = { .apply = apply,
                        .seed = 5,
                        .count = 2,
                        .operands = { { 2, { 301, 111 }, -9, 9, 0 },
                                      { 2, { 301, 111 }, 0, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[6] = { 0 };
    (void)state;
    assert_null(fv_sigmoid_cross_entropy_of(LEAF(context, numbers, 2, 3),
                                            LEAF(context, numbers, 2)));
    assert_error(context,
                 "sigmoid_cross_entropy: input is [2, 3], target is [2]");
    assert_null(fv_sigmoid_cross_entropy_of(LEAF(context, numbers, 0, 3),
                                            LEAF(context, numbers, 0, 3)));
    assert_error(context,
                 "sigmoid_cross_entropy: input [0, 3] has no elements");
    assert_null(
        fv_sigmoid_cross_entropy_of(leaf_of(context, numbers, 0, NULL),
                                    leaf_of(context, numbers, 0, NULL)));
    assert_error(context, "sigmoid_cross_entropy: input has rank 0, expected "
                          "at least 1");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_infinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
