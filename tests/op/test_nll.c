/* Tests of the operator nll. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *labels, double p,
                          double q, const fv_class_loss *how)
{
    (void)p, (void)q;
    return fv_nll_of(x, labels, how);
}

static double term(const double *x, int64_t n, int64_t label, double p,
                   double q)
{
    (void)p, (void)q;
    (void)n;
    return -x[label];
}

static const class_loss loss = {
    .apply = apply, .term = term, .low = -3, .high = 0
};

static void test_rows(void **state)
{
    (void)state;
    check_class_loss(loss, 0);
}

static void test_refused(void **state)
{
    (void)state;
    check_class_refused(&loss, "nll");
}

/* Probabilities are no classes. */
static void test_dense_target(void **state)
{
    const double numbers[6] = { 0 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    fv_variable *t = LEAF(context, numbers, 2, 3);
    fv_variable_set_requires_grad(t, 0);
    assert_null(fv_nll_of(LEAF(context, numbers, 2, 3), t, NULL));
    assert_error(context, "nll: the target is f32, expected class indices");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_dense_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
