/* Tests of the operator bce. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction)
{
    (void)p, (void)q;
    return fv_bce_of(x, t, NULL, reduction);
}

static double term(double x, double t, double p, double q)
{
    (void)p, (void)q;
    return -t * log(x) - (1 - t) * log1p(-x);
}

static const element_loss loss = { .apply = apply,
                                   .term = term,
                                   .low = 0.02,
                                   .high = 0.98,
                                   .target_high = 1,
                                   .usual = FV_REDUCTION_MEAN };

static void test_values(void **state)
{
    (void)state;
    check_element_values(loss);
    check_element_refused(&loss, "bce");
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

/* Certain answers, as in PyTorch: logarithms of at least -100, and a
 * denominator of at least 1e-12 in the gradient. */
static void test_certain(void **state)
{
    const double x[] = { 0, 1, 0, 1 }, t[] = { 0, 1, 1, 0 };
    fv_context *context = context_of(FV_F64);
    (void)state;
    fv_variable *at = LEAF(context, x, 4);
    fv_variable *y =
        fv_bce_of(at, LEAF(context, t, 4), NULL, FV_REDUCTION_NONE);
    assert_numbers(fv_variable_value(y), (const double[]){ 0, 0, 100, 100 }, 0);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), (const double[]){ 0, 0, -1e12, 1e12 },
                   1e-15);
    fv_context_free(context);
}

/* A weight for each element of the last axis. */
static void test_weights(void **state)
{
    const double x[] = { 0.5, 0.25, 0.5, 0.25 }, t[] = { 1, 1, 0, 1 };
    const double weights[] = { 2, 3 };
    const double terms[] = { 2 * log(2), 3 * log(4), 2 * log(2), 3 * log(4) };
    const double dx[] = { -4, -12, 4, -12 };
    fv_context *context = context_of(FV_F64);
    fv_numbers list = { 2, weights };
    (void)state;
    fv_variable *at = LEAF(context, x, 2, 2);
    fv_variable *target = LEAF(context, t, 2, 2);
    fv_variable *y = fv_bce_of(at, target, &list, FV_REDUCTION_NONE);
    assert_numbers(fv_variable_value(y), terms, 1e-14);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), dx, 1e-14);
    list.count = 3;
    assert_null(fv_bce_of(at, LEAF(context, t, 2, 2), &list, FV_REDUCTION_SUM));
    assert_error(context, "bce: 3 weights do not fit the last axis, of 2");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_certain),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
