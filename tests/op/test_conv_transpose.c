/* Tests of the operator conv_transpose. */
#include "axes.h"

#include "conv/conv.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const axes_case *k = user;
    return fv_conv_transpose_of(at[0], at[1], k->bias ? at[2] : NULL, &k->c,
                                k->output_padding);
}

/* Every number of axes, every algorithm that can do any geometry. */
static void test_definition(void **state)
{
    static const fv_algorithm algorithms[] = { FV_CONV_AUTO, FV_CONV_REFERENCE,
                                               FV_CONV_IM2COL_GEMM,
                                               FV_CONV_DIRECT, FV_CONV_COL2IM };
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        axes_case k = random_axes(seed, (int32_t)(1 + seed % 3), 1, 0);
        k.c.algorithm = algorithms[seed / 3 % 5];
        if (k.c.algorithm == FV_CONV_COL2IM && k.axes == 3)
            k.c.algorithm = FV_CONV_AUTO;
        assert_axes(&k, seed, apply);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 300; seed < 330; seed++) {
        const axes_case k =
            random_axes(seed, (int32_t)(1 + seed % 3), 1, FV_CONV_DIRECT);
        const subject s = axes_subject(&k, seed, apply);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

static const axes_case image = { .axes = 2,
                                 .transposed = 1,
                                 .bias = 1,
                                 .c = { .groups = 1,
                                        .stride = { 2, 3 },
                                        .dilation = { 1, 1 },
                                        .padding_begin = { 1, 0 },
                                        .padding_end = { 0, 1 } },
                                 .output_padding = { 1, 2 },
                                 .x = { 3, 7, 5, 9 },
                                 .w = { 9, 4, 3, 17 } };
static const axes_case separate = { .axes = 2,
                                    .transposed = 1,
                                    .c = { .groups = 6,
                                           .stride = { 2, 2 },
                                           .padding_begin = { 1, 1 },
                                           .padding_end = { 1, 1 } },
                                    .x = { 2, 6, 7, 6 },
                                    .w = { 6, 3, 3, 1 } };

static void test_same_bits(void **state)
{
    (void)state;
    subject s = axes_subject(&image, 1, apply);
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 1);
    s = axes_subject(&separate, 2, apply);
    assert_same_bits(&s);
}

static void test_wanted(void **state)
{
    (void)state;
    for (int wanted = 1; wanted < 8; wanted++) {
        axes_case k = random_axes(3, 2, 1, 0);
        k.bias = 1;
        subject s = axes_subject(&k, 3, apply);
        for (int i = 0; i < 3; i++) s.operands[i].frozen = !(wanted >> i & 1);
        assert_gradients(&s);
    }
}

/* It is the input gradient of the convolution, bit for bit. */
static void test_adjoint(void **state)
{
    fv_context *context = context_of(FV_F32);
    axes_case k = image;
    subject s = axes_subject(&k, 5, apply);
    fv_variable *at[MOST_OPERANDS];
    (void)state;
    s.count = 2;
    k.bias = 0;
    make_operands(context, &s, at);
    const fv_tensor y =
        fv_tensor_dup(context, fv_variable_value(apply(&k, at)));
    assert_ok(context);
    const operand zeros = { 4, { 3, 16, 16, 17 }, 0, 0, 0 };
    fv_variable *in = random_leaf(context, 0, &zeros);
    fv_variable *out = fv_conv2d(in, at[1], NULL, &k.c);
    assert_ok(context);
    assert_int_equal(fv__backprop(out, fv_variable_value(at[0])), FV_OK);
    const fv_tensor *dx = fv_variable_grad(in);
    assert_true(fv_tensor_same_shape(&y, dx));
    for (int64_t i = 0; i < fv_tensor_count(dx); i++)
        assert_true(number_at(&y, i) == number_at(dx, i));
    fv_context_free(context);
}

static void test_auto_pad(void **state)
{
    static const struct {
        fv_auto_pad mode;
        int64_t stride, kernel, outputs;
    } rows[] = { { FV_AUTO_PAD_SAME, 2, 4, 10 },
                 { FV_AUTO_PAD_SAME, 2, 3, 10 },
                 { FV_AUTO_PAD_SAME_LOWER, 3, 4, 15 },
                 { FV_AUTO_PAD_SAME, 3, 2, 15 },
                 { FV_AUTO_PAD_VALID, 3, 2, 14 } };
    double numbers[64];
    (void)state;
    for (int i = 0; i < 64; i++) numbers[i] = i + 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_context *context = context_of(FV_F64);
        fv_convolution c = { .stride = { rows[i].stride },
                             .auto_pad = rows[i].mode };
        fv_variable *y = fv_conv_transpose_of(
            LEAF(context, numbers, 1, 5, 1),
            LEAF(context, numbers, 1, rows[i].kernel, 1), NULL, &c, NULL);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->shape[1], rows[i].outputs);
        /* the first output is tap `begin` of input 0 where that is below the
         * stride */
        const int64_t begin = rows[i].mode == FV_AUTO_PAD_SAME_LOWER ? 1
                              : rows[i].kernel == 4                  ? 1
                                                                     : 0;
        assert_near(number_at(fv_variable_value(y), 0), (double)begin + 1, 0);
        fv_context_free(context);
    }
}

static void test_refused(void **state)
{
    static const struct {
        fv_convolution c;
        int64_t output_padding[3];
        const char *sentence;
    } cases[] = {
        { { .stride = { 2 } },
          { 0, 2 },
          "conv_transpose: output_padding 2 is not in 0..1, below the larger "
          "of stride 2 and dilation 1" },
        { { .groups = 3 },
          { 0 },
          "conv_transpose: groups 3 does not divide channels 4" },
        { { .groups = -1 }, { 0 }, "conv_transpose: groups -1 is below 1" },
        { { .padding_begin = { 2, 0 }, .padding_end = { 2, 0 } },
          { 0 },
          "conv_transpose: input 2x3 gives an output of 0x5, the padding takes "
          "all of it" },
        { { .padding_end = { 0, -1 } },
          { 0 },
          "conv_transpose: padding -1 is below 0" },
        { { .stride = { 1, -2 } },
          { 0 },
          "conv_transpose: stride -2 is below 1" },
        { { .auto_pad = FV_AUTO_PAD_CAUSAL },
          { 0 },
          "conv_transpose: causal padding is for convolutions" },
    };
    double numbers[144] = { 0 };
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 1, 2, 3, 4);
    fv_variable *w = LEAF(context, numbers, 4, 3, 3, 2);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_conv_transpose_of(x, w, NULL, &cases[i].c,
                                         cases[i].output_padding));
        assert_error(context, cases[i].sentence);
    }
    assert_null(fv_conv_transpose_of(x, LEAF(context, numbers, 2, 3, 3, 4),
                                     NULL, NULL, NULL));
    assert_error(context, "conv_transpose: input has 4 channels, weight [2, 3, "
                          "3, 4] expects 2");
    assert_null(fv_conv_transpose_of(x, LEAF(context, numbers, 4, 3, 2), NULL,
                                     NULL, NULL));
    assert_error(context,
                 "conv_transpose: weight [4, 3, 2] has rank 3, expected 4");
    assert_null(fv_conv_transpose_of(LEAF(context, numbers, 3, 4), w, NULL,
                                     NULL, NULL));
    assert_error(context,
                 "conv_transpose: input [3, 4] has rank 2, expected 3 to 5");
    assert_null(
        fv_conv_transpose_of(x, w, LEAF(context, numbers, 4), NULL, NULL));
    assert_error(context, "conv_transpose: bias [4] does not fit 2 filters");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_adjoint),    cmocka_unit_test(test_auto_pad),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
