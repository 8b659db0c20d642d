/* Tests of the operator smooth_l1. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction)
{
    (void)p, (void)q;
    return fv_smooth_l1_of(x, t, p, reduction);
}

static double term(double x, double t, double p, double q)
{
    (void)p, (void)q;
    const double d = fabs(x - t);
    return d < p ? d * d / 2 / p : d - p / 2;
}

static const element_loss loss = { .apply = apply,
                                   .term = term,
                                   .p = 0.7,
                                   .low = -1,
                                   .high = 1,
                                   .target_low = -1,
                                   .target_high = 1,
                                   .usual = FV_REDUCTION_MEAN };

static void test_values(void **state)
{
    (void)state;
    check_element_values(loss);
    check_element_refused(&loss, "smooth_l1");
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

/* With beta 0 it is the absolute error. */
static void test_beta_of_zero(void **state)
{
    const double x[] = { 1, -2, 3 }, t[] = { 1, 1, 1 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    fv_variable *at = LEAF(context, x, 3);
    fv_variable *y =
        fv_smooth_l1_of(at, LEAF(context, t, 3), 0, FV_REDUCTION_SUM);
    assert_near(fv_item(y), 5, 0);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), (const double[]){ 0, -1, 1 }, 0);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_beta_of_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
