/* Tests of the operator lrn. */
#include "operands.h"

#include "op/op.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_lrn_of(at[0], user);
}

static subject subject_of(const fv_response_norm *a, uint64_t seed,
                          int32_t rank, const int64_t *shape)
{
    subject s = { .apply = apply,
                  .user = a,
                  .seed = seed,
                  .count = 1,
                  .operands = { { rank, { 0 }, -2, 2, 0 } } };
    memcpy(s.operands[0].shape, shape, (size_t)rank * sizeof *shape);
    return s;
}

enum { ROWS = 3, MOST = 40 };

/* Windows of 1 to more than twice the channels: of an even size, the one
 * channel more lies before. */
static void check_values(const fv_response_norm *a, int64_t c, fv_dtype dtype)
{
    double x[ROWS * MOST], y[ROWS * MOST];
    for (int64_t i = 0; i < ROWS * c; i++)
        x[i] = (double)(float)(4 * chance(7, i) - 2);
    for (int64_t i = 0; i < ROWS * c; i++) {
        double squares = 0;
        for (int64_t t = 0; t < a->channels; t++) {
            const int64_t j = i % c - a->channels / 2 + t;
            if (j >= 0 && j < c) squares += pow(x[i - i % c + j], 2);
        }
        y[i] = x[i]
               / pow(a->k + a->alpha * squares / (double)a->channels, a->beta);
    }
    fv_context *ctx = context_of(dtype);
    fv_variable *result = fv_lrn_of(LEAF(ctx, x, ROWS, c), a);
    assert_ok(ctx);
    assert_numbers(fv_variable_value(result), y,
                   dtype == FV_F64 ? 1e-14 : 2e-6);
    fv_context_free(ctx);
}

static void test_values(void **state)
{
    static const fv_response_norm cases[] = {
        { 1, 0.5, 0.75, 1 },  { 2, 1, 0.5, 2 },     { 5, 1e-4, 0.75, 1 },
        { 4, 3, 1.25, 0.5 },  { 9, 0.25, 0.75, 2 }, { 50, 1, 2, 1 },
        { 81, 0.5, 0.75, 1 }, { 5, 0, 0.75, 2 },    { 5, 1, 0, 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int64_t c = 1; c <= MOST; c += 13)
            for (int dtype = FV_F32; dtype <= FV_F64; dtype++)
                check_values(&cases[i], c, (fv_dtype)dtype);
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        const fv_response_norm a = { pick(seed, 9, 1, 7),
                                     0.5 + chance(seed, 10), 0.75,
                                     seed % 2 ? 1 : 2 };
        const int32_t rank = (int32_t)pick(seed, 8, 1, 4);
        int64_t shape[4];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 1, 3);
        shape[rank - 1] = pick(seed, 11, 1, 9);
        const subject s = subject_of(&a, seed, rank, shape);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
    const fv_response_norm a = { 3, 1, 0.75, 1 };
    const subject none = subject_of(&a, 3, 2, (const int64_t[]){ 0, 3 });
    assert_results(&none, FV_F32);
    assert_results(&none, FV_F64);
}

static void test_same_bits(void **state)
{
    const fv_response_norm even = { 6, 0.1, 0.75, 2 }, wide = { 200, 2, 1, 1 };
    subject s = subject_of(&even, 1, 4, (const int64_t[]){ 3, 7, 11, 67 });
    (void)state;
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 2);
    s = subject_of(&wide, 2, 2, (const int64_t[]){ 300, 19 });
    assert_same_bits(&s);
}

static void refuse(fv_context *ctx, int64_t channels, double alpha, double beta,
                   double k, const char *sentence)
{
    const double numbers[6] = { 0 };
    const fv_response_norm a = { channels, alpha, beta, k };
    assert_null(fv_lrn_of(LEAF(ctx, numbers, 2, 3), &a));
    assert_error(ctx, sentence);
}

static void test_refused(void **state)
{
    const double number = 0;
    const fv_response_norm a = { 5, 1, 1, 1 };
    fv_context *ctx = context_of(FV_F32);
    (void)state;
    refuse(ctx, 0, 1, 1, 1, "lrn: size 0 is below 1");
    refuse(ctx, 5, -1, 1, 1, "lrn: alpha -1 is not 0 or above");
    refuse(ctx, 5, 1, (double)INFINITY, 1, "lrn: beta inf is not 0 or above");
    refuse(ctx, 5, 1, 1, (double)NAN, "lrn: k nan is not 0 or above");
    assert_null(fv_lrn_of(LEAF(ctx, &number, 2, 0), &a));
    assert_error(ctx, "lrn: input [2, 0] has no channels");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
