/* Tests of the operator gru and its layer. */
#include "check_recurrent.h"

static fv_variable *of(fv_variable *x, const fv_recurrent *r,
                       fv_variable **last_h, fv_variable **last_c)
{
    if (last_c) *last_c = NULL;
    return fv_gru_of(x, r, last_h);
}

static void step(const double *of_x, const double *of_h, double *h, double *c)
{
    const double r = logistic(of_x[0] + of_h[0]);
    const double z = logistic(of_x[1] + of_h[1]);
    (void)c;
    *h = (1 - z) * tanh(of_x[2] + r * of_h[2]) + z * *h;
}

static const check_cell subject_cell = { 3, 0, of, step };

static void test_definition(void **state)
{
    (void)state;
    check_definition(&subject_cell);
}

static void test_gradients(void **state)
{
    (void)state;
    check_recurrent_gradients(&subject_cell);
}

static void test_same_bits(void **state)
{
    (void)state;
    check_recurrent_bits(&subject_cell);
}

static void test_refused(void **state)
{
    (void)state;
    check_recurrent_refused(&subject_cell, "gru");
    check_lengths_refused(&subject_cell, "gru");
}

static void test_layer(void **state)
{
    (void)state;
    check_recurrent_layer(&subject_cell, "gru", false);
    check_recurrent_layer(&subject_cell, "gru", true);
    check_recurrent_lengths(&subject_cell, "gru");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
