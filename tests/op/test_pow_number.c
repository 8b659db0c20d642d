/* a^s. */
#include "op/check_element.h"

static fv_variable *cube(fv_variable *a) { return fv_pow_number(a, 3); }
static double cube_value(double x) { return x * x * x; }
static double cube_slope(double x) { return 3 * x * x; }

static void test_cube(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "pow_number",
                                   .f = cube,
                                   .value = cube_value,
                                   .slope = cube_slope,
                                   .low = -1,
                                   .high = 1 });
}

static fv_variable *square(fv_variable *a) { return fv_pow_number(a, 2); }
static double square_value(double x) { return x * x; }
static double square_slope(double x) { return 2 * x; }

static void test_square(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "pow_number",
                                   .f = square,
                                   .value = square_value,
                                   .slope = square_slope,
                                   .low = -1,
                                   .high = 1 });
}

static fv_variable *root(fv_variable *a) { return fv_pow_number(a, -0.5); }
static double root_value(double x) { return 1 / sqrt(x); }
static double root_slope(double x) { return -0.5 / (x * sqrt(x)); }

static void test_root(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "pow_number",
                                   .f = root,
                                   .value = root_value,
                                   .slope = root_slope,
                                   .low = 0.5,
                                   .high = 2 });
}

static fv_variable *one(fv_variable *a) { return fv_pow_number(a, 0); }
static double one_value(double x) { return ((void)x, 1); }
static double one_slope(double x) { return ((void)x, 0); }

static void test_one(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "pow_number",
                                   .f = one,
                                   .value = one_value,
                                   .slope = one_slope,
                                   .low = -2,
                                   .high = 2 });
}

/* At 0 the gradients of x^0, x^1 and x^2 are 0, 1 and 0. */
static void test_zero(void **state)
{
    (void)state;
    const double zero[] = { 0 };
    fv_context *context = check_context(FV_F64, 1);
    for (int s = 0; s <= 2; s++) {
        const double expected[] = { s == 1 };
        fv_variable *a = check_vector(context, 1, zero);
        assert_int_equal(fv_backprop(fv_pow_number(a, s)), FV_OK);
        check_elements(fv_variable_grad(a), 1, expected, 0);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cube), cmocka_unit_test(test_square),
        cmocka_unit_test(test_root), cmocka_unit_test(test_one),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
