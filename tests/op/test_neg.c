/* -x. */
#include "op/check_element.h"

static double value(double x) { return -x; }
static double slope(double x) { return ((void)x, -1); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "neg",
                                   .whole = true,
                                   .f = fv_neg,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 1, 2 };
    static const double value[] = { -1, -2 };
    static const double gradient[] = { -1, -1 };
    check_unary_table(fv_neg, COUNT(x), x, value, NULL, gradient);
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    IS_WHOLE(fv_neg(WHOLE(context, 3, 0, -4, INT64_MIN)), FV_I64, -3, 0, 4,
             INT64_MIN);
    IS_WHOLE(fv_neg(whole_of(context, FV_I8, &(check_shape)SHAPE(2),
                             (int64_t[]){ 7, -128 })),
             FV_I8, -7, -128);
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
