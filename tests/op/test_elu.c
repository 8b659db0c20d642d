/* x where x > 0, else alpha (e^x - 1). */
#include "op/check_element.h"

static fv_variable *elu(fv_variable *a) { return fv_elu_of(a, 1); }
static fv_variable *weak(fv_variable *a) { return fv_elu_of(a, 0.01); }

static double value(double x) { return x > 0 ? x : exp(x) - 1; }
static double slope(double x) { return x > 0 ? 1 : exp(x); }

static void test_formula(void **state)
{
    (void)state;
    check_unary_all((check_unary){ .name = "elu",
                                   .f = elu,
                                   .value = value,
                                   .slope = slope,
                                   .low = -2,
                                   .high = 2 });
}

static void test_activation(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { -0.8646647168, -0.3934693403, 0, 0.5, 2 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0.1353352832, 1.213061319, 3, 4, 5 };
    check_unary_table(elu, COUNT(x), x, value, upstream, gradient);
}

static void test_alpha(void **state)
{
    (void)state;
    static const double x[] = { -2.0, -0.5, 0.0, 0.5, 2.0 };
    static const double value[] = { -0.008646647168, -0.003934693403, 0, 0.5,
                                    2 };
    static const double upstream[] = { 1, 2, 3, 4, 5 };
    static const double gradient[] = { 0.001353352832, 0.01213061319, 0.03, 4,
                                       5 };
    check_unary_table(weak, COUNT(x), x, value, upstream, gradient);
}

/* As torch.nn.functional.elu. */
static void test_special_gradients(void **state)
{
    (void)state;
    static const double x[] = { -(double)INFINITY, 0, 2, (double)INFINITY,
                                (double)NAN };
    static const double slope[] = { 0, 2, 2, 2, 2 };
    check_special(elu, COUNT(x), x, slope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_special_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
