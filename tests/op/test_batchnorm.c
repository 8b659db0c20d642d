/* Tests of the operator batchnorm. */
#include "support.h"

extern const fv_operator fv__op_batchnorm;

static void test_struct(void **state)
{
    (void)state;
    assert_string_equal(fv__op_batchnorm.name, "batchnorm");
    assert_int_equal(fv__op_batchnorm.size, sizeof(fv_operator));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_struct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
