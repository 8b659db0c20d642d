/* Tests of the operator fold. */
#include "unfolding.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const columns *k = user;
    return fv_fold(at[0], k->axes, k->x + 1, &k->w);
}

static subject subject_of(const columns *k, uint64_t seed)
{
    subject s = { .apply = apply,
                  .user = k,
                  .seed = seed,
                  .count = 1,
                  .operands = { { 3, { 0 }, -1, 1, 0 } } };
    shape_of_columns(k, s.operands[0].shape);
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
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&k, at));
        assert_ok(context);
        assert_int_equal(y->rank, k.axes + 2);
        for (int i = 0; i < y->rank; i++) assert_int_equal(y->shape[i], k.x[i]);
        double *sums = calloc((size_t)fv_tensor_count(y), sizeof *sums);
        assert_non_null(sums);
        for (int64_t i = 0; i < fv_tensor_count(x); i++) {
            const int64_t to = source(&k, i);
            if (to >= 0) sums[to] += number_at(x, i);
        }
        assert_numbers(y, sums, seed % 2 ? 1e-14 : 1e-5);
        free(sums);
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

static void test_same_bits(void **state)
{
    static const columns image = { .axes = 2,
                                   .w = { .kernel = { 3, 3 },
                                          .stride = { 1, 2 },
                                          .dilation = { 1, 1 },
                                          .padding_begin = { 1, 1 },
                                          .padding_end = { 1, 0 } },
                                   .x = { 2, 9, 11, 21 } };
    (void)state;
    const subject s = subject_of(&image, 1);
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 1);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[36] = { 0 };
    const fv_unfolding w = { .kernel = { 2, 2 } };
    const int64_t size[] = { 3, 4 };
    (void)state;
    assert_null(fv_fold(LEAF(context, numbers, 1, 6, 5), 2, size, &w));
    assert_error(context, "fold: columns of 5 are no multiple of the 4 taps of "
                          "a window");
    assert_null(fv_fold(LEAF(context, numbers, 1, 9, 4), 2, size, &w));
    assert_error(context, "fold: 9 columns, the image has 6 windows");
    assert_null(fv_fold(LEAF(context, numbers, 1, 6, 4), 4, size, &w));
    assert_error(context, "fold: 4 axes, expected 1 to 3");
    assert_null(fv_fold(LEAF(context, numbers, 6, 4), 2, size, &w));
    assert_error(context, "fold: input [6, 4] has rank 2, expected 3");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
