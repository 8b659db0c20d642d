/* Tests of the operator linear. */
#include "support.h"

extern const fv_operator fv__op_linear;

static void test_struct(void **state)
{
    (void)state;
    assert_string_equal(fv__op_linear.name, "linear");
    assert_int_equal(fv__op_linear.size, sizeof(fv_operator));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_struct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
