/* Learning rates of 150 steps agree with PyTorch's, for drawn schedules. */
#include "oracle.h"

#include <stdlib.h>

static void test_rates(void **state)
{
    (void)state;
    oracle o = oracle_open("schedules", 0);
    const char *text;
    double worst = 0;
    int number = 0;
    for (; (text = oracle_text(&o, number, "")); number++) {
        char *schedule;
        const double base = strtod(text, &schedule);
        fv_variable *leaf = fv_variable_number(o.context, 1);
        fv_optimizer *sgd = fv_sgd(NULL, base, .variables = { 1, &leaf });
        assert_int_equal(fv_set_schedule(sgd, schedule), FV_OK);
        const fv_tensor *rates = oracle_find(&o, number, "rates");
        const fv_tensor *values = oracle_find(&o, number, "values");
        assert_true(fv_tensor_count(rates) >= 150);
        for (int64_t i = 0; i < fv_tensor_count(rates); i++) {
            double expected, value;
            fv__load_doubles(rates->dtype, fv__tensor_byte(rates, i), 1, 1,
                             &expected);
            const double error = fabs(fv_learning_rate(sgd) - expected);
            if (!(error <= 1e-12 * base))
                fail_msg("%s: step %d has %.17g, expected %.17g", text, (int)i,
                         fv_learning_rate(sgd), expected);
            worst = fmax(worst, error / base);
            assert_int_equal(fv_optimizer_update(sgd), FV_OK);
            if (!values) continue;
            fv__load_doubles(values->dtype, fv__tensor_byte(values, i), 1, 1,
                             &value);
            fv_optimizer_observe(sgd, value, value);
        }
    }
    assert_true(number >= 44);
    print_message("schedules: %d cases, worst error %.1e\n", number, worst);
    oracle_close(&o);
}

/* test_oracle_schedules [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rates) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
