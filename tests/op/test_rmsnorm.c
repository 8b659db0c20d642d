/* Tests of the operator rmsnorm. */
#include "check_norm.h"

static const bool centred = false;

static long double factor_of(const norm *n, long double squares,
                             long double count)
{
    return 1 / sqrtl(squares / count + (long double)n->epsilon);
}

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const norm *n = user;
    return fv_rmsnorm_of(at[0], n->parameters ? at[1] : NULL, n->axes,
                         n->epsilon);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        const norm n = { (int32_t)pick(seed, 8, 1, rank), 0, 1e-2,
                         (int)(seed % 2) };
        int64_t shape[4];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 1, 4);
        assert_norm(&n, seed, rank, shape);
    }
}

static void test_same_bits(void **state)
{
    const norm n = { 1, 0, 1e-5, 1 }, plain = { 3, 0, 1e-5, 0 };
    subject s = norm_of(&n, 2, 2, (const int64_t[]){ 130, 67 });
    (void)state;
    assert_same_bits(&s);
    assert_alone(&s, FV_F64, 57);
    s = norm_of(&plain, 3, 4, (const int64_t[]){ 2, 17, 19, 15 });
    assert_same_bits(&s);
    assert_values(&s, 3, 2e-6);
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    fv_context *ctx = context_of(FV_F64);
    fv_variable *x = LEAF(ctx, numbers, 2, 3);
    (void)state;
    REFUSED(ctx, fv_rmsnorm_of(x, LEAF(ctx, numbers, 2), 1, 1e-5),
            "rmsnorm: gamma [2] does not fit the last axes of input [2, 3]");
    REFUSED(ctx, fv_rmsnorm_of(x, NULL, 3, 1e-5),
            "rmsnorm: 3 axes, expected 1 to 2, as input [2, 3] has");
    REFUSED(ctx, fv_rmsnorm_of(x, NULL, 1, (double)INFINITY),
            "rmsnorm: epsilon inf is not 0 or above");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
