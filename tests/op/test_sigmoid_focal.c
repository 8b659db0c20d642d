/* Tests of the operator sigmoid_focal. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction)
{
    (void)p, (void)q;
    return fv_sigmoid_focal_of(x, t, p, q, reduction);
}

static double term(double x, double t, double p, double q)
{
    (void)p, (void)q;
    const double s = 1 / (1 + exp(-x));
    const double right = s * t + (1 - s) * (1 - t);
    const double entropy = -t * log(s) - (1 - t) * log1p(-s);
    const double balance = p < 0 ? 1 : p * t + (1 - p) * (1 - t);
    return balance * entropy * pow(1 - right, q);
}

static const element_loss loss = { .apply = apply,
                                   .term = term,
                                   .p = 0.25,
                                   .q = 2,
                                   .low = -3,
                                   .high = 3,
                                   .target_high = 1,
                                   .frozen = 1,
                                   .usual = FV_REDUCTION_MEAN };

static void test_values(void **state)
{
    (void)state;
    check_element_values(loss);
    check_element_refused(&loss, "sigmoid_focal");
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

/* Other exponents, and no balance. */
static void test_exponents(void **state)
{
    const double exponents[] = { 0, 1, 0.5, 3.3 };
    (void)state;
    for (int i = 0; i < 4; i++) {
        element_loss other = loss;
        other.p = -1;
        other.q = exponents[i];
        check_element_values(other);
        check_element_gradients(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_exponents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
