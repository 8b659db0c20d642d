/* Tests of the operator conv_weight_grad. */
#include "axes.h"

#include "op/conv/conv2d.h"

/* The operands are an image and the gradient of the convolution's result. */
static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const axes_case *k = user;
    return fv__conv_weight_grad(at[0], at[1], &k->c, k->w + 1);
}

static subject subject_of(const axes_case *k, uint64_t seed)
{
    subject s = axes_subject(k, seed, apply);
    operand *dy = &s.operands[1];
    s.count = 2;
    dy->shape[0] = k->x[0];
    for (int32_t i = 0; i < k->axes; i++)
        dy->shape[1 + i] =
            (k->x[1 + i] + k->c.padding_begin[i] + k->c.padding_end[i]
             - k->c.dilation[i] * (k->w[1 + i] - 1) - 1)
                / k->c.stride[i]
            + 1;
    dy->shape[k->axes + 1] = k->w[0];
    return s;
}

/* The product of the weight gradient with weights is that of the convolution's
 * result, by its definition, with the gradient. */
static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const axes_case k =
            random_axes(seed, (int32_t)(1 + seed % 3), 0, FV_CONV_DIRECT);
        const subject s = subject_of(&k, seed);
        fv_context *context = context_of(FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        operand o = { k.axes + 2, { 0 }, -1, 1, 0 };
        memcpy(o.shape, k.w, sizeof k.w);
        const fv_tensor *w =
            fv_variable_value(random_leaf(context, seed * 16 + 9, &o));
        const fv_tensor *dw = fv_variable_value(apply(&k, at));
        const fv_tensor *dy = fv_variable_value(at[1]);
        assert_ok(context);
        assert_true(fv_tensor_same_shape(dw, w));
        const int64_t count = fv_tensor_count(dy);
        double *sums = calloc((size_t)count, sizeof *sums);
        double is = 0, expected = 0;
        assert_non_null(sums);
        axes_definition(&k, fv_variable_value(at[0]), w, dy, sums);
        for (int64_t i = 0; i < count; i++)
            expected += sums[i] * number_at(dy, i);
        for (int64_t i = 0; i < fv_tensor_count(w); i++)
            is += number_at(w, i) * number_at(dw, i);
        assert_near(is, expected, 1e-12);
        free(sums);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 115; seed++) {
        const axes_case k =
            random_axes(seed, (int32_t)(1 + seed % 3), 0, FV_CONV_DIRECT);
        subject s = subject_of(&k, seed);
        assert_single(&s, 1e-5);
        assert_gradients(&s);
        s.operands[seed % 2].frozen = 1;
        assert_gradients(&s);
    }
}

static void test_same_bits(void **state)
{
    const axes_case image = { .axes = 2,
                              .c = { .groups = 1,
                                     .stride = { 2, 1 },
                                     .dilation = { 1, 2 },
                                     .padding_begin = { 1, 0 },
                                     .padding_end = { 0, 1 } },
                              .x = { 3, 15, 17, 9 },
                              .w = { 19, 3, 2, 9 } };
    const subject s = subject_of(&image, 1);
    (void)state;
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    double numbers[144] = { 0 };
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 1, 6, 4);
    fv_variable *dy = LEAF(context, numbers, 1, 4, 2);
    fv_convolution c = { .groups = 1,
                         .stride = { 1, 1, 1 },
                         .dilation = { 1, 1, 1 } };
    (void)state;
    assert_non_null(fv__conv_weight_grad(x, dy, &c, (int64_t[]){ 3 }));
    assert_null(fv__conv_weight_grad(x, dy, &c, (int64_t[]){ 2 }));
    assert_error(context, "conv_weight_grad: operand 2 has shape [1, 4, 2], "
                          "expected [1, 5, 2]");
    assert_null(fv__conv_weight_grad(x, dy, &c, (int64_t[]){ 7 }));
    assert_error(context, "conv_weight_grad: kernel 1x7 exceeds input 1x6 "
                          "(height x width, padding 0)");
    c.groups = 3;
    assert_null(fv__conv_weight_grad(x, dy, &c, (int64_t[]){ 3 }));
    assert_error(context,
                 "conv_weight_grad: groups 3 does not divide channels 4");
    c.groups = 0;
    assert_null(fv__conv_weight_grad(x, dy, &c, (int64_t[]){ 3 }));
    assert_error(context, "conv_weight_grad: groups 0 is below 1");
    assert_null(fv__conv_weight_grad(LEAF(context, numbers, 6, 4), dy, &c,
                                     (int64_t[]){ 3 }));
    assert_error(context, "conv_weight_grad: input [6, 4] has rank 2, expected "
                          "3 to 5");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
