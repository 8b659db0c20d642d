/* a / s. */
#include "op/check_element.h"

static fv_variable *divide(fv_variable *a) { return fv_div_number(a, 3); }
static double divide_value(double x) { return x / 3; }
static double divide_slope(double x) { return ((void)x, 1 / 3.0); }

static void test_divide(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "div_number",
                                   .f = divide,
                                   .value = divide_value,
                                   .slope = divide_slope,
                                   .low = -2,
                                   .high = 2 });
}

/* The quotient is rounded once, as in C. */
static void test_exact(void **state)
{
    (void)state;
    double x[64];
    check_numbers(x, COUNT(x), -9, 9, 5);
    fv_context *context = check_context(FV_F64, 1);
    const fv_tensor *y =
        fv_variable_value(fv_div_number(check_vector(context, 64, x), 7));
    for (int64_t i = 0; i < COUNT(x); i++)
        assert_true(check_at(y, i) == x[i] / 7);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divide),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
