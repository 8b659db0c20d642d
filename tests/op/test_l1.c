/* Tests of the operator l1. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction)
{
    (void)p, (void)q;
    return fv_l1_of(x, t, reduction);
}

static double term(double x, double t, double p, double q)
{
    (void)p, (void)q;
    return fabs(x - t);
}

static const element_loss loss = { .apply = apply,
                                   .term = term,
                                   .low = -1,
                                   .high = 1,
                                   .target_low = -1,
                                   .target_high = 1,
                                   .usual = FV_REDUCTION_MEAN };

static void test_values(void **state)
{
    (void)state;
    check_element_values(loss);
    check_element_refused(&loss, "l1");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
