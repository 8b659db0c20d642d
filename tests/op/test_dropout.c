/* Tests of the operator dropout. */
#include "operands.h"

enum { MANY = 1000000 };

static const double three[] = { 1, -2, 3 };

/* Ones, in memory that lives as long as the context. */
static fv_variable *ones_of(fv_context *context, int64_t count)
{
    const fv_tensor tensor =
        fv_tensor_new(context, fv_context_dtype(context), 1, &count);
    context->kernels->fill((size_t)count, 1, tensor.data);
    return fv_variable_new(context, &tensor);
}

/* Each element is 0 or scaled, and the gradient is the same mask. */
static void test_values(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *x = ones_of(context, 1001);
        fv_variable *y = fv_dropout_of(x, 0.5);
        assert_ok(context);
        double kept[1001];
        int dropped = 0;
        for (int64_t i = 0; i < 1001; i++) {
            kept[i] = number_at(fv_variable_value(y), i);
            assert_true(kept[i] == 0 || kept[i] == 2);
            dropped += kept[i] == 0;
        }
        assert_in_range(dropped, 400, 600);
        fv_backprop(y);
        assert_numbers(fv_variable_grad(x), kept, 0);
        fv_context_free(context);
    }
}

static void test_identity(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, three, 3);
        fv_training(context, training);
        fv_variable *y = fv_dropout_of(x, training ? 0 : 0.5);
        assert_numbers(fv_variable_value(y), three, 0);
        walk_back_from(y, three);
        assert_ok(context);
        assert_numbers(fv_variable_grad(x), three, 0);
        fv_context_free(context);
    }
}

static void test_all_dropped(void **state)
{
    const double zeros[3] = { 0 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *x = LEAF(context, three, 3);
        fv_variable *y = fv_dropout_of(x, 1);
        assert_ok(context);
        assert_numbers(fv_variable_value(y), zeros, 0);
        walk_back_from(y, three);
        assert_numbers(fv_variable_grad(x), zeros, 0);
        fv_context_free(context);
    }
}

static void test_mean(void **state)
{
    const double probabilities[] = { 0.1, 0.5, 0.9 };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const double p = probabilities[i];
        double sum = 0;
        fv_context *context = context_of(FV_F32);
        const fv_tensor *y =
            fv_variable_value(fv_dropout_of(ones_of(context, MANY), p));
        assert_ok(context);
        for (int64_t j = 0; j < MANY; j++) sum += number_at(y, j);
        assert_near(sum / MANY, 1, 5 * sqrt(p / ((1 - p) * MANY)));
        fv_context_free(context);
    }
}

/* The mask depends on the seed and on the number of the call alone. */
static void test_streams(void **state)
{
    float first[200], again[200];
    (void)state;
    for (int run = 0; run < 2; run++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = ones_of(context, 200);
        const fv_tensor *y = fv_variable_value(fv_dropout_of(x, 0.5));
        memcpy(run ? again : first, y->data, sizeof first);
        const fv_tensor *other = fv_variable_value(fv_dropout_of(x, 0.5));
        assert_memory_not_equal(first, other->data, sizeof first);
        fv_context_free(context);
    }
    assert_memory_equal(first, again, sizeof first);
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .seed = 1, .threads = 1));
    const fv_tensor *y =
        fv_variable_value(fv_dropout_of(ones_of(context, 200), 0.5));
    assert_memory_not_equal(first, y->data, sizeof first);
    fv_context_free(context);
}

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const double *probability = user;
    return fv_dropout_of(at[0], *probability);
}

static void test_same_bits(void **state)
{
    const double probability = 0.3;
    const subject s = { .apply = apply,
                        .user = &probability,
                        .seed = 4,
                        .count = 1,
                        .operands = { { 2, { 131, 257 }, -1, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
    assert_single(&s, 1e-6);
}

/* What is dropped is 0 even if it is NaN; what is kept stays NaN. */
static void test_not_finite(void **state)
{
    double x[64];
    int missing = 0;
    fv_context *context = context_of(FV_F32);
    (void)state;
    for (int i = 0; i < 64; i++) x[i] = (double)NAN;
    const fv_tensor *y =
        fv_variable_value(fv_dropout_of(LEAF(context, x, 64), 0.5));
    assert_ok(context);
    for (int64_t i = 0; i < 64; i++) {
        const double is = number_at(y, i);
        assert_true(isnan(is) || is == 0);
        missing += isnan(is) != 0;
    }
    assert_in_range(missing, 10, 54);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, three, 3);
    (void)state;
    assert_null(fv_dropout_of(x, 1.5));
    assert_error(context, "dropout: probability 1.5 is outside 0..1");
    assert_null(fv_dropout_of(x, -0.25));
    assert_error(context, "dropout: probability -0.25 is outside 0..1");
    assert_null(fv_dropout_of(x, (double)NAN));
    assert_error(context, "dropout: probability nan is outside 0..1");
    int64_t labels[] = { 1, 2 };
    assert_null(fv_dropout_of(labels_of(context, labels, 2), 0.5));
    assert_error(context, "dropout: operand 1 has type i64, expected f32");
    fv_variable *y = fv_dropout_of(LEAF(context, three, 0), 0.5);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_identity),
        cmocka_unit_test(test_all_dropped), cmocka_unit_test(test_mean),
        cmocka_unit_test(test_streams),     cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_not_finite),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
