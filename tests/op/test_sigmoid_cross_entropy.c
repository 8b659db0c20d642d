/* Tests of the operator sigmoid_cross_entropy. */
#include "support.h"

extern const fv_operator fv__op_sigmoid_cross_entropy;

static void test_struct(void **state)
{
    (void)state;
    assert_string_equal(fv__op_sigmoid_cross_entropy.name,
                        "sigmoid_cross_entropy");
    assert_int_equal(fv__op_sigmoid_cross_entropy.size, sizeof(fv_operator));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_struct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
