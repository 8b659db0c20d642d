/* Tests of the operator softmax_focal. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *labels, double p,
                          double q, const fv_class_loss *how)
{
    (void)p, (void)q;
    return fv_softmax_focal_of(x, labels, q, how);
}

static double term(const double *x, int64_t n, int64_t label, double p,
                   double q)
{
    (void)p, (void)q;
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += exp(x[j]);
    const double probability = exp(x[label]) / sum;
    return -pow(1 - probability, q) * log(probability);
}

static const class_loss loss = {
    .apply = apply, .term = term, .q = 2, .low = -2, .high = 2
};

static void test_rows(void **state)
{
    (void)state;
    check_class_loss(loss, 0);
}

static void test_refused(void **state)
{
    (void)state;
    check_class_refused(&loss, "softmax_focal");
}

static void test_exponents(void **state)
{
    const double exponents[] = { 0, 1, 0.5, 3.3 };
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        class_loss other = class_case(loss, 7 * i, 0);
        other.q = exponents[i];
        const subject s = class_subject(&other);
        check_class_value(&other, FV_F64);
        assert_gradients(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_exponents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
