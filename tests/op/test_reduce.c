/* Reductions along any axes, of the kinds that have no file of their own. */
#include "op/check_reduce.h"

static double sum(const double *x, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += x[i];
    return total;
}
static double mean(const double *x, int64_t n) { return sum(x, n) / (double)n; }
static double most(const double *x, int64_t n)
{
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = fmax(best, x[i]);
    return best;
}
static double least(const double *x, int64_t n)
{
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = fmin(best, x[i]);
    return best;
}
static double l1(const double *x, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += fabs(x[i]);
    return total;
}
static double squares(const double *x, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += x[i] * x[i];
    return total;
}
static double log_sum(const double *x, int64_t n) { return log(sum(x, n)); }

static void test_kinds(void **state)
{
    (void)state;
    static const check_reduce kinds[] = {
        { FV_REDUCE_SUM, sum, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_MEAN, mean, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_MAX, most, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_MIN, least, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_L1, l1, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_SUM_SQUARE, squares, -1, 1, 0, { 0 }, 0 },
        { FV_REDUCE_LOG_SUM, log_sum, 0.5, 1, 0, { 0 }, 0 },
    };
    for (int64_t i = 0; i < COUNT(kinds); i++) check_reduce_all(kinds[i]);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(fv_reduce(x, FV_REDUCE_SUM, 2, (int32_t[]){ 1, -1 }, 0));
    assert_error(context, "sum: axis 1 is named twice");
    assert_null(fv_reduce(x, FV_REDUCE_MAX, 1, (int32_t[]){ 2 }, 0));
    assert_error(context, "max: axis 2 is outside 0..1");
    assert_null(fv_reduce(x, FV_REDUCE_SUM, 9, (int32_t[9]){ 0 }, 0));
    assert_error(context, "reduce: 9 axes, expected 0 to 8");
    assert_null(fv_reduce(x, (fv_reduce_kind)99, 0, NULL, 0));
    assert_error(context, "reduce: unknown kind 99");
    assert_null(fv_reduce(NULL, FV_REDUCE_SUM, 0, NULL, 0));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
