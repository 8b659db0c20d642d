/* Tests of the operator linear. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const int *bias = user;
    return fv_linear_of(at[0], at[1], *bias ? at[2] : NULL);
}

static subject subject_of(const int *bias, uint64_t seed, int64_t n, int64_t in,
                          int64_t out)
{
    return (subject){ .apply = apply,
                      .user = bias,
                      .seed = seed,
                      .count = *bias ? 3 : 2,
                      .operands = { { 2, { n, in }, -1, 1, 0 },
                                    { 2, { out, in }, -1, 1, 0 },
                                    { 1, { out }, -1, 1, 0 } } };
}

static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, -4, 5, -6 }, w[] = { 1, 0, -1, 2, 3, 5 };
    const double bias[] = { 10, -20 }, dy[] = { 1, 2, 3, -4 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[] = { LEAF(context, x, 2, 3), LEAF(context, w, 2, 3),
                              LEAF(context, bias, 2) };
        fv_variable *y = fv_linear_of(at[0], at[1], at[2]);
        assert_numbers(fv_variable_value(y), (const double[]){ 8, 3, 12, -43 },
                       0);
        walk_back_from(y, dy);
        assert_ok(context);
        assert_numbers(fv_variable_grad(at[0]),
                       (const double[]){ 5, 6, 9, -5, -12, -23 }, 0);
        assert_numbers(fv_variable_grad(at[1]),
                       (const double[]){ -11, 17, -15, 18, -16, 30 }, 0);
        assert_numbers(fv_variable_grad(at[2]), (const double[]){ 4, -2 }, 0);
        y = fv_linear_of(at[0], at[1], NULL);
        assert_numbers(fv_variable_value(y), (const double[]){ -2, 23, 2, -23 },
                       0);
        fv_context_free(context);
    }
}

/* The definition, each sum in double precision. */
static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const int bias = (int)(seed % 2);
        const int64_t n = pick(seed, 0, 1, 9), in = pick(seed, 1, 1, 70);
        const int64_t out = pick(seed, 2, 1, 33);
        const subject s = subject_of(&bias, seed, n, in, out);
        fv_context *context = context_of(seed % 3 ? FV_F32 : FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *y = fv_variable_value(apply(&bias, at));
        assert_ok(context);
        for (int64_t i = 0; i < n * out; i++) {
            double sum =
                bias ? number_at(fv_variable_value(at[2]), i % out) : 0;
            for (int64_t l = 0; l < in; l++)
                sum += number_at(fv_variable_value(at[0]), i / out * in + l)
                       * number_at(fv_variable_value(at[1]), i % out * in + l);
            assert_near(number_at(y, i), sum, seed % 3 ? 1e-5 : 1e-13);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 150; seed++) {
        const int bias = (int)(seed % 2);
        subject s = subject_of(&bias, seed, pick(seed, 0, 1, 5),
                               pick(seed, 1, 1, 7), pick(seed, 2, 1, 6));
        for (int k = 0; k < s.count; k++)
            s.operands[k].frozen = k > 0 && pick(seed, 3 + k, 0, 3) == 0;
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
    const int bias = 1;
    const subject none = subject_of(&bias, 3, 0, 4, 5); /* no rows */
    assert_results(&none, FV_F32);
    assert_results(&none, FV_F64);
}

static void test_same_bits(void **state)
{
    const int bias = 1;
    (void)state;
    const subject s = subject_of(&bias, 1, 70, 133, 37);
    assert_same_bits(&s);
}

static void test_alone(void **state)
{
    const int bias = 1;
    (void)state;
    if (FOREIGN) skip();
    const subject s = subject_of(&bias, 1, 70, 133, 37);
    for (int64_t row = 0; row < 70; row += 23) {
        assert_alone(&s, FV_F32, row);
        assert_alone(&s, FV_F64, row);
    }
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[8 * 320] = { 0 };
    fv_variable *x = LEAF(context, numbers, 8, 320);
    fv_variable *w = LEAF(context, numbers, 10, 30);
    (void)state;
    assert_null(fv_linear_of(x, w, NULL));
    assert_error(context, "linear: input [8, 320] has 320 features, weight "
                          "[10, 30] expects 30");
    assert_null(fv_linear_of(LEAF(context, numbers, 2, 5, 3), w, NULL));
    assert_error(context, "linear: input [2, 5, 3] has rank 3, expected 2: "
                          "flatten it first");
    assert_null(fv_linear_of(LEAF(context, numbers, 5), w, NULL));
    assert_error(context, "linear: input [5] has rank 1, expected 2");
    assert_null(fv_linear_of(LEAF(context, numbers, 2, 30), w,
                             LEAF(context, numbers, 1)));
    assert_error(context, "linear: bias [1] does not fit 10 outputs");
    assert_null(fv_linear_of(LEAF(context, numbers, 2, 0),
                             LEAF(context, numbers, 3, 0), NULL));
    assert_error(context, "linear: weight [3, 0] is empty");
    assert_null(fv_linear_of(NULL, w, NULL));
    assert_error(context, "linear: operand 1 is NULL");
    fv_context_free(context);
}

/* 0 x infinity is NaN, and a row of no images gives none. */
static void test_not_finite(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double x[] = { 0, 1, 2, 3 }, w[] = { (double)INFINITY, 1 };
    (void)state;
    const fv_tensor *y = fv_variable_value(
        fv_linear_of(LEAF(context, x, 2, 2), LEAF(context, w, 1, 2), NULL));
    assert_true(isnan(number_at(y, 0)));
    assert_true(isinf(number_at(y, 1)));
    fv_variable *weight = LEAF(context, w, 1, 2);
    fv_variable *none =
        fv_linear_of(LEAF(context, x, 0, 2), weight, LEAF(context, x, 1));
    assert_ok(context);
    assert_int_equal(fv_variable_value(none)->shape[0], 0);
    assert_int_equal(fv_backprop(none), FV_OK);
    assert_numbers(fv_variable_grad(weight), (const double[]){ 0, 0 }, 0);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),  cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_alone),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
