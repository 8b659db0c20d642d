/* Tests of weights that are standardised, or of a direction and a length. */
#include "operands.h"

static fv_variable *standardise(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_standardise_weight(at[0], 1e-3);
}

static fv_variable *norm(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_weight_norm(at[0], at[1]);
}

static void test_values(void **state)
{
    const double w[] = { 3, 4, 0, 0, 1, 2, 2, 4 }, g[] = { 10, -2 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-14;
        fv_context *ctx = context_of((fv_dtype)dtype);
        fv_variable *weight = LEAF(ctx, w, 2, 2, 1, 2);
        assert_numbers(
            fv_variable_value(fv_weight_norm(weight, LEAF(ctx, g, 2))),
            (const double[]){ 6, 8, 0, 0, -0.4, -0.8, -0.8, -1.6 }, tolerance);
        double y[8];
        for (int i = 0; i < 8; i++)
            y[i] = i < 4 ? (w[i] - 1.75) / sqrt(3.1875 + 0.5)
                         : (w[i] - 2.25) / sqrt(1.1875 + 0.5);
        assert_numbers(fv_variable_value(fv_standardise_weight(weight, 0.5)), y,
                       tolerance);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

static void test_gradients(void **state)
{
    const subject standard = { .apply = standardise,
                               .seed = 1,
                               .count = 1,
                               .operands = {
                                   { 4, { 3, 3, 2, 5 }, -1, 1, 0 } } };
    const subject normed = { .apply = norm,
                             .seed = 2,
                             .count = 2,
                             .operands = { { 3, { 4, 3, 2 }, -1, 1, 0 },
                                           { 1, { 4 }, 0.5, 2, 0 } } };
    (void)state;
    assert_gradients(&standard);
    assert_gradients(&normed);
    assert_same_bits(&standard);
    assert_same_bits(&normed);
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    fv_context *ctx = context_of(FV_F32);
    fv_variable *w = LEAF(ctx, numbers, 2, 3), *three = LEAF(ctx, numbers, 3);
    (void)state;
    assert_null(fv_standardise_weight(three, 1e-5));
    assert_error(ctx, "standardise_weight: weight has rank 1, expected at "
                      "least 2");
    assert_null(fv_weight_norm(three, three));
    assert_error(ctx, "weight_norm: weight has rank 1, expected at least 2");
    assert_null(fv_weight_norm(w, three));
    assert_error(ctx, "weight_norm: the length has 3 numbers, expected one for "
                      "each of 2 filters");
    assert_null(fv_weight_norm(w, w));
    assert_error(ctx, "weight_norm: the length has 6 numbers, expected one for "
                      "each of 2 filters");
    assert_null(fv_weight_norm(NULL, w));
    assert_ok(ctx);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
