/* Tests of the operator conv1d. */
#include "axes.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const axes_case *k = user;
    return fv_conv1d(at[0], at[1], k->bias ? at[2] : NULL, &k->c);
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 80; seed++) {
        const axes_case k = random_axes(seed, 1, 0, FV_CONV_DIRECT);
        assert_axes(&k, seed, apply);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 300; seed < 330; seed++) {
        const axes_case k = random_axes(seed, 1, 0, FV_CONV_DIRECT);
        const subject s = axes_subject(&k, seed, apply);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

static const axes_case longer = { .axes = 1,
                                  .bias = 1,
                                  .c = { .groups = 1,
                                         .stride = { 2 },
                                         .dilation = { 3 },
                                         .padding_begin = { 4 },
                                         .padding_end = { 1 } },
                                  .x = { 3, 37, 5 },
                                  .w = { 9, 4, 5 } };
static const axes_case separate = {
    .axes = 1,
    .c = { .groups = 7, .padding_begin = { 2 }, .padding_end = { 2 } },
    .x = { 3, 41, 7 },
    .w = { 7, 5, 1 }
};

static void test_same_bits(void **state)
{
    (void)state;
    subject s = axes_subject(&longer, 1, apply);
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 1);
    s = axes_subject(&separate, 2, apply);
    assert_same_bits(&s);
}

/* A sequence is an image of one row, bit for bit. */
static void test_row(void **state)
{
    fv_context *context = context_of(FV_F32);
    const subject s = axes_subject(&longer, 3, apply);
    const fv_convolution row = { .stride = { 1, 2 },
                                 .dilation = { 1, 3 },
                                 .padding_begin = { 0, 4 },
                                 .padding_end = { 0, 1 } };
    fv_variable *at[MOST_OPERANDS];
    (void)state;
    make_operands(context, &s, at);
    fv_variable *y = apply(&longer, at);
    fv_variable *other = fv_conv2d(
        fv_reshape(at[0], 4, (const int64_t[]){ 3, 1, 37, 5 }),
        fv_reshape(at[1], 4, (const int64_t[]){ 9, 1, 4, 5 }), at[2], &row);
    assert_ok(context);
    assert_int_equal(fv_variable_value(y)->shape[1],
                     fv_variable_value(other)->shape[2]);
    assert_memory_equal(fv_variable_value(y)->data,
                        fv_variable_value(other)->data,
                        fv__tensor_bytes(fv_variable_value(y)));
    fv_context_free(context);
}

/* Causal: output i reads inputs up to i stride. Others as along two axes. */
static void test_auto_pad(void **state)
{
    static const struct {
        fv_auto_pad mode;
        int64_t stride, outputs, first;
    } rows[] = {
        { FV_AUTO_PAD_CAUSAL, 1, 7, -4 }, { FV_AUTO_PAD_CAUSAL, 3, 3, -4 },
        { FV_AUTO_PAD_VALID, 1, 3, 0 },   { FV_AUTO_PAD_SAME, 1, 7, -2 },
        { FV_AUTO_PAD_SAME, 3, 3, -2 },   { FV_AUTO_PAD_SAME, 2, 4, -2 }
    };
    const double numbers[] = { 1, 2, 4, 8, 16, 32, 64 };
    const double taps[] = { 1, 1, 1 };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_context *context = context_of(FV_F64);
        const fv_convolution c = { .stride = { rows[i].stride },
                                   .dilation = { 2 },
                                   .auto_pad = rows[i].mode };
        fv_variable *y = fv_conv1d(LEAF(context, numbers, 1, 7, 1),
                                   LEAF(context, taps, 1, 3, 1), NULL, &c);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->shape[1], rows[i].outputs);
        for (int64_t k = 0; k < rows[i].outputs; k++) {
            double sum = 0;
            for (int64_t tap = 0; tap < 3; tap++) {
                const int64_t at = rows[i].first + k * rows[i].stride + 2 * tap;
                if (at >= 0 && at < 7) sum += numbers[at];
            }
            assert_near(number_at(fv_variable_value(y), k), sum, 0);
        }
        fv_context_free(context);
    }
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const fv_convolution causal = { .auto_pad = FV_AUTO_PAD_CAUSAL };
    double numbers[64] = { 0 };
    fv_variable *x = LEAF(context, numbers, 2, 6, 3);
    fv_variable *image = LEAF(context, numbers, 1, 4, 4, 2);
    (void)state;
    assert_null(fv_conv1d(image, LEAF(context, numbers, 3, 2, 2), NULL, NULL));
    assert_error(context, "conv1d: input [1, 4, 4, 2] has rank 4, expected 3");
    assert_null(fv_conv1d(x, LEAF(context, numbers, 3, 1, 2, 2), NULL, NULL));
    assert_error(context, "conv1d: weight [3, 1, 2, 2] has rank 4, expected 3");
    assert_null(fv_conv1d(x, LEAF(context, numbers, 5, 2, 2), NULL, NULL));
    assert_error(context, "conv1d: input has 3 channels, weight [5, 2, 2] with "
                          "1 group expects 2");
    assert_null(
        fv_conv2d(image, LEAF(context, numbers, 3, 2, 2, 2), NULL, &causal));
    assert_error(context,
                 "conv2d: causal padding is for one axis, the input has 2");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_row),
        cmocka_unit_test(test_auto_pad),   cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
