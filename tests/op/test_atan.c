/* The inverse tangent, under its own name. */
#include "op/check_element.h"

static double value(double x) { return atan(x); }
static double slope(double x) { return 1 / (1 + x * x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "atan",
                                   .f = fv_atan,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_table(void **state)
{
    (void)state;
    static const double x[] = { 0.5 };
    static const double gradient[] = { 0.8 };
    check_unary_table(fv_atan, COUNT(x), x, NULL, NULL, gradient);
}

static void test_name(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_atan(check_leaf(context, &(check_shape)SHAPE(2), 0, 1, 1));
    assert_string_equal(fv_tape_last(context), "atan");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
