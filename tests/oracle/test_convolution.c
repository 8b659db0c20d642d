/* Convolutions agree with PyTorch: result and gradients, by each algorithm. */
#include "cases.h"

static void test_auto(void **state)
{
    (void)state;
    cases_run("convolution", "", 60);
}

static void test_strict(void **state)
{
    (void)state;
    cases_run("convolution", " strict=yes", 60);
}

static void test_reference(void **state)
{
    (void)state;
    cases_run("convolution", " algorithm=reference", 60);
}

static void test_im2col(void **state)
{
    (void)state;
    cases_run("convolution", " algorithm=im2col", 60);
}

/* test_oracle_convolution [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_im2col),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
