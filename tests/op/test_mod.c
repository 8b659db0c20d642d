/* Remainders, of real and of whole numbers. */
#include "op/check_element.h"

static double value(double a, double b) { return a - b * floor(a / b); }
static double slope_a(double a, double b) { return ((void)a, (void)b, 1); }
static double slope_b(double a, double b) { return -floor(a / b); }
static double slope_fmod(double a, double b) { return -trunc(a / b); }

static void test_formula(void **state)
{
    (void)state;
    check_binary_all((check_binary){ .name = "mod",
                                     .f = fv_mod,
                                     .value = value,
                                     .slope_a = slope_a,
                                     .slope_b = slope_b,
                                     .low = 0.6,
                                     .high = 1.1 });
    check_binary_all((check_binary){ .name = "mod",
                                     .f = fv_fmod,
                                     .value = fmod,
                                     .slope_a = slope_a,
                                     .slope_b = slope_fmod,
                                     .low = 0.6,
                                     .high = 1.1 });
}

static void test_signs(void **state)
{
    (void)state;
    const double a[] = { 7, -7, 7, -7, 6, 1 }, b[] = { 3, 3, -3, -3, 3, 0 };
    const double mod[] = { 1, 2, -2, -1, 0 }, rest[] = { 1, -1, 1, -1, 0 };
    fv_context *context = check_context(FV_F64, 1);
    const fv_tensor *x = fv_variable_value(
        fv_mod(check_vector(context, 6, a), check_vector(context, 6, b)));
    const fv_tensor *y = fv_variable_value(
        fv_fmod(check_vector(context, 6, a), check_vector(context, 6, b)));
    for (int64_t i = 0; i < 5; i++) {
        assert_true(check_at(x, i) == mod[i]);
        assert_true(check_at(y, i) == rest[i]);
    }
    assert_true(isnan(check_at(x, 5)) && isnan(check_at(y, 5)));
    fv_variable *n = WHOLE(context, 7, -7, 7, -7, 6, 1, INT64_MIN);
    fv_variable *m = WHOLE(context, 3, 3, -3, -3, 3, 0, -1);
    IS_WHOLE(fv_mod(n, m), FV_I64, 1, 2, -2, -1, 0, 0, 0);
    IS_WHOLE(fv_fmod(n, m), FV_I64, 1, -1, 1, -1, 0, 0, 0);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
