/* Tests of the operator kl. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction)
{
    (void)p, (void)q;
    return fv_kl_of(x, t, q > 0, reduction);
}

static double term(double x, double t, double p, double q)
{
    (void)p, (void)q;
    return q > 0 ? exp(t) * (t - x) : t * (log(t) - x);
}

static const element_loss loss = { .apply = apply,
                                   .term = term,
                                   .low = -3,
                                   .high = 0,
                                   .target_low = 0.05,
                                   .target_high = 1,
                                   .usual = FV_REDUCTION_MEAN };

static void test_values(void **state)
{
    (void)state;
    check_element_values(loss);
    check_element_refused(&loss, "kl");
}

static void test_gradients(void **state)
{
    (void)state;
    check_element_gradients(loss);
}

static void test_same_bits(void **state)
{
    (void)state;
    check_element_bits(loss);
}

static void test_logarithms(void **state)
{
    element_loss logarithms = loss;
    (void)state;
    logarithms.q = 1;
    check_element_values(logarithms);
    check_element_gradients(logarithms);
}

/* What has no probability has no term and no gradient. */
static void test_zero_target(void **state)
{
    const double x[] = { -1, -2 }, t[] = { 0, 1 };
    fv_context *context = context_of(FV_F64);
    (void)state;
    fv_variable *at = LEAF(context, x, 2), *target = LEAF(context, t, 2);
    fv_variable *y = fv_kl_of(at, target, 0, FV_REDUCTION_SUM);
    assert_near(fv_item(y), 2, 0);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), (const double[]){ 0, -1 }, 0);
    assert_numbers(fv_variable_grad(target), (const double[]){ 0, 3 }, 0);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),   cmocka_unit_test(test_logarithms),
        cmocka_unit_test(test_zero_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
