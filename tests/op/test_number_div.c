/* s / a. */
#include "op/check_element.h"

static fv_variable *divide(fv_variable *a) { return fv_number_div(3, a); }
static double divide_value(double x) { return 3 / x; }
static double divide_slope(double x) { return -3 / (x * x); }

static void test_divide(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "number_div",
                                   .f = divide,
                                   .value = divide_value,
                                   .slope = divide_slope,
                                   .low = 0.5,
                                   .high = 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
