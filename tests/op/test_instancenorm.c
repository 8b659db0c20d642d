/* Tests of the operator instancenorm. */
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
    return fv_instancenorm_of(at[0], n->parameters > 0 ? at[1] : NULL,
                              n->parameters > 1 ? at[2] : NULL, n->epsilon);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 18; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 3, 5);
        const norm n = { 0, 0, 1e-2, (int)(seed % 3) };
        int64_t shape[5];
        for (int i = 0; i < rank; i++) shape[i] = pick(seed, i, 1, 4);
        shape[1] = pick(seed, 7, 2, 4);
        assert_norm(&n, seed, rank, shape);
    }
}

static void test_same_bits(void **state)
{
    const norm n = { 0, 0, 1e-5, 2 };
    const subject s = norm_of(&n, 2, 4, (const int64_t[]){ 3, 29, 23, 21 });
    (void)state;
    assert_same_bits(&s);
    assert_alone(&s, FV_F64, 1);
}

static void test_refused(void **state)
{
    const double numbers[12] = { 0 };
    fv_context *ctx = context_of(FV_F32);
    fv_variable *x = LEAF(ctx, numbers, 1, 3, 4);
    (void)state;
    REFUSED(ctx, fv_instancenorm_of(x, LEAF(ctx, numbers, 3), NULL, 1e-5),
            "instancenorm: gamma [3] does not fit 4 channels");
    REFUSED(ctx, fv_instancenorm_of(x, NULL, NULL, (double)NAN),
            "instancenorm: epsilon nan is not 0 or above");
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
