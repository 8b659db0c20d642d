/* Tests of the operator batchnorm. */
#include "operands.h"

#include "op/op.h"

/* Without gamma and beta if `plain`, without running statistics if `alone`. */
typedef struct norm {
    double epsilon, momentum;
    int evaluate, plain, alone;
} norm;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const norm *n = user;
    fv_context *context = fv_variable_context(at[0]);
    const int former = fv_training(context, !n->evaluate);
    fv_variable *const *scale = at + 1, *const *mean = at + (n->plain ? 1 : 3);
    fv_variable *y =
        fv_batchnorm_of(at[0], n->plain ? NULL : scale[0],
                        n->plain ? NULL : scale[1], n->alone ? NULL : mean[0],
                        n->alone ? NULL : mean[1], n->epsilon, n->momentum);
    fv_training(context, former);
    return y;
}

/* Input of any rank; the running statistics are frozen. */
static subject subject_of(const norm *n, uint64_t seed, int32_t rank,
                          const int64_t *shape)
{
    const int64_t c = shape[rank - 1];
    subject s = { .apply = apply,
                  .user = n,
                  .seed = seed,
                  .count = 5,
                  .operands = { { rank, { 0 }, -1, 1, 0 },
                                { 1, { c }, 0.5, 1.5, 0 },
                                { 1, { c }, -1, 1, 0 },
                                { 1, { c }, -1, 1, 1 },
                                { 1, { c }, 0.5, 1.5, 1 } } };
    memcpy(s.operands[0].shape, shape, (size_t)rank * sizeof *shape);
    if (n->plain) {
        s.operands[1] = s.operands[3];
        s.operands[2] = s.operands[4];
    }
    s.count -= 2 * n->plain + 2 * n->alone;
    return s;
}

/* ---- values ------------------------------------------------------------ */

/* Channel 0 holds 1, 2, 3, 6 (mean 3, variance 3.5), channel 1 -2, 2, -2, 2
 * (mean 0, variance 4). */
static const double input[] = { 1, -2, 2, 2, 3, -2, 6, 2 };
static const double gamma_beta[] = { 2, 3, 10, -10 };
static const double running[] = { 5, 7, 9, 11 };

static void test_training(void **state)
{
    const norm n = { .epsilon = 0.5, .momentum = 0.25 };
    double expected[8];
    (void)state;
    for (int64_t i = 0; i < 8; i += 2) {
        expected[i] = (input[i] - 3) / 2 * 2 + 10;
        expected[i + 1] = input[i + 1] / sqrt(4.5) * 3 - 10;
    }
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-14;
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[] = { LEAF(context, input, 2, 2, 1, 2),
                              LEAF(context, gamma_beta, 2),
                              LEAF(context, gamma_beta + 2, 2),
                              LEAF(context, running, 2),
                              LEAF(context, running + 2, 2) };
        fv_variable *y = apply(&n, at);
        assert_ok(context);
        assert_numbers(fv_variable_value(y), expected, tolerance);
        assert_numbers(fv_variable_value(at[3]),
                       (const double[]){ 0.75 * 5 + 0.25 * 3, 0.75 * 7 },
                       tolerance);
        assert_numbers(fv_variable_value(at[4]),
                       (const double[]){ 0.75 * 9 + 0.25 * 14 / 3,
                                         0.75 * 11 + 0.25 * 16 / 3 },
                       tolerance);
        fv_context_free(context);
    }
}

static void test_evaluation(void **state)
{
    const norm n = { .epsilon = 0.5, .momentum = 0.25, .evaluate = 1 };
    double expected[8];
    (void)state;
    for (int64_t i = 0; i < 8; i++)
        expected[i] = (input[i] - running[i % 2])
                          / sqrt(running[2 + i % 2] + 0.5) * gamma_beta[i % 2]
                      + gamma_beta[2 + i % 2];
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-14;
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[] = { LEAF(context, input, 4, 2),
                              LEAF(context, gamma_beta, 2),
                              LEAF(context, gamma_beta + 2, 2),
                              LEAF(context, running, 2),
                              LEAF(context, running + 2, 2) };
        fv_no_grad(context, 1);
        assert_numbers(fv_variable_value(apply(&n, at)), expected, tolerance);
        fv_no_grad(context, 0);
        fv_variable *y = apply(&n, at);
        assert_ok(context);
        assert_numbers(fv_variable_value(y), expected, tolerance);
        assert_numbers(fv_variable_value(at[3]), running, 0);
        assert_numbers(fv_variable_value(at[4]), running + 2, 0);
        fv_context_free(context);
    }
}

/* A deviation of one thousandth of the mean. */
static void test_far_from_zero(void **state)
{
    enum { N = 4001 };
    static double x[N];
    const norm n = { .momentum = 1 };
    const double one = 1, zero = 0;
    double mean = 0, squares = 0, back = 0;
    (void)state;
    for (int64_t i = 0; i < N; i++) {
        x[i] = (double)(float)(1000 + 3 * chance(6, i));
        mean += x[i] / N;
    }
    for (int64_t i = 0; i < N; i++) squares += (x[i] - mean) * (x[i] - mean);
    fv_context *context = context_of(FV_F32);
    fv_variable *at[] = { LEAF(context, x, N, 1), LEAF(context, &one, 1),
                          LEAF(context, &zero, 1), LEAF(context, &zero, 1),
                          LEAF(context, &zero, 1) };
    fv_variable *y = apply(&n, at);
    assert_ok(context);
    assert_near(number_at(fv_variable_value(at[3]), 0) / mean, 1, 1e-6);
    assert_near(number_at(fv_variable_value(at[4]), 0) / (squares / (N - 1)), 1,
                1e-5);
    for (int64_t i = 0; i < N; i++)
        assert_near(number_at(fv_variable_value(y), i),
                    (x[i] - mean) / sqrt(squares / N), 2e-4);
    walk_back(y, 3);
    for (int64_t i = 0; i < N; i++)
        back += number_at(fv_variable_grad(at[0]), i) * (x[i] - mean);
    assert_near(back, 0, 1e-2);
    fv_context_free(context);
}

/* The gradient of beta, of a column of upstream gradients. */
static double column_sum(int64_t rows, int64_t channels, const double *column)
{
    enum { MOST = 64 * 513 };
    static double x[MOST], upstream[MOST];
    const norm n = { 1e-3, 0.1, .evaluate = 1 };
    for (int64_t i = 0; i < rows; i++) upstream[i * channels] = column[i];
    fv_context *context = context_of(FV_F32);
    fv_variable *at[5] = { LEAF(context, x, rows, channels) };
    for (int k = 1; k < 5; k++) at[k] = LEAF(context, x, channels);
    walk_back_from(apply(&n, at), upstream);
    const double sum = number_at(fv_variable_grad(at[2]), 0);
    fv_context_free(context);
    return sum;
}

/* Sums are taken in single precision over blocks of 16,384 numbers, of 32 rows
 * at least, and blocks added in double: beside 2^24, whose neighbour is 2 away,
 * ones and halves count if they are in another block. */
static void test_blocks(void **state)
{
    enum { BLOCK = 16384, CHAIN = 32 };
    static double column[2 * BLOCK];
    (void)state;
    column[0] = 0x1p24;
    for (int64_t i = CHAIN; i < 2 * BLOCK; i += CHAIN) column[i] = 0.5;
    assert_true(column_sum(2 * BLOCK, 1, column)
                == 0x1p24 + 0.5 * BLOCK / CHAIN);
    const double few[64] = { [0] = 0x1p24, [31] = 1, [32] = 1, [33] = 1 };
    assert_true(column_sum(64, 513, few) == 0x1p24 + 2);
}

/* Without gamma and beta the result is that with ones and zeros; without
 * running statistics evaluation gives what training gives. */
static void test_without(void **state)
{
    enum { M = 40, C = 3 };
    static const double ones[C] = { 1, 1, 1 }, zeros[C] = { 0 };
    (void)state;
    for (int i = 0; i < 8; i++) {
        const norm n = { 1e-3, 0.1, i & 1, (i & 2) != 0, (i & 4) != 0 };
        const norm whole = { 1e-3, 0.1, n.evaluate && !n.alone, 0, 0 };
        double x[M * C], values[2][M * C], grads[2][M * C];
        for (int64_t j = 0; j < M * C; j++) x[j] = 3 * chance(4, j) - 1;
        for (int k = 0; k < 2; k++) {
            fv_context *context = context_of(FV_F32);
            fv_variable *leaf = LEAF(context, x, M, C);
            fv_variable *all[] = { leaf, LEAF(context, ones, C),
                                   LEAF(context, zeros, C),
                                   LEAF(context, zeros, C),
                                   LEAF(context, ones, C) };
            fv_variable *some[] = { leaf, all[3], all[4] };
            fv_variable *y =
                k ? apply(&whole, all) : apply(&n, n.plain ? some : all);
            assert_ok(context);
            walk_back(y, 3);
            for (int64_t j = 0; j < M * C; j++) {
                values[k][j] = number_at(fv_variable_value(y), j);
                grads[k][j] = number_at(fv_variable_grad(leaf), j);
            }
            fv_context_free(context);
        }
        assert_memory_equal(values[0], values[1], sizeof values[0]);
        assert_memory_equal(grads[0], grads[1], sizeof grads[0]);
    }
}

/* The running statistics of three batches are their averages, all alike, and
 * the batches are counted. */
static void test_cumulative(void **state)
{
    enum { M = 5, C = 2 };
    double mean[C] = { 0 }, variance[C] = { 0 };
    fv_context *context = context_of(FV_F64);
    const double ones[C] = { 1, 1 }, zeros[C] = { 0 };
    fv_variable *at[] = { NULL,
                          LEAF(context, ones, C),
                          LEAF(context, zeros, C),
                          LEAF(context, zeros, C),
                          LEAF(context, ones, C),
                          LEAF(context, zeros, 1) };
    const fv__batchnorm attributes = { 1e-5, 0.1, -1, 1, FV__NO_MOMENTUM };
    (void)state;
    for (int round = 0; round < 3; round++) {
        double x[M * C];
        for (int64_t i = 0; i < M * C; i++)
            x[i] = chance(20, round * M * C + i);
        for (int64_t j = 0; j < C; j++) {
            double sum = 0, squares = 0;
            for (int64_t i = j; i < M * C; i += C) sum += x[i] / M;
            for (int64_t i = j; i < M * C; i += C)
                squares += (x[i] - sum) * (x[i] - sum) / (M - 1);
            mean[j] += sum / 3;
            variance[j] += squares / 3;
        }
        at[0] = LEAF(context, x, M, C);
        assert_non_null(fv__apply_batchnorm(at, &attributes));
    }
    assert_ok(context);
    assert_numbers(fv_variable_value(at[3]), mean, 1e-14);
    assert_numbers(fv_variable_value(at[4]), variance, 1e-14);
    assert_numbers(fv_variable_value(at[5]), (const double[]){ 3 }, 0);
    fv_training(context, 0);
    fv__apply_batchnorm(at, &attributes);
    assert_ok(context);
    assert_numbers(fv_variable_value(at[5]), (const double[]){ 3 }, 0);
    fv_context_free(context);
}

/* ---- random shapes ----------------------------------------------------- */

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const norm n = { 1e-3, 0.1, seed % 3 == 0, seed % 4 == 1,
                         seed % 5 == 2 };
        const int32_t rank = (int32_t)pick(seed, 9, 1, 5);
        int64_t shape[5];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 2, 4);
        if (rank == 1) shape[0] = 3;
        subject s = subject_of(&n, seed, rank, shape);
        if (rank == 1 && (!n.evaluate || n.alone)) continue;
        for (int k = 0; k < (n.plain ? 1 : 3); k++)
            s.operands[k].frozen = pick(seed, 20 + k, 0, 4) == 0;
        if (n.plain || (s.operands[1].frozen && s.operands[2].frozen))
            s.operands[0].frozen = 0;
        assert_gradients(&s);
        assert_single(&s, 1e-4);
    }
    const norm evaluation = { 1e-3, 0.1, .evaluate = 1 };
    const subject none =
        subject_of(&evaluation, 3, 3, (const int64_t[]){ 0, 2, 3 });
    assert_results(&none, FV_F32);
    assert_results(&none, FV_F64);
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int evaluate = 0; evaluate < 2; evaluate++) {
        const norm n = { 1e-5, 0.1, .evaluate = evaluate };
        const int64_t image[] = { 7, 19, 17, 13 }, row[] = { 1025, 3 };
        const int64_t wide[] = { 9, 5000 };
        subject s = subject_of(&n, 1, 4, image);
        assert_same_bits(&s);
        if (evaluate) assert_alone(&s, FV_F32, 3);
        if (evaluate) assert_alone(&s, FV_F64, 6);
        s = subject_of(&n, 2, 2, row);
        assert_same_bits(&s);
        s = subject_of(&n, 3, 2, wide);
        assert_same_bits(&s);
        const norm bare = { 1e-5, 0.1, evaluate, 1, 1 };
        s = subject_of(&bare, 4, 4, image);
        assert_same_bits(&s);
    }
}

/* ---- what is refused, and what is not finite ---------------------------- */

static void refuse(int64_t c, double epsilon, double momentum,
                   const char *sentence)
{
    const double numbers[8] = { 0 };
    fv_context *context = context_of(FV_F32);
    fv_variable *three = LEAF(context, numbers, 3);
    assert_null(fv_batchnorm_of(LEAF(context, numbers, 8 / c, c), three, three,
                                three, three, epsilon, momentum));
    assert_error(context, sentence);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    const double numbers[8] = { 0 };
    (void)state;
    refuse(4, 0.1, 0.1, "batchnorm: gamma [3] does not fit 4 channels");
    refuse(3, -1, 0.1, "batchnorm: epsilon -1 is not 0 or above");
    refuse(3, (double)INFINITY, 0.1,
           "batchnorm: epsilon inf is not 0 or above");
    refuse(3, 0.1, 1.5, "batchnorm: momentum 1.5 is outside 0..1");
    refuse(3, 0.1, (double)NAN, "batchnorm: momentum nan is outside 0..1");
    fv_context *context = context_of(FV_F32);
    fv_variable *three = LEAF(context, numbers, 3);
    fv_variable *x = LEAF(context, numbers, 1, 1, 1, 3);
    assert_null(fv_batchnorm_of(x, three, three, three, three, 1e-5, 0.1));
    assert_error(context, "batchnorm: training needs 2 values a channel, "
                          "input [1, 1, 1, 3] has 1");
    fv_training(context, 0);
    assert_non_null(fv_batchnorm_of(x, three, three, three, three, 1e-5, 0.1));
    assert_ok(context);
    assert_null(fv_batchnorm_of(x, NULL, NULL, NULL, NULL, 1e-5, 0.1));
    assert_error(context, "batchnorm: evaluation by the batch needs 2 values a "
                          "channel, input [1, 1, 1, 3] has 1");
    fv_variable *none = LEAF(context, numbers, 0);
    assert_null(fv_batchnorm_of(LEAF(context, numbers, 2, 0), none, none, none,
                                none, 1e-5, 0.1));
    assert_error(context, "batchnorm: input [2, 0] has no channels");
    fv_context_free(context);
}

/* NaN stays in its channel; in evaluation infinity stays in its element. */
static void test_not_finite(void **state)
{
    const double x[] = { (double)INFINITY, 1, 2, 4 };
    const double ones[] = { 1, 1 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    fv_variable *one = LEAF(context, ones, 2);
    fv_variable *leaf = LEAF(context, x, 2, 2);
    const fv_tensor *y = fv_variable_value(
        fv_batchnorm_of(leaf, one, one, LEAF(context, ones, 2),
                        LEAF(context, ones, 2), 0, 0.1));
    assert_ok(context);
    assert_true(isnan(number_at(y, 0)) && isnan(number_at(y, 2)));
    assert_near(number_at(y, 1), 0, 1e-6);
    assert_near(number_at(y, 3), 2, 1e-6);
    fv_forget(context);
    fv_training(context, 0);
    fv_variable *result = fv_batchnorm_of(
        leaf, one, one, LEAF(context, ones, 2), LEAF(context, ones, 2), 0, 0.1);
    fv_backprop(result);
    assert_ok(context);
    assert_numbers(fv_variable_grad(leaf), (const double[]){ 1, 1, 1, 1 },
                   1e-6);
    fv_context_free(context);
}

/* Gradients of x, gamma and beta, behind the values of y; relu6 apart, or in
 * one go. */
static void clamped(fv_dtype dtype, int training, bool together, double *all)
{
    static const double shift[] = { 1, 2, 3, 0.5, 1, 1.5, 3, 3.5, 4 };
    enum { M = 50, C = 3 };
    double x[M * C];
    fv_context *context = context_of(dtype);
    for (int i = 0; i < M * C; i++) x[i] = sin(1.7 * i);
    fv_variable *at[] = { LEAF(context, x, M, C), LEAF(context, shift, C),
                          LEAF(context, shift + 3, C),
                          LEAF(context, shift + 3, C),
                          LEAF(context, shift + 3, C) };
    fv_training(context, training);
    fv_variable *y =
        together
            ? fv__apply_batchnorm(at, &(fv__batchnorm){ 1e-5, 0.1, 0, 6, 0 })
            : fv_relu6_of(
                fv_batchnorm_of(at[0], at[1], at[2], at[3], at[4], 1e-5, 0.1));
    for (int64_t i = 0; i < M * C; i++)
        *all++ = number_at(fv_variable_value(y), i);
    fv_backprop(fv_sum(fv_mul(y, y)));
    assert_ok(context);
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < (k ? C : M * C); i++)
            *all++ = number_at(fv_variable_grad(at[k]), i);
    fv_context_free(context);
}

static void test_clamped(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        double apart[306] = { 0 }, together[306] = { 0 };
        int some = 0;
        clamped(i % 2 ? FV_F64 : FV_F32, i / 2, false, apart);
        clamped(i % 2 ? FV_F64 : FV_F32, i / 2, true, together);
        for (int j = 0; j < 306; j++) assert_true(apart[j] == together[j]);
        for (int j = 0; j < 150; j++) some += apart[j] == 0 || apart[j] == 6;
        assert_in_range(some, 10, 140);
    }
}

/* In evaluation a gradient passes relu at +inf and at NaN, with the clamp apart
 * or in one go; that of relu6 is 0 at +inf. */
static void test_clamped_not_finite(void **state)
{
    (void)state;
    const double x[] = { -(double)INFINITY, (double)INFINITY, (double)NAN, 7 };
    const double one[] = { 1 }, none[] = { 0 };
    for (int i = 0; i < 8; i++) {
        const bool six = i & 2, together = i & 4;
        fv_context *context = context_of(i & 1 ? FV_F64 : FV_F32);
        fv_training(context, 0);
        fv_variable *at[] = { LEAF(context, x, 4, 1), LEAF(context, one, 1),
                              LEAF(context, none, 1), LEAF(context, none, 1),
                              LEAF(context, one, 1) };
        const fv__batchnorm attributes = { 0, 0.1, 0,
                                           six ? 6 : (double)INFINITY, 0 };
        fv_variable *y;
        if (together) {
            y = fv__apply_batchnorm(at, &attributes);
        } else {
            y = fv_batchnorm_of(at[0], at[1], at[2], at[3], at[4], 0, 0.1);
            y = six ? fv_relu6_of(y) : fv_relu_of(y);
        }
        assert_int_equal(fv_backprop(y), FV_OK);
        assert_numbers(fv_variable_grad(at[0]),
                       six ? (const double[]){ 0, 0, 1, 0 }
                           : (const double[]){ 0, 1, 1, 1 },
                       0);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_far_from_zero),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_cumulative),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_clamped_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
