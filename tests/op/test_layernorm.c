/* Tests of the operator layernorm. */
#include "check_norm.h"

static const bool centred = true;

static long double factor_of(const norm *n, long double squares,
                             long double count)
{
    return 1 / sqrtl(squares / count + (long double)n->epsilon);
}

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const norm *n = user;
    return fv_layernorm_of(at[0], n->parameters > 0 ? at[1] : NULL,
                           n->parameters > 1 ? at[2] : NULL, n->axes,
                           n->epsilon);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 36; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        const norm n = { (int32_t)pick(seed, 8, 1, rank), 0, 1e-3,
                         (int)(seed % 3) };
        int64_t shape[4];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 2, 4);
        assert_norm(&n, seed, rank, shape);
    }
    const norm one = { 1, 0, 1e-3, 2 };
    const subject none = norm_of(&one, 3, 2, (const int64_t[]){ 0, 3 });
    assert_results(&none, FV_F32);
    assert_results(&none, FV_F64);
}

/* Rows of more than a block of 4096, and a deviation of one thousandth of the
 * mean. */
static void test_long_rows(void **state)
{
    const norm n = { 2, 0, 0, 2 }, narrow = { 1, 0, 1e-5, 1 };
    subject s = norm_of(&n, 5, 3, (const int64_t[]){ 2, 77, 113 });
    (void)state;
    assert_values(&s, 0, 2e-6);
    assert_values(&s, 500, 4e-4);
    s = norm_of(&narrow, 6, 2, (const int64_t[]){ 300, 33 });
    assert_values(&s, 0, 2e-6);
}

/* The gradients of gamma and beta, summed over several blocks of rows and
 * several parts of a row. */
static void test_parameter_gradients(void **state)
{
    enum { M = 70, N = 777 };
    static double x[M * N], up[M * N], ones[N], zeros[N];
    double dgamma[N] = { 0 }, dbeta[N] = { 0 };
    (void)state;
    for (int64_t i = 0; i < M * N; i++) {
        x[i] = chance(3, i);
        up[i] = chance(4, i) - 0.25;
    }
    for (int64_t j = 0; j < N; j++) ones[j] = 1;
    fv_context *ctx = context_of(FV_F64);
    fv_variable *gamma = LEAF(ctx, ones, N), *beta = LEAF(ctx, zeros, N);
    fv_variable *y = fv_layernorm_of(LEAF(ctx, x, M, N), gamma, beta, 1, 1e-5);
    assert_ok(ctx);
    for (int64_t i = 0; i < M * N; i++) {
        dgamma[i % N] += up[i] * number_at(fv_variable_value(y), i);
        dbeta[i % N] += up[i];
    }
    walk_back_from(y, up);
    assert_numbers(fv_variable_grad(gamma), dgamma, 1e-12);
    assert_numbers(fv_variable_grad(beta), dbeta, 1e-12);
    fv_context_free(ctx);
}

static void test_same_bits(void **state)
{
    const int64_t image[] = { 3, 11, 7, 19 }, wide[] = { 2, 4500 };
    const int64_t tall[] = { 700, 35 };
    (void)state;
    for (int32_t axes = 1; axes <= 3; axes++) {
        const norm n = { axes, 0, 1e-5, axes - 1 };
        const subject s = norm_of(&n, 1, 4, image);
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 2);
    }
    const norm n = { 1, 0, 1e-5, 2 };
    subject s = norm_of(&n, 2, 2, wide);
    assert_same_bits(&s);
    s = norm_of(&n, 3, 2, tall);
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    const double numbers[24] = { 0 };
    fv_context *ctx = context_of(FV_F32);
    fv_variable *x = LEAF(ctx, numbers, 2, 3, 4);
    fv_variable *four = LEAF(ctx, numbers, 4);
    (void)state;
    REFUSED(ctx, fv_layernorm_of(x, NULL, NULL, 0, 1e-5),
            "layernorm: 0 axes, expected 1 to 3, as input [2, 3, 4] has");
    REFUSED(ctx, fv_layernorm_of(x, NULL, NULL, 4, 1e-5),
            "layernorm: 4 axes, expected 1 to 3, as input [2, 3, 4] has");
    REFUSED(ctx, fv_layernorm_of(x, four, four, 2, 1e-5),
            "layernorm: gamma [4] has rank 1, expected 2");
    REFUSED(ctx, fv_layernorm_of(x, four, LEAF(ctx, numbers, 3), 1, 1e-5),
            "layernorm: beta [3] does not fit the last axes of input "
            "[2, 3, 4]");
    REFUSED(ctx, fv_layernorm_of(x, NULL, four, 1, 1e-5),
            "layernorm: beta without gamma");
    REFUSED(ctx, fv_layernorm_of(x, NULL, NULL, 1, -1),
            "layernorm: epsilon -1 is not 0 or above");
    REFUSED(ctx, fv_layernorm_of(x, NULL, NULL, 1, (double)NAN),
            "layernorm: epsilon nan is not 0 or above");
    REFUSED(ctx, fv_layernorm_of(LEAF(ctx, numbers, 2, 0), NULL, NULL, 1, 1e-5),
            "layernorm: rows of input [2, 0] are empty");
    fv_context_free(ctx);
}

/* NaN stays in its row. */
static void test_not_finite(void **state)
{
    const double x[] = { (double)INFINITY, 1, 2, 1, 2, 3 };
    fv_context *ctx = context_of(FV_F64);
    (void)state;
    const fv_tensor *y = fv_variable_value(
        fv_layernorm_of(LEAF(ctx, x, 2, 3), NULL, NULL, 1, 0));
    assert_ok(ctx);
    for (int64_t i = 0; i < 3; i++) assert_true(isnan(number_at(y, i)));
    assert_near(number_at(y, 3), -sqrt(1.5), 1e-12);
    assert_near(number_at(y, 4), 0, 1e-12);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_parameter_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
