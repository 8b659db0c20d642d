/* Tests of the operator maxpool. */
#include "support.h"

extern const fv_operator fv__op_maxpool;

static void test_struct(void **state)
{
    (void)state;
    assert_string_equal(fv__op_maxpool.name, "maxpool");
    assert_int_equal(fv__op_maxpool.size, sizeof(fv_operator));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_struct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
