/* Tests of the operator hinge. */
#include "check_loss.h"

static fv_variable *apply(fv_variable *x, fv_variable *labels, double p,
                          double q, const fv_class_loss *how)
{
    (void)p, (void)q;
    return fv_hinge_of(x, labels, p, q, how);
}

static double term(const double *x, int64_t n, int64_t label, double p,
                   double q)
{
    (void)p, (void)q;
    double sum = 0;
    for (int64_t j = 0; j < n; j++)
        if (j != label) sum += pow(fmax(0, p - x[label] + x[j]), q);
    return sum / (double)n;
}

static const class_loss loss = { .apply = apply,
                                 .term = term,
                                 .p = 1,
                                 .q = 1,
                                 .low = -1,
                                 .high = 1,
                                 .rows = 1 };

static void test_rows(void **state)
{
    (void)state;
    check_class_loss(loss, 0);
}

static void test_refused(void **state)
{
    (void)state;
    check_class_refused(&loss, "hinge");
}

static void test_squares(void **state)
{
    class_loss squares = loss;
    (void)state;
    squares.p = 0.6;
    squares.q = 2;
    check_class_loss(squares, 0);
}

static void test_power(void **state)
{
    const double numbers[6] = { 0 };
    int64_t labels[] = { 0, 1 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_null(fv_hinge_of(LEAF(context, numbers, 2, 3),
                            labels_of(context, labels, 2), 1, 3, NULL));
    assert_error(context, "hinge: power 3 is neither 1 nor 2");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_squares),
        cmocka_unit_test(test_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
