/* Philox gives the words its authors published. */
#include "bare.h"

/* Counter and key in the order of the published vectors. */
static void answer(const uint32_t counter[4], const uint32_t key[2],
                   const uint32_t expected[4])
{
    uint32_t words[4];
    fv__philox(key[0] | (uint64_t)key[1] << 32,
               counter[2] | (uint64_t)counter[3] << 32,
               counter[0] | (uint64_t)counter[1] << 32, words);
    for (int i = 0; i < 4; i++) assert_int_equal(words[i], expected[i]);
}

static void test_known_answers(void **state)
{
    (void)state;
    const uint32_t ones = 0xffffffff;
    answer((uint32_t[]){ 0, 0, 0, 0 }, (uint32_t[]){ 0, 0 },
           (uint32_t[]){ 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 });
    answer((uint32_t[]){ ones, ones, ones, ones }, (uint32_t[]){ ones, ones },
           (uint32_t[]){ 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd });
    answer((uint32_t[]){ 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
           (uint32_t[]){ 0xa4093822, 0x299f31d0 },
           (uint32_t[]){ 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 });
}

static void test_arguments_matter(void **state)
{
    (void)state;
    uint32_t base[4], other[4];
    fv__philox(1, 2, 3, base);
    fv__philox(1, 2, 3, other);
    assert_memory_equal(base, other, sizeof base);
    fv__philox(2, 2, 3, other);
    assert_memory_not_equal(base, other, sizeof base);
    fv__philox(1, 3, 3, other);
    assert_memory_not_equal(base, other, sizeof base);
    fv__philox(1, 2, 4, other);
    assert_memory_not_equal(base, other, sizeof base);
    fv__philox(1, 2, 3 + ((uint64_t)1 << 32), other);
    assert_memory_not_equal(base, other, sizeof base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_arguments_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
