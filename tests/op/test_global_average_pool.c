/* Tests of the operator global_average_pool. */
#include "support.h"

extern const fv_operator fv__op_global_average_pool;

static void test_struct(void **state)
{
    (void)state;
    assert_string_equal(fv__op_global_average_pool.name, "global_average_pool");
    assert_int_equal(fv__op_global_average_pool.size, sizeof(fv_operator));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_struct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
