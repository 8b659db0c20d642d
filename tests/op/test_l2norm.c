/* Tests of the operator l2norm. */
#include "check_norm.h"

static const bool centred = false;

static long double factor_of(const norm *n, long double squares,
                             long double count)
{
    const long double length = sqrtl(squares);
    (void)count;
    return 1
           / (length > (long double)n->epsilon ? length
                                               : (long double)n->epsilon);
}

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const norm *n = user;
    return fv_l2norm_of(at[0], n->axes, n->epsilon);
}

/* Every second case has rows that are shorter than epsilon, too. */
static void test_random_shapes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        const norm n = { (int32_t)pick(seed, 8, 1, rank), 0,
                         seed % 2 ? 1e-12 : 1.1, 0 };
        int64_t shape[4];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 2, 4);
        assert_norm(&n, seed, rank, shape);
    }
}

/* A row of zeros stays one, and its gradient is that of x / epsilon. */
static void test_short_rows(void **state)
{
    const double x[] = { 0, 0, 3, 4, 0.25, 0 };
    const double up[] = { 1, 2, 0, 1, 1, 1 };
    fv_context *ctx = context_of(FV_F64);
    fv_variable *leaf = LEAF(ctx, x, 3, 2);
    (void)state;
    fv_variable *y = fv_l2norm_of(leaf, 1, 0.5);
    assert_ok(ctx);
    assert_numbers(fv_variable_value(y),
                   (const double[]){ 0, 0, 0.6, 0.8, 0.5, 0 }, 1e-15);
    walk_back_from(y, up);
    assert_numbers(
        fv_variable_grad(leaf),
        (const double[]){ 2, 4, -0.6 * 0.8 / 5, (1 - 0.64) / 5, 2, 2 }, 1e-15);
    fv_context_free(ctx);
}

static void test_same_bits(void **state)
{
    const norm n = { 1, 0, 2.4, 0 };
    const subject s = norm_of(&n, 2, 2, (const int64_t[]){ 400, 17 });
    (void)state;
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 57);
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    fv_context *ctx = context_of(FV_F64);
    fv_variable *x = LEAF(ctx, numbers, 2, 3);
    (void)state;
    REFUSED(ctx, fv_l2norm_of(x, 3, 1e-12),
            "l2norm: 3 axes, expected 1 to 2, as input [2, 3] has");
    REFUSED(ctx, fv_l2norm_of(x, 1, -1e-12),
            "l2norm: epsilon -1e-12 is not 0 or above");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_short_rows),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
