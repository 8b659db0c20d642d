/* Tests of the operator alpha_dropout. */
#include "operands.h"

enum { MANY = 100000 };

static const double few[] = { 1, -2, 3, 4 };
static const double limit = -1.7580993408473768;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_alpha_dropout_of(at[0], *(const double *)user);
}

/* Each value is the map of x or of the limit; the gradient, added to ones, is
 * the map's slope or 0. */
static void test_values(void **state)
{
    const double p = 0.3;
    const double slope = pow((1 - p) * (1 + p * limit * limit), -0.5);
    const double shift = -slope * limit * p;
    const subject s = { apply, &p, 3, 1, { { 1, { MANY }, 1, 2, 0 } } };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        const double tolerance = dtype == FV_F64 ? 1e-14 : 2e-6;
        fv_variable *at[MOST_OPERANDS] = { NULL }, *result;
        int64_t dropped = 0;
        make_operands(context, &s, at);
        result = fv_add_number(at[0], 0);
        fv_variable *y = apply(&p, dtype == FV_F32 ? at : &result);
        assert_ok(context);
        fv_backprop(dtype == FV_F32 ? fv_add(y, at[0]) : y);
        const double ones = dtype == FV_F32;
        for (int64_t i = 0; i < MANY; i++) {
            const double is = number_at(fv_variable_value(y), i);
            const double x = number_at(fv_variable_value(at[0]), i);
            const bool drops = fabs(is - (slope * limit + shift)) < tolerance;
            dropped += drops;
            if (!drops) assert_near(is, slope * x + shift, tolerance);
            assert_near(number_at(fv_variable_grad(at[0]), i),
                        (drops ? 0 : slope) + ones, tolerance);
        }
        assert_near((double)dropped / MANY, p, 0.01);
        fv_context_free(context);
    }
}

/* Mean and variance of normal numbers stay; what is drawn differs from call to
 * call and from place to place. */
static void test_moments(void **state)
{
    const int64_t count = MANY;
    (void)state;
    fv_context *context = context_of(FV_F64);
    fv_tensor x = fv_tensor_new(context, FV_F64, 1, &count);
    context->kernels->normal(5, 6, 0, MANY, 0, 1, x.data);
    fv_variable *at = fv_variable_new(context, &x);
    for (double p = 0.25; p < 1; p += 0.25) {
        const fv_tensor *y = fv_variable_value(fv_alpha_dropout_of(at, p));
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < MANY; i++) {
            sum += number_at(y, i);
            squares += number_at(y, i) * number_at(y, i);
        }
        assert_near(sum / MANY, 0, 0.02);
        assert_near(squares / MANY, 1, 0.03);
    }
    fv_context_free(context);
}

static void test_identity(void **state)
{
    const double zeros[4] = { 0 };
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, few, 4);
        fv_training(context, training);
        fv_variable *y = fv_alpha_dropout_of(x, training ? 0 : 0.5);
        assert_numbers(fv_variable_value(y), few, 0);
        walk_back_from(y, few);
        assert_numbers(fv_variable_grad(x), few, 0);
        fv_training(context, 1);
        y = fv_alpha_dropout_of(x, 1);
        assert_numbers(fv_variable_value(y), zeros, 0);
        assert_ok(context);
        fv_context_free(context);
    }
}

static void test_same_bits(void **state)
{
    const double p = 0.3;
    const subject s = { apply, &p, 4, 1, { { 2, { 131, 157 }, -1, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
    assert_single(&s, 1e-5);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, few, 4);
    assert_null(fv_alpha_dropout_of(x, -0.25));
    assert_error(context, "alpha_dropout: probability -0.25 is outside 0..1");
    assert_null(fv_alpha_dropout_of(x, (double)NAN));
    assert_error(context, "alpha_dropout: probability nan is outside 0..1");
    fv_variable *y = fv_alpha_dropout_of(LEAF(context, few, 0), 0.5);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_moments),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
