/* Tests of the operator groupnorm. */
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
    return fv_groupnorm_of(at[0], n->parameters > 0 ? at[1] : NULL,
                           n->parameters > 1 ? at[2] : NULL, n->groups,
                           n->epsilon);
}

/* With none to three axes of pixels. */
static void test_random_shapes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 36; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 2, 5);
        const norm n = { 0, pick(seed, 8, 1, 3), 1e-2, (int)(seed % 3) };
        int64_t shape[5];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 1, 3);
        shape[rank - 1] = n.groups * pick(seed, 7, 1 + (rank == 2), 3);
        assert_norm(&n, seed, rank, shape);
    }
    const norm two = { 0, 2, 1e-3, 2 };
    const subject none = norm_of(&two, 3, 3, (const int64_t[]){ 0, 5, 4 });
    assert_results(&none, FV_F32);
    assert_results(&none, FV_F64);
}

/* Images of several blocks of pixels, the last one shorter, and a deviation of
 * one thousandth of the mean. */
static void test_blocks(void **state)
{
    const norm n = { 0, 3, 0, 2 };
    const subject s = norm_of(&n, 5, 4, (const int64_t[]){ 1, 61, 25, 12 });
    (void)state;
    assert_values(&s, 0, 2e-6);
    assert_values(&s, 500, 4e-4);
}

/* Of an image of several blocks the gradient is orthogonal to what a
 * normalisation does not see: a shift and a scale of a group. */
static void test_gradient_of_blocks(void **state)
{
    enum { P = 700, C = 30, GROUPS = 2 };
    static double x[P * C], up[P * C];
    const norm n = { 0, GROUPS, 0, 0 };
    double shift[GROUPS] = { 0 }, scale[GROUPS] = { 0 }, sum = 0;
    (void)state;
    for (int64_t i = 0; i < P * C; i++) {
        x[i] = chance(3, i);
        up[i] = chance(4, i);
    }
    fv_context *ctx = context_of(FV_F64);
    fv_variable *leaf = LEAF(ctx, x, 1, P, C);
    walk_back_from(fv_groupnorm_of(leaf, NULL, NULL, n.groups, n.epsilon), up);
    assert_ok(ctx);
    for (int64_t i = 0; i < P * C; i++) {
        const double dx = number_at(fv_variable_grad(leaf), i);
        shift[i % C / (C / GROUPS)] += dx;
        scale[i % C / (C / GROUPS)] += dx * x[i];
        sum += fabs(dx);
    }
    assert_true(sum > 1000);
    for (int g = 0; g < GROUPS; g++) {
        assert_near(shift[g], 0, 1e-10);
        assert_near(scale[g], 0, 1e-10);
    }
    fv_context_free(ctx);
}

static void test_same_bits(void **state)
{
    const norm n = { 0, 4, 1e-5, 2 }, one = { 0, 1, 1e-5, 0 };
    subject s = norm_of(&n, 2, 4, (const int64_t[]){ 3, 37, 33, 20 });
    (void)state;
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 2);
    s = norm_of(&n, 3, 2, (const int64_t[]){ 200, 52 });
    assert_same_bits(&s);
    assert_alone(&s, FV_F64, 77);
    s = norm_of(&one, 4, 3, (const int64_t[]){ 2, 70, 130 });
    assert_same_bits(&s);
    /* two images, then the third */
    s = norm_of(&n, 5, 3, (const int64_t[]){ 3, 26001, 20 });
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 2);
}

static void test_refused(void **state)
{
    const double numbers[24] = { 0 };
    fv_context *ctx = context_of(FV_F32);
    fv_variable *x = LEAF(ctx, numbers, 2, 3, 4);
    fv_variable *three = LEAF(ctx, numbers, 3), *four = LEAF(ctx, numbers, 4);
    (void)state;
    REFUSED(ctx, fv_groupnorm_of(x, four, four, 3, 1e-5),
            "groupnorm: groups 3 does not divide channels 4");
    REFUSED(ctx, fv_groupnorm_of(x, four, four, 0, 1e-5),
            "groupnorm: groups 0 is below 1");
    REFUSED(ctx, fv_groupnorm_of(x, four, four, -2, 1e-5),
            "groupnorm: groups -2 is below 1");
    REFUSED(ctx, fv_groupnorm_of(x, four, three, 2, 1e-5),
            "groupnorm: beta [3] does not fit 4 channels");
    REFUSED(ctx, fv_groupnorm_of(x, NULL, four, 2, 1e-5),
            "groupnorm: beta without gamma");
    REFUSED(ctx, fv_groupnorm_of(x, four, four, 2, -1),
            "groupnorm: epsilon -1 is not 0 or above");
    REFUSED(ctx, fv_groupnorm_of(four, NULL, NULL, 2, 1e-5),
            "groupnorm: input [4] has rank 1, expected at least 2");
    REFUSED(ctx,
            fv_groupnorm_of(LEAF(ctx, numbers, 2, 0, 4), NULL, NULL, 2, 1e-5),
            "groupnorm: images of input [2, 0, 4] are empty");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_gradient_of_blocks),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
