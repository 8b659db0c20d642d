/* Sizes that do not fit are told apart from those that do; the machine. */
#include "bare.h"

static void test_multiply(void **state)
{
    (void)state;
    size_t product = 7;
    assert_true(fv__multiply(0, SIZE_MAX, &product));
    assert_int_equal(product, 0);
    assert_true(fv__multiply(SIZE_MAX, 1, &product));
    assert_true(product == SIZE_MAX);
    assert_true(fv__multiply(SIZE_MAX / 3, 3, &product));
    assert_true(product == SIZE_MAX / 3 * 3);
    assert_false(fv__multiply(SIZE_MAX / 3 + 1, 3, &product));
    assert_false(fv__multiply((size_t)1 << 32, (size_t)1 << 32, &product));
    assert_true(fv__multiply(SIZE_MAX, 0, &product));
    assert_int_equal(product, 0);
}

static void test_add(void **state)
{
    (void)state;
    size_t sum = 7;
    assert_true(fv__add(SIZE_MAX - 1, 1, &sum));
    assert_true(sum == SIZE_MAX);
    assert_false(fv__add(SIZE_MAX, 1, &sum));
    assert_true(fv__add(0, 0, &sum));
    assert_int_equal(sum, 0);
}

static void product_is(int32_t rank, const int64_t *extents, int64_t expected)
{
    int64_t product = fv__product(rank, extents);
    assert_true(product == expected);
}

static void test_product(void **state)
{
    (void)state;
    const int64_t big = (int64_t)1 << 47;
    product_is(0, NULL, 1);
    product_is(4, (int64_t[]){ 2, 3, 5, 7 }, 210);
    product_is(3, (int64_t[]){ 2, 0, 5 }, 0);
    product_is(2, (int64_t[]){ 2, -1 }, -1);
    product_is(2, (int64_t[]){ 0, -1 }, -1);
    product_is(1, (int64_t[]){ big - 1 }, big - 1);
    product_is(1, (int64_t[]){ big }, -1);
    product_is(1, (int64_t[]){ INT64_MAX }, -1);
    product_is(2, (int64_t[]){ 1 << 23, 1 << 23 }, (int64_t)1 << 46);
    product_is(2, (int64_t[]){ 1 << 24, 1 << 23 }, -1);
    product_is(2, (int64_t[]){ 1 << 24, (1 << 23) - 1 }, big - (1 << 24));
    product_is(3, (int64_t[]){ (int64_t)1 << 40, (int64_t)1 << 40, 0 }, -1);
}

static void test_saturated(void **state)
{
    (void)state;
    const int64_t most = INT64_MAX;
    assert_true(fv__saturated_sum(2, 3) == 5);
    assert_true(fv__saturated_sum(most - 1, 1) == most);
    assert_true(fv__saturated_sum(most, 0) == most);
    assert_true(fv__saturated_sum(most, 1) == most);
    assert_true(fv__saturated_sum(most, most) == most);
    const int64_t limit[] = { (int64_t)1 << 31, (int64_t)1 << 31, 2 };
    assert_true(fv__saturated_product(0, limit) == 1);
    assert_true(fv__saturated_product(2, limit) == (int64_t)1 << 62);
    assert_true(fv__saturated_product(3, limit) == most);
    assert_true(fv__saturated_product(2, (int64_t[]){ most, 1 }) == most);
    assert_true(fv__saturated_product(3, (int64_t[]){ most, most, 0 }) == 0);
}

static void test_small_helpers(void **state)
{
    (void)state;
    assert_int_equal(fv__divide_up(0, 4), 0);
    assert_int_equal(fv__divide_up(9, 4), 3);
    assert_int_equal(fv__divide_up(8, 4), 2);
    assert_true(fv__divide_up(INT64_MAX, 1) == INT64_MAX);
    assert_int_equal(fv__divide_up(1, INT64_MAX), 1);
    assert_int_equal(fv__divide_up(-3, 2), -1);
    assert_int_equal(fv__align(0), 0);
    assert_int_equal(fv__align(1), 64);
    assert_int_equal(fv__align(128), 128);
    assert_int_equal(fv__min(-1, 3), -1);
    assert_int_equal(fv__max(-1, 3), 3);
}

static void test_machine(void **state)
{
    (void)state;
    assert_in_range(fv__processors(), 1, 1024);
    fv_context *context = bare_new(NULL);
    assert_int_equal(fv_context_threads(context), fv__processors());
    bare_free(context);
    double before = fv__seconds();
    assert_true(before > 0);
    assert_true(fv__seconds() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiply),  cmocka_unit_test(test_add),
        cmocka_unit_test(test_product),   cmocka_unit_test(test_machine),
        cmocka_unit_test(test_saturated), cmocka_unit_test(test_small_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
