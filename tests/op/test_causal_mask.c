/* Tests of the operator causal_mask, and of attention, which uses it. */
#include "operands.h"

#define HIDDEN (-(double)INFINITY)

static fv_variable *attend(const void *user, fv_variable *const at[])
{
    return fv_attention_of(at[0], at[1], at[2], at[3], *(const int32_t *)user);
}

/* exp keeps gradient checks finite. */
static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_exp(fv_causal_mask(at[0]));
}

static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const double wide[] = { 1, HIDDEN, HIDDEN, 4,  5,  HIDDEN,
                            7, HIDDEN, HIDDEN, 10, 11, HIDDEN };
    const double tall[] = { 1, HIDDEN, 3, 4, 5, 6, 7, HIDDEN, 9, 10, 11, 12 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        for (int i = 0; i < 2; i++) {
            fv_variable *at = LEAF(context, x, 2, i ? 3 : 2, i ? 2 : 3);
            fv_variable *y = fv_causal_mask(at);
            const double *expected = i ? tall : wide;
            assert_ok(context);
            for (int64_t k = 0; k < 12; k++)
                assert_true(number_at(fv_variable_value(y), k) == expected[k]);
            walk_back_from(y, x);
            for (int64_t k = 0; k < 12; k++)
                assert_true(number_at(fv_variable_grad(at), k)
                            == (expected[k] == HIDDEN ? 0 : x[k]));
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    const subject s = {
        apply, NULL, 1, 1, { { 4, { 2, 1, 5, 4 }, -1, 1, 0 } }
    };
    assert_gradients(&s);
    const subject large = {
        apply, NULL, 1, 1, { { 3, { 3, 67, 131 }, -1, 1, 0 } }
    };
    assert_same_bits(&large);
}

/* ---- attention ----------------------------------------------------------- */

enum { T = 4, S = 5, D = 3, V = 2 };

static subject attention_of(const int32_t *causal)
{
    return (subject){ attend,
                      causal,
                      2,
                      4,
                      { { 4, { 2, 2, T, D }, -1, 1, 0 },
                        { 4, { 2, 2, S, D }, -1, 1, 0 },
                        { 4, { 2, 2, S, V }, -1, 1, 0 },
                        { 4, { 2, 1, T, S }, -1, 1, 0 } } };
}

/* Row i of matrix m of an operand. */
static double at_row(const fv_variable *x, int64_t m, int64_t i, int64_t j)
{
    const fv_tensor *value = fv_variable_value(x);
    return number_at(value, (m * value->shape[2] + i) * value->shape[3] + j);
}

static void test_definition(void **state)
{
    (void)state;
    for (int32_t causal = 0; causal < 2; causal++) {
        const subject s = attention_of(&causal);
        fv_context *context = context_of(FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        fv_variable *y = attend(&causal, at);
        assert_ok(context);
        for (int64_t m = 0; m < 4; m++)
            for (int64_t i = 0; i < T; i++) {
                double sum[V] = { 0 }, total = 0;
                for (int64_t j = 0; j < (causal ? i + 1 : S); j++) {
                    double score = at_row(at[3], m / 2, i, j);
                    for (int64_t k = 0; k < D; k++)
                        score += at_row(at[0], m, i, k) * at_row(at[1], m, j, k)
                                 / sqrt((double)D);
                    total += exp(score);
                    for (int64_t k = 0; k < V; k++)
                        sum[k] += exp(score) * at_row(at[2], m, j, k);
                }
                for (int64_t k = 0; k < V; k++)
                    assert_near(at_row(y, m, i, k), sum[k] / total, 1e-14);
            }
        fv_context_free(context);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double x[4] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    assert_null(fv_causal_mask(LEAF(context, x, 4)));
    assert_error(context,
                 "causal_mask: operand 1 has rank 1, expected 2 or more");
    assert_null(fv_attention_of(NULL, NULL, NULL, NULL, 0));
    fv_variable *y = fv_causal_mask(LEAF(context, x, 0, 3, 3));
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
