/* Pools, norms, activations, softmax, linear layers and losses agree with
 * PyTorch. */
#include "cases.h"

static void test_layers(void **state)
{
    (void)state;
    cases_run("layers", "", 80);
}

static void test_activations(void **state)
{
    (void)state;
    cases_run("activations", "", 55);
}

static void test_norms(void **state)
{
    (void)state;
    cases_run("norms", "", 25);
}

/* test_oracle_layers [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_layers),
                                        cmocka_unit_test(test_activations),
                                        cmocka_unit_test(test_norms) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
