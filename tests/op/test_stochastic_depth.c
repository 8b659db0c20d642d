/* Tests of the operator stochastic_depth. */
#include "operands.h"

enum { N = 64, IMAGE = 3 * 5 };

static const double few[] = { 1, -2, 3, 4 };

typedef struct how {
    double probability;
    fv_stochastic_depth_mode mode;
} how;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const how *h = user;
    return fv_stochastic_depth_of(at[0], h->probability, h->mode);
}

/* An image is dropped or scaled as a whole; in mode batch, all are. */
static void check_values(const how *h, fv_dtype dtype, bool leaf, int *dropped)
{
    const subject s = { apply, h, 3, 1, { { 3, { N, 3, 5 }, 1, 2, 0 } } };
    fv_context *context = context_of(dtype);
    fv_variable *at[MOST_OPERANDS], *result;
    make_operands(context, &s, at);
    result = fv_add_number(at[0], 0);
    fv_variable *y = apply(h, leaf ? at : &result);
    assert_ok(context);
    fv_backprop(fv_add(y, at[0])); /* the gradient is added to ones */
    for (int64_t k = 0; k < N * IMAGE; k++) {
        const int64_t first = k / IMAGE * IMAGE;
        const bool kept = number_at(fv_variable_value(y), first) != 0;
        const double factor = kept ? 1 / (1 - h->probability) : 0;
        const double x = number_at(fv_variable_value(at[0]), k);
        *dropped += !kept && k == first;
        assert_near(number_at(fv_variable_value(y), k), factor * x, 1e-6);
        assert_near(number_at(fv_variable_grad(at[0]), k), factor + 1, 1e-6);
    }
    fv_context_free(context);
}

static void test_values(void **state)
{
    const how row = { 0.25, FV_STOCHASTIC_DEPTH_ROW };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        int dropped = 0, all = 0;
        check_values(&row, (fv_dtype)dtype, dtype == FV_F32, &dropped);
        assert_in_range(dropped, N / 8, N / 2);
        const how batch = { 0.5, FV_STOCHASTIC_DEPTH_BATCH };
        check_values(&batch, (fv_dtype)dtype, true, &all);
        assert_true(all == 0 || all == N);
    }
    int dropped = 0;
    const how whole = { 1, FV_STOCHASTIC_DEPTH_ROW };
    check_values(&whole, FV_F32, false, &dropped);
    assert_int_equal(dropped, N);
}

/* Both outcomes of the mode batch occur. */
static void test_batches(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, few, 2, 2);
    int dropped = 0;
    for (int i = 0; i < 40; i++) {
        const fv_tensor *y = fv_variable_value(
            fv_stochastic_depth_of(x, 0.5, FV_STOCHASTIC_DEPTH_BATCH));
        dropped += number_at(y, 0) == 0;
    }
    assert_ok(context);
    assert_in_range(dropped, 8, 32);
    fv_context_free(context);
}

static void test_identity(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, few, 2, 2);
        fv_training(context, training);
        fv_variable *y = fv_stochastic_depth_of(x, training ? 0 : 0.5,
                                                FV_STOCHASTIC_DEPTH_ROW);
        assert_numbers(fv_variable_value(y), few, 0);
        walk_back_from(y, few);
        assert_numbers(fv_variable_grad(x), few, 0);
        assert_ok(context);
        fv_context_free(context);
    }
}

static void test_same_bits(void **state)
{
    const how h = { 0.5, FV_STOCHASTIC_DEPTH_ROW };
    const subject s = {
        apply, &h, 4, 1, { { 4, { 5, 61, 23, 13 }, -1, 1, 0 } }
    };
    (void)state;
    assert_same_bits(&s);
    assert_single(&s, 1e-6);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, few, 2, 2);
    assert_null(fv_stochastic_depth_of(x, -0.5, FV_STOCHASTIC_DEPTH_ROW));
    assert_error(context, "stochastic_depth: probability -0.5 is outside 0..1");
    assert_null(fv_stochastic_depth_of(x, 0.5, (fv_stochastic_depth_mode)2));
    assert_error(context, "stochastic_depth: mode 2 is unknown (0 to 1)");
    x = leaf_of(context, few, 0, NULL);
    assert_null(fv_stochastic_depth_of(x, 0.5, FV_STOCHASTIC_DEPTH_ROW));
    assert_error(context,
                 "stochastic_depth: input has rank 0, expected at least 1");
    fv_variable *y = fv_stochastic_depth_of(LEAF(context, few, 0, 2), 0.5,
                                            FV_STOCHASTIC_DEPTH_BATCH);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_batches),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
