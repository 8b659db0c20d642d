/* s - a. */
#include "op/check_element.h"

static fv_variable *sub(fv_variable *a) { return fv_number_sub(1.5, a); }
static double sub_value(double x) { return 1.5 - x; }
static double sub_slope(double x) { return ((void)x, -1); }

static void test_sub(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "number_sub",
                                   .f = sub,
                                   .value = sub_value,
                                   .slope = sub_slope,
                                   .low = -2,
                                   .high = 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
