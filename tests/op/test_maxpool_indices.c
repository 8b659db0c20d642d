/* Tests of the operator maxpool_indices. */
#include "windows.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    fv_variable *outputs[2];
    fv_maxpool_indices(at[0], user, outputs);
    return outputs[0];
}

/* The first output is that of maxpool; the second has positions in the plane,
 * of the first of equals. */
static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 90; seed++) {
        fv_pooling p;
        const subject s = random_windows(&p, seed);
        fv_context *context = context_with(seed % 2 ? FV_F64 : FV_F32, 2, NULL);
        fv_variable *at[MOST_OPERANDS], *outputs[2];
        make_operands(context, &s, at);
        if (seed % 3 == 0) fv_variable_set_requires_grad(at[0], 0);
        assert_int_equal(fv_maxpool_indices(at[0], &p, outputs), FV_OK);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(outputs[0]);
        const fv_tensor *indices = fv_variable_value(outputs[1]);
        const fv_tensor *same = fv_variable_value(fv_maxpool_of(at[0], &p));
        const windows w = windows_of(&p, x);
        assert_ok(context);
        assert_int_equal(indices->dtype, FV_I64);
        assert_true(fv_tensor_same_shape(y, indices));
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            int64_t best = -1, position = -1;
            for (int64_t tap = 0; tap < taps_of(&w); tap++) {
                const int64_t element = tap_of(&w, i, tap, false);
                if (element < 0
                    || (best >= 0
                        && number_at(x, element) <= number_at(x, best)))
                    continue;
                best = element;
                position = tap_of(&w, i, tap, true);
            }
            assert_true(number_at(y, i) == number_at(same, i));
            assert_int_equal(((const int64_t *)indices->data)[i], position);
        }
        fv_context_free(context);
    }
}

static void test_same_bits(void **state)
{
    const fv_pooling p = { .kernel = { 3, 2 },
                           .stride = { 2, 1 },
                           .padding_begin = { 1, 0 },
                           .ceil_mode = 1 };
    const subject s = { .apply = apply,
                        .user = &p,
                        .seed = 9,
                        .count = 1,
                        .operands = { { 4, { 5, 9, 7, 21 }, -1, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
    assert_results(&s, FV_F64);
    assert_alone(&s, FV_F32, 3);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[32] = { 0 };
    const fv_pooling five = { .kernel = { 5 } };
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2), *outputs[2] = { x, x };
    (void)state;
    assert_int_equal(fv_maxpool_indices(x, &five, outputs), FV_MISUSE);
    assert_error(context, "maxpool_indices: kernel 5x5 exceeds input 4x4 "
                          "(padding 0)");
    assert_true(!outputs[0] && !outputs[1]);
    assert_int_equal(fv_maxpool_indices(x, NULL, outputs), FV_MISUSE);
    assert_error(context, "maxpool_indices: no kernel is given");
    assert_int_equal(fv_maxpool_indices(NULL, &five, outputs), FV_MISUSE);
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
