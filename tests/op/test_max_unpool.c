/* Tests of the operator max_unpool. */
#include "operands.h"

/* Pools with indices, and puts the largest back. */
static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const fv_tensor *x = fv_variable_value(at[0]);
    fv_variable *outputs[2];
    fv_maxpool_indices(at[0], user, outputs);
    return fv_max_unpool(outputs[0], outputs[1], user, x->shape + 1);
}

/* What is largest in its window is where it was, and all else is zero. */
static void test_inverse(void **state)
{
    static const operand operands[] = { { 3, { 2, 11, 5 }, 0.5, 1, 0 },
                                        { 4, { 2, 6, 7, 3 }, 0.5, 1, 0 },
                                        { 5, { 2, 5, 4, 5, 3 }, 0.5, 1, 0 } };
    static const fv_pooling poolings[] = {
        { .kernel = { 2 } },
        { .kernel = { 3, 2, 3 },
          .padding_begin = { 1, 0, 1 },
          .padding_end = { 1, 0, 1 } },
        { .kernel = { 2 }, .stride = { 3 }, .ceil_mode = 1 },
    };
    (void)state;
    for (int i = 0; i < 18; i++) {
        fv_context *context = context_with(i % 2 ? FV_F64 : FV_F32, 2, NULL);
        const fv_pooling *p = &poolings[i / 2 % 3];
        fv_variable *at[] = { random_leaf(context, 3, &operands[i / 6]) };
        const fv_tensor *x = fv_variable_value(at[0]);
        fv_variable *y = apply(p, at);
        assert_ok(context);
        const int64_t count = fv_tensor_count(x);
        assert_true(fv_tensor_same_shape(fv_variable_value(y), x));
        double *ones = malloc((size_t)count * sizeof *ones);
        assert_non_null(ones);
        for (int64_t j = 0; j < count; j++) ones[j] = (double)j;
        walk_back_from(y, ones);
        int64_t kept = 0;
        for (int64_t j = 0; j < count; j++) {
            const double is = number_at(fv_variable_value(y), j);
            kept += is != 0;
            assert_true(is == 0 || is == number_at(x, j));
            assert_true(number_at(fv_variable_grad(at[0]), j)
                        == (is != 0 ? (double)j : 0));
        }
        fv_variable *pooled = fv_maxpool_of(at[0], p);
        assert_int_equal(kept, fv_tensor_count(fv_variable_value(pooled)));
        free(ones);
        fv_context_free(context);
    }
}

/* Of two values at one position the last is taken; both get the gradient. */
static void test_positions(void **state)
{
    const double x[] = { 1, 2, 3, 4 };
    int64_t positions[] = { 6, 1, 1, 8 };
    const fv_tensor shape = FV_TENSOR(positions, FV_I64, 1, 4, 1);
    const fv_pooling two = { .kernel = { 2 } };
    fv_context *context = context_of(FV_F32);
    fv_variable *leaf = LEAF(context, x, 1, 4, 1);
    (void)state;
    fv_variable *y =
        fv_max_unpool(leaf, fv_constant(context, &shape), &two, NULL);
    assert_ok(context);
    assert_numbers(fv_variable_value(y),
                   (const double[]){ 0, 3, 0, 0, 0, 0, 1, 0 }, 0);
    walk_back_from(y, (const double[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
    assert_numbers(fv_variable_grad(leaf), (const double[]){ 6, 1, 1, 0 }, 0);
    fv_context_free(context);
}

static void test_same_bits(void **state)
{
    const fv_pooling p = { .kernel = { 3, 2 } };
    const subject s = { .apply = apply,
                        .user = &p,
                        .seed = 9,
                        .count = 1,
                        .operands = { { 4, { 5, 9, 8, 21 }, -1, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
    assert_results(&s, FV_F64);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[32] = { 0 };
    const fv_pooling two = { .kernel = { 2 } };
    fv_pooling p = two;
    int64_t positions[32] = { 0 };
    const fv_tensor like = FV_TENSOR(positions, FV_I64, 1, 4, 4, 2);
    const fv_tensor other = FV_TENSOR(positions, FV_I64, 1, 4, 2, 4);
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    fv_variable *at = fv_constant(context, &like);
    (void)state;
    assert_non_null(fv_max_unpool(x, at, &two, (const int64_t[]){ 7, 9 }));
    assert_null(fv_max_unpool(x, at, &two, (const int64_t[]){ 8, 10 }));
    assert_error(context, "max_unpool: size 10 of the output differs from 8 by "
                          "the stride 2 or more");
    assert_null(fv_max_unpool(x, at, &two, (const int64_t[]){ 6, 8 }));
    assert_error(context, "max_unpool: size 6 of the output differs from 8 by "
                          "the stride 2 or more");
    assert_null(fv_max_unpool(x, x, &two, NULL));
    assert_error(context, "max_unpool: indices are f32, expected i64");
    assert_null(fv_max_unpool(x, fv_constant(context, &other), &two, NULL));
    assert_error(context,
                 "max_unpool: input is [1, 4, 4, 2], indices is [1, 4, "
                 "2, 4]");
    p.padding_begin[0] = 2;
    assert_null(fv_max_unpool(x, at, &p, NULL));
    assert_error(context, "max_unpool: padding 2 is not below kernel 2");
    p = (fv_pooling){ .kernel = { 2 }, .auto_pad = FV_AUTO_PAD_VALID };
    assert_null(fv_max_unpool(x, at, &p, NULL));
    assert_error(context, "max_unpool: auto_pad depends on the size of the "
                          "output; padding must be given by numbers");
    p = (fv_pooling){ .kernel = { 2 }, .stride = { (int64_t)1 << 46 } };
    assert_null(fv_max_unpool(x, at, &p, NULL));
    assert_error(context, "max_unpool: the output has too many elements");
    assert_null(fv_max_unpool(x, at, NULL, NULL));
    assert_error(context, "max_unpool: no kernel is given");
    assert_null(fv_max_unpool(NULL, at, &two, NULL));
    assert_ok(context);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
