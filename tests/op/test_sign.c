/* The sign. */
#include "op/check_element.h"

static double value(double x) { return (x > 0) - (x < 0); }
static double slope(double x) { return ((void)x, 0); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "sign",
                                   .f = fv_sign,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2,
                                   .whole = true });
}

static void test_special(void **state)
{
    (void)state;
    const double x[] = { -2.5, -0.0, 0, (double)INFINITY, (double)NAN };
    const double value[] = { -1, 0, 0, 1, (double)NAN };
    check_special_values(fv_sign, COUNT(x), x, value);
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    IS_WHOLE(fv_sign(WHOLE(context, 3, 0, -4)), FV_I64, 1, 0, -1);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
