/* Tests of the operator gaussian_noise. */
#include "operands.h"

enum { MANY = 100000 };

static const double few[] = { 1, -2, 3, 4 };

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_gaussian_noise_of(at[0], *(const double *)user);
}

/* Mean and variance of what is added, which is not the same again and again;
 * the gradient passes. */
static void test_moments(void **state)
{
    const double deviation = 0.5;
    const subject s = { apply, &deviation, 3, 1, { { 1, { MANY }, 1, 2, 0 } } };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[MOST_OPERANDS], *result;
        double sum = 0, squares = 0, products = 0, before[4096] = { 0 };
        make_operands(context, &s, at);
        result = fv_add_number(at[0], 0);
        fv_variable *y = apply(&deviation, dtype == FV_F32 ? at : &result);
        assert_ok(context);
        for (int64_t i = 0; i < MANY; i++) {
            const double noise = number_at(fv_variable_value(y), i)
                                 - number_at(fv_variable_value(at[0]), i);
            sum += noise;
            squares += noise * noise;
            products += noise * before[i % 4096];
            before[i % 4096] = noise;
        }
        assert_near(sum / MANY, 0, 5 * deviation / sqrt(MANY));
        assert_near(products / MANY, 0, 0.01);
        assert_near(squares / MANY, deviation * deviation, 0.01);
        fv_backprop(y);
        for (int64_t i = 0; i < MANY; i++)
            assert_true(number_at(fv_variable_grad(at[0]), i) == 1);
        fv_context_free(context);
    }
}

static void test_identity(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, few, 4);
        fv_training(context, training);
        fv_variable *y = fv_gaussian_noise_of(x, training ? 0 : 0.5);
        assert_numbers(fv_variable_value(y), few, 0);
        walk_back_from(y, few);
        assert_numbers(fv_variable_grad(x), few, 0);
        assert_ok(context);
        fv_context_free(context);
    }
}

static void test_same_bits(void **state)
{
    const double deviation = 0.3;
    const subject s = {
        apply, &deviation, 4, 1, { { 2, { 131, 157 }, -1, 1, 0 } }
    };
    (void)state;
    assert_same_bits(&s);
    fv_context *context = context_of(FV_F32);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    const fv_tensor *one = fv_variable_value(apply(&deviation, at));
    const fv_tensor *other = fv_variable_value(apply(&deviation, at));
    assert_memory_not_equal(one->data, other->data, fv__tensor_bytes(one));
    fv_context_free(context);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, few, 4);
    assert_null(fv_gaussian_noise_of(x, -1));
    assert_error(context,
                 "gaussian_noise: deviation -1 is not a number of at least 0");
    assert_null(fv_gaussian_noise_of(x, (double)INFINITY));
    assert_error(context,
                 "gaussian_noise: deviation inf is not a number of at least 0");
    fv_variable *y = fv_gaussian_noise_of(LEAF(context, few, 0), 0.5);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
