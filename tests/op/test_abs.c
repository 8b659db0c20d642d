/* |x|, with no gradient at 0. */
#include "op/check_element.h"

static double value(double x) { return fabs(x); }
static double slope(double x) { return x > 0 ? 1 : -1; }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "abs",
                                   .whole = true,
                                   .f = fv_abs,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { -2, 0, 3 };
    static const double value[] = { 2, 0, 3 };
    static const double upstream[] = { 5, 6, 7 };
    static const double gradient[] = { -5, 0, 7 };
    check_unary_table(fv_abs, COUNT(x), x, value, upstream, gradient);
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    IS_WHOLE(fv_abs(WHOLE(context, 3, 0, -4, INT64_MIN)), FV_I64, 3, 0, 4,
             INT64_MIN);
    IS_WHOLE(fv_abs(whole_of(context, FV_I8, &(check_shape)SHAPE(2),
                             (int64_t[]){ 7, -128 })),
             FV_I8, 7, -128);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
