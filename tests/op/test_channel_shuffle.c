/* Tests of the operator channel_shuffle. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const int64_t *groups = user;
    return fv_channel_shuffle_of(at[0], *groups);
}

static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6 };
    const double two[] = { 1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6 };
    (void)state;
    for (int rank = 1; rank <= 4; rank++) {
        fv_context *context = context_of(rank % 2 ? FV_F32 : FV_F64);
        const int64_t shape[] = { 1, 1, rank > 1 ? 2 : 1, 6 };
        fv_variable *y = fv_channel_shuffle_of(
            leaf_of(context, x, rank, shape + 4 - rank), 2);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->rank, rank);
        assert_numbers(fv_variable_value(y), two, 0);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (int64_t groups = 1; groups <= 12; groups++) {
        const subject s = { apply,
                            &groups,
                            (uint64_t)groups,
                            1,
                            { { 4, { 2, 3, 1, 12 }, -1, 1, 0 } } };
        if (12 % groups) continue;
        assert_gradients(&s);
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double x[6] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *image = LEAF(context, x, 1, 6);
    assert_null(fv_channel_shuffle_of(image, 4));
    assert_error(context,
                 "channel_shuffle: groups 4 does not divide channels 6");
    assert_null(fv_channel_shuffle_of(image, 0));
    assert_error(context,
                 "channel_shuffle: groups 0 does not divide channels 6");
    assert_null(fv_channel_shuffle_of(leaf_of(context, x, 0, NULL), 1));
    assert_error(context,
                 "channel_shuffle: input has rank 0, expected at least 1");
    fv_context_free(context);
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
