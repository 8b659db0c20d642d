/* Tests of the operator unfold. */
#include "unfolding.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const columns *k = user;
    return fv_unfold(at[0], &k->w);
}

static subject subject_of(const columns *k, uint64_t seed)
{
    subject s = { .apply = apply,
                  .user = k,
                  .seed = seed,
                  .count = 1,
                  .operands = { { k->axes + 2, { 0 }, -1, 1, 0 } } };
    memcpy(s.operands[0].shape, k->x, sizeof k->x);
    return s;
}

static void test_values(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 90; seed++) {
        const columns k = random_columns(seed);
        const subject s = subject_of(&k, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        int64_t shape[3];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&k, at));
        assert_ok(context);
        shape_of_columns(&k, shape);
        assert_int_equal(y->rank, 3);
        for (int i = 0; i < 3; i++) assert_int_equal(y->shape[i], shape[i]);
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            const int64_t from = source(&k, i);
            assert_near(number_at(y, i), from < 0 ? 0 : number_at(x, from), 0);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 130; seed++) {
        const columns k = random_columns(seed);
        const subject s = subject_of(&k, seed);
        assert_gradients(&s);
    }
}

static const columns image = { .axes = 2,
                               .w = { .kernel = { 3, 3 },
                                      .stride = { 1, 2 },
                                      .padding_begin = { 1, 1 },
                                      .padding_end = { 1, 0 } },
                               .x = { 2, 9, 11, 21 } };

static void test_same_bits(void **state)
{
    (void)state;
    const subject s = subject_of(&image, 1);
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 1);
}

/* A convolution is a product with the columns. */
static void test_product(void **state)
{
    fv_context *context = context_of(FV_F64);
    const subject s = subject_of(&image, 2);
    const operand weights = { 4, { 5, 3, 3, 21 }, -1, 1, 0 };
    const fv_convolution c = { .stride = { 1, 2 },
                               .padding_begin = { 1, 1 },
                               .padding_end = { 1, 0 } };
    fv_variable *at[MOST_OPERANDS];
    (void)state;
    make_operands(context, &s, at);
    fv_variable *w = random_leaf(context, 9, &weights);
    const fv_tensor *y = fv_variable_value(fv_conv2d(at[0], w, NULL, &c));
    /* [filters, kh, kw, c] as [filters, c, kh, kw] */
    fv_variable *rows =
        fv_reshape(fv_permute(w, (const int32_t[]){ 0, 3, 1, 2 }), 2,
                   (const int64_t[]){ 5, 189 });
    const fv_tensor *product =
        fv_variable_value(fv_matmul(apply(&image, at), fv_transpose(rows)));
    assert_ok(context);
    assert_int_equal(fv_tensor_count(product), fv_tensor_count(y));
    for (int64_t i = 0; i < fv_tensor_count(y); i++)
        assert_near(number_at(product, i), number_at(y, i), 1e-12);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[12] = { 0 };
    (void)state;
    assert_null(fv_unfold(LEAF(context, numbers, 3, 4),
                          &(fv_unfolding){ .kernel = { 2 } }));
    assert_error(context, "unfold: input [3, 4] has rank 2, expected 3 to 5");
    assert_null(fv_unfold(LEAF(context, numbers, 1, 2, 2, 3),
                          &(fv_unfolding){ .kernel = { 3 } }));
    assert_error(context, "unfold: kernel 3x3 exceeds input 2x2 (padding 0)");
    assert_null(fv_unfold(LEAF(context, numbers, 1, 2, 2, 3), NULL));
    assert_error(context, "unfold: kernel 0 is below 1");
    fv_context_free(context);
}

/* As layers, one after the other: each pixel times the number of windows that
 * it lies in. */
static void test_layers(void **state)
{
    static const char text[] = "input 4 5 2\n"
                               "unfold 3 3 padding=1\n"
                               "fold 4 5 3 3 padding=1\n";
    fv_context *context = context_of(FV_F64);
    double numbers[40], out[40];
    (void)state;
    for (int i = 0; i < 40; i++) numbers[i] = i + 1;
    fv_network *net = fv_network_parse(context, text, "t");
    assert_ok(context);
    assert_string_equal(fv_network_text(net), text);
    const fv_tensor x = FV_TENSOR(numbers, FV_F64, 1, 4, 5, 2);
    const fv_tensor y = FV_TENSOR(out, FV_F64, 1, 4, 5, 2);
    assert_int_equal(fv_network_predict(net, &x, &y), FV_OK);
    for (int i = 0; i < 40; i++) {
        const int row = i / 10, column = i / 2 % 5;
        const int count =
            (3 - (row == 0) - (row == 3)) * (3 - (column == 0) - (column == 4));
        assert_near(out[i], numbers[i] * count, 1e-15);
    }
    assert_null(fv_network_parse(context, "input 8\nunfold 2\n", "t"));
    assert_error(context, "t:2:1: unfold1: input [8] is not an image of rows, "
                          "columns and channels");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_product),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
