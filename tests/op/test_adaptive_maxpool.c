/* Tests of the operator adaptive_maxpool. */
#include "bins.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_adaptive_maxpool_of(at[0], user);
}

/* The largest element of each window, and the gradient at the first of it. */
static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 90; seed++) {
        int64_t size[3];
        const subject s = random_bins(size, seed);
        fv_context *context = context_with(seed % 2 ? FV_F64 : FV_F32, 2, NULL);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        fv_variable *result = apply(size, at);
        const fv_tensor *y = fv_variable_value(result);
        assert_ok(context);
        double *grad = calloc((size_t)fv_tensor_count(x), sizeof *grad);
        double *ones = malloc((size_t)fv_tensor_count(y) * sizeof *ones);
        assert_true(grad && ones);
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            int64_t best = -1;
            for (int64_t j = 0; j < fv_tensor_count(x); j++)
                if (bins_have(x, y, j, i)
                    && (best < 0 || number_at(x, j) > number_at(x, best)))
                    best = j;
            assert_true(number_at(y, i) == number_at(x, best));
            grad[best] += ones[i] = 1;
        }
        walk_back_from(result, ones);
        assert_numbers(fv_variable_grad(at[0]), grad, 0);
        free(grad);
        free(ones);
        fv_context_free(context);
    }
}

static void test_same_bits(void **state)
{
    static const int64_t sizes[][3] = { { 7, 7 }, { 3, 5 }, { 1, 4 } };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const subject s = { .apply = apply,
                            .user = sizes[i],
                            .seed = 9,
                            .count = 1,
                            .operands = { { 4, { 5, 9, 10, 21 }, -1, 1, 0 } } };
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 3);
        assert_results(&s, FV_F32);
    }
}

/* Places in an image are kept in 32 bits; the shape rule alone can tell. */
static void test_refused(void **state)
{
    extern const fv_operator fv__op_adaptive_maxpool;
    fv_context *context = context_of(FV_F32);
    fv_tensor x = { .dtype = FV_F32,
                    .rank = 5,
                    .shape = { 1, 2, 32768, 32768, 1 } };
    const fv_tensor *inputs[] = { &x };
    const int64_t size[] = { 1, 1, 1 };
    fv_tensor output = { 0 };
    fv_inference inference = { .name = "pool",
                               .context = context,
                               .attributes = size,
                               .num_inputs = 1,
                               .inputs = inputs,
                               .outputs = &output };
    (void)state;
    assert_int_equal(fv__op_adaptive_maxpool.infer(&inference), FV_LIMIT);
    assert_error(context, "pool: input 2x32768x32768 has a plane of over "
                          "2147483647 elements");
    assert_null(fv_adaptive_maxpool_of(NULL, NULL));
    assert_ok(context);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
