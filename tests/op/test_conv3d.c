/* Tests of the operator conv3d. */
#include "axes.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const axes_case *k = user;
    return fv_conv3d(at[0], at[1], k->bias ? at[2] : NULL, &k->c);
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const axes_case k = random_axes(seed, 3, 0, FV_CONV_DIRECT);
        assert_axes(&k, seed, apply);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 300; seed < 312; seed++) {
        const axes_case k = random_axes(seed, 3, 0, FV_CONV_DIRECT);
        const subject s = axes_subject(&k, seed, apply);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

static const axes_case volume = { .axes = 3,
                                  .bias = 1,
                                  .c = { .groups = 1,
                                         .stride = { 2, 1, 3 },
                                         .dilation = { 1, 2, 1 },
                                         .padding_begin = { 1, 0, 2 },
                                         .padding_end = { 0, 2, 1 } },
                                  .x = { 2, 5, 7, 9, 3 },
                                  .w = { 5, 2, 3, 2, 3 } };

static void test_same_bits(void **state)
{
    (void)state;
    const subject s = axes_subject(&volume, 1, apply);
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 1);
}

static void test_auto_pad(void **state)
{
    fv_context *context = context_of(FV_F32);
    const fv_convolution c = { .stride = { 2, 1, 3 },
                               .auto_pad = FV_AUTO_PAD_SAME };
    double numbers[256] = { 0 };
    (void)state;
    fv_variable *y = fv_conv3d(LEAF(context, numbers, 1, 5, 4, 7, 1),
                               LEAF(context, numbers, 2, 3, 2, 3, 1), NULL, &c);
    assert_ok(context);
    const int64_t shape[] = { 1, 3, 4, 3, 2 };
    for (int i = 0; i < 5; i++)
        assert_int_equal(fv_variable_value(y)->shape[i], shape[i]);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    double numbers[64] = { 0 };
    fv_variable *x = LEAF(context, numbers, 1, 2, 3, 4, 2);
    (void)state;
    assert_null(fv_conv3d(LEAF(context, numbers, 1, 4, 4, 2),
                          LEAF(context, numbers, 1, 2, 2, 2, 2), NULL, NULL));
    assert_error(context, "conv3d: input [1, 4, 4, 2] has rank 4, expected 5");
    assert_null(
        fv_conv3d(x, LEAF(context, numbers, 1, 3, 1, 1, 2), NULL, NULL));
    assert_error(context, "conv3d: kernel 3x1x1 exceeds input 2x3x4 (depth x "
                          "height x width, padding 0)");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_auto_pad),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
