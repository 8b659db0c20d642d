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

enum { M = 3, N = 4 };

static const double weight[M * N] = { 3, 1, -2, 0, 0.5, 4, 1, 1, -1, 2, 0, 5 };

static double unit(int count, double *x)
{
    double squares = 0;
    for (int i = 0; i < count; i++) squares += x[i] * x[i];
    for (int i = 0; i < count; i++) x[i] /= sqrt(squares);
    return sqrt(squares);
}

/* A step of the iteration by hand; then the largest singular value after many
 * steps; evaluation leaves the vectors. */
static void test_iteration(void **state)
{
    double u[M] = { 0.5, 1, -0.25 }, v[N] = { 1, 1, 1, 1 }, y[M * N];
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-14;
        fv_context *ctx = context_of((fv_dtype)dtype);
        fv_variable *w = LEAF(ctx, weight, M, N);
        fv_variable *left = LEAF(ctx, u, M), *right = LEAF(ctx, v, N);
        double a[M], b[N] = { 0 };
        memcpy(a, u, sizeof a);
        for (int i = 0; i < M * N; i++) b[i % N] += weight[i] * a[i / N];
        unit(N, b);
        memset(a, 0, sizeof a);
        for (int i = 0; i < M * N; i++) a[i / N] += weight[i] * b[i % N];
        const double sigma = unit(M, a);
        for (int i = 0; i < M * N; i++) y[i] = weight[i] / sigma;
        fv_variable *result = fv_spectral_norm(w, left, right);
        assert_ok(ctx);
        assert_numbers(fv_variable_value(result), y, tolerance);
        assert_numbers(fv_variable_value(left), a, tolerance);
        assert_numbers(fv_variable_value(right), b, tolerance);
        fv_training(ctx, 0);
        result = fv_spectral_norm(w, left, right);
        assert_numbers(fv_variable_value(result), y, tolerance);
        assert_numbers(fv_variable_value(left), a, tolerance);
        fv_training(ctx, 1);
        for (int i = 0; i < 60; i++) result = fv_spectral_norm(w, left, right);
        assert_ok(ctx);
        /* The largest singular value of the result is 1. */
        double largest = 0;
        for (int i = 0; i < M * N; i++)
            largest += number_at(fv_variable_value(result), i)
                       * number_at(fv_variable_value(left), i / N)
                       * number_at(fv_variable_value(right), i % N);
        assert_near(largest, 1, 10 * tolerance);
        fv_context_free(ctx);
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
