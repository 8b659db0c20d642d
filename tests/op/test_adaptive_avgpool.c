/* Tests of the operator adaptive_avgpool. */
#include "bins.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_adaptive_avgpool_of(at[0], user);
}

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
        const fv_tensor *y = fv_variable_value(apply(size, at));
        assert_ok(context);
        for (int32_t k = 0; k < x->rank - 2; k++)
            assert_int_equal(y->shape[1 + k], size[k]);
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            double sum = 0, count = 0;
            for (int64_t j = 0; j < fv_tensor_count(x); j++) {
                if (!bins_have(x, y, j, i)) continue;
                sum += number_at(x, j);
                count++;
            }
            assert_near(number_at(y, i), sum / count, seed % 2 ? 1e-14 : 1e-6);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 245; seed++) {
        int64_t size[3];
        subject s = random_bins(size, seed);
        s.apply = apply;
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    static const int64_t sizes[][3] = { { 7, 7 }, { 3, 5 }, { 1, 4 } };
    (void)state;
    for (int i = 0; i < 3; i++) {
        const subject s = { .apply = apply,
                            .user = sizes[i],
                            .seed = 9,
                            .count = 1,
                            .operands = { { 4, { 5, 9, 10, 21 }, -1, 1, 0 } } };
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 3);
    }
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[32] = { 0 };
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    (void)state;
    const fv_tensor *y = fv_variable_value(
        fv_adaptive_avgpool_of(x, (const int64_t[]){ -1, 2 }));
    assert_int_equal(y->shape[1], 4);
    assert_int_equal(y->shape[2], 2);
    y = fv_variable_value(fv_adaptive_avgpool_of(x, (const int64_t[]){ 3, 0 }));
    assert_int_equal(y->shape[2], 3);
    assert_null(fv_adaptive_avgpool_of(x, (const int64_t[]){ 2, -3 }));
    assert_error(context, "adaptive_avgpool: size -3 of the output is below 1");
    assert_null(fv_adaptive_avgpool_of(x, NULL));
    assert_error(context, "adaptive_avgpool: no size of the output is given");
    assert_null(fv_adaptive_avgpool_of(LEAF(context, numbers, 4, 4),
                                       (const int64_t[]){ 2 }));
    assert_error(context,
                 "adaptive_avgpool: input [4, 4] has rank 2, expected 3 to 5");
    assert_null(
        fv_adaptive_avgpool_of(x, (const int64_t[]){ INT64_MAX, INT64_MAX }));
    assert_error(context, "adaptive_avgpool: the output has too many elements");
    assert_null(fv_adaptive_avgpool_of(NULL, NULL));
    assert_ok(context);
    x = LEAF(context, numbers, 0, 4, 2);
    fv_variable *none = fv_adaptive_avgpool_of(x, (const int64_t[]){ 3 });
    assert_int_equal(fv_backprop(none), FV_OK);
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
