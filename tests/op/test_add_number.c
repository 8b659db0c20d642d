/* a + s and a - s. */
#include "op/check_element.h"

static fv_variable *add(fv_variable *a) { return fv_add_number(a, 1.5); }
static double add_value(double x) { return x + 1.5; }
static double add_slope(double x) { return ((void)x, 1); }

static void test_add(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "add_number",
                                   .f = add,
                                   .value = add_value,
                                   .slope = add_slope,
                                   .low = -2,
                                   .high = 2 });
}

static fv_variable *sub(fv_variable *a) { return fv_sub_number(a, 0.75); }
static double sub_value(double x) { return x - 0.75; }
static double sub_slope(double x) { return ((void)x, 1); }

static void test_sub(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "add_number",
                                   .f = sub,
                                   .value = sub_value,
                                   .slope = sub_slope,
                                   .low = -2,
                                   .high = 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_sub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
