/* Tests of the operator spectral_norm. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    fv_context *context = fv_variable_context(at[0]);
    const int former = fv_training(context, *(const int *)user);
    fv_variable *y = fv_spectral_norm(at[0], at[1], at[2]);
    fv_training(context, former);
    return y;
}

/* u and v are frozen. */
static subject subject_of(const int *training, uint64_t seed, int32_t rank,
                          const int64_t *shape)
{
    const int64_t n = fv__product(rank - 1, shape + 1);
    subject s = { .apply = apply,
                  .user = training,
                  .seed = seed,
                  .count = 3,
                  .operands = { { rank, { 0 }, -1, 1, 0 },
                                { 1, { shape[0] }, 0.25, 1, 1 },
                                { 1, { n }, 0.25, 1, 1 } } };
    memcpy(s.operands[0].shape, shape, (size_t)rank * sizeof *shape);
    return s;
}

enum { MOST = 5 * 2049 };

static double unit(int64_t count, double *x)
{
    double squares = 0;
    for (int64_t i = 0; i < count; i++) squares += x[i] * x[i];
    for (int64_t i = 0; i < count; i++) x[i] /= sqrt(squares);
    return sqrt(squares);
}

/* A step of the iteration by hand; evaluation leaves the vectors; after many
 * steps the largest singular value of the result is 1. */
static void check_iteration(fv_dtype dtype, int64_t m, int64_t n)
{
    static double w[MOST], y[MOST], u[MOST], v[MOST], a[MOST], b[MOST];
    const double tolerance = dtype == FV_F32 ? 2e-6 : 1e-13;
    for (int64_t i = 0; i < m * n; i++) w[i] = chance(1, i) - 0.25;
    for (int64_t i = 0; i < m; i++) a[i] = u[i] = chance(2, i) - 0.75;
    for (int64_t j = 0; j < n; j++) v[j] = 1, b[j] = 0;
    fv_context *ctx = context_of(dtype);
    fv_variable *weight = LEAF(ctx, w, m, n);
    fv_variable *left = LEAF(ctx, u, m), *right = LEAF(ctx, v, n);
    for (int64_t i = 0; i < m * n; i++) b[i % n] += w[i] * a[i / n];
    unit(n, b);
    for (int64_t i = 0; i < m; i++) a[i] = 0;
    for (int64_t i = 0; i < m * n; i++) a[i / n] += w[i] * b[i % n];
    const double sigma = unit(m, a);
    for (int64_t i = 0; i < m * n; i++) y[i] = w[i] / sigma;
    for (int evaluation = 0; evaluation < 2; evaluation++) {
        fv_training(ctx, !evaluation);
        fv_variable *result = fv_spectral_norm(weight, left, right);
        assert_ok(ctx);
        assert_numbers(fv_variable_value(result), y, tolerance);
        assert_numbers(fv_variable_value(left), a, tolerance);
        assert_numbers(fv_variable_value(right), b, tolerance);
    }
    fv_training(ctx, 1);
    fv_variable *result = NULL;
    for (int i = 0; i < 30; i++) result = fv_spectral_norm(weight, left, right);
    assert_ok(ctx);
    double largest = 0;
    for (int64_t i = 0; i < m * n; i++)
        largest += number_at(fv_variable_value(result), i)
                   * number_at(fv_variable_value(left), i / n)
                   * number_at(fv_variable_value(right), i % n);
    assert_near(largest, 1, 10 * tolerance);
    fv_context_free(ctx);
}

static void test_iteration(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        check_iteration((fv_dtype)dtype, 3, 4);
        check_iteration((fv_dtype)dtype, 5, 2049);
        check_iteration((fv_dtype)dtype, 17, 1);
    }
}

/* In training the gradient is that of evaluation with the new vectors. */
static void test_gradients(void **state)
{
    static const int evaluation = 0, training = 1;
    const int64_t shapes[][4] = {
        { 3, 2, 2, 3 }, { 1, 5 }, { 4, 1, 1, 1 }, { 2, 3, 4 }
    };
    const int32_t ranks[] = { 4, 2, 4, 3 };
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        const subject s = subject_of(&evaluation, i, ranks[i], shapes[i]);
        assert_gradients(&s);
        assert_single(&s, 1e-4);
    }
    fv_context *ctx = context_of(FV_F64);
    const subject s = subject_of(&training, 7, 4, shapes[0]);
    fv_variable *at[3];
    make_operands(ctx, &s, at);
    walk_back(apply(&training, at), 5);
    const fv_tensor first = fv_tensor_dup(ctx, fv_variable_grad(at[0]));
    fv_variable_zero_grad(at[0]);
    walk_back(apply(&evaluation, at), 5);
    assert_ok(ctx);
    for (int64_t i = 0; i < fv_tensor_count(&first); i++)
        assert_near(number_at(&first, i), number_at(fv_variable_grad(at[0]), i),
                    1e-12);
    fv_context_free(ctx);
}

static void test_same_bits(void **state)
{
    static const int evaluation = 0, training = 1;
    subject s = subject_of(&training, 1, 4, (const int64_t[]){ 21, 3, 5, 71 });
    (void)state;
    assert_same_bits(&s);
    s = subject_of(&evaluation, 2, 2, (const int64_t[]){ 5, 4200 });
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    const double numbers[12] = { 0 };
    fv_context *ctx = context_of(FV_F32);
    fv_variable *w = LEAF(ctx, numbers, 3, 4), *three = LEAF(ctx, numbers, 3);
    (void)state;
    assert_null(fv_spectral_norm(w, three, three));
    assert_error(ctx, "spectral_norm: v [3] does not fit 4 weights a filter");
    assert_null(fv_spectral_norm(w, w, three));
    assert_error(ctx, "spectral_norm: u [3, 4] has rank 2, expected 1");
    assert_null(fv_spectral_norm(three, three, three));
    assert_error(ctx, "spectral_norm: weight [3] has rank 1, expected at least "
                      "2");
    w = LEAF(ctx, numbers, 3, 0);
    assert_null(fv_spectral_norm(w, three, three));
    assert_error(ctx, "spectral_norm: weight [3, 0] is empty");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iteration),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
