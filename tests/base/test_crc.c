/* CRC-32 agrees with the published check value, in one piece or in many. */
#include "support.h"

#include "base/base.h"

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(fv__crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(fv__crc32(0, "", 0), 0);
    assert_int_equal(fv__crc32(7, NULL, 0), 7);
    assert_int_equal(fv__crc32(0, "\0", 1), 0xd202ef8d);
}

static void test_pieces(void **state)
{
    (void)state;
    unsigned char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 73);
    const uint32_t whole = fv__crc32(0, bytes, sizeof bytes);
    for (size_t i = 0; i <= sizeof bytes; i++) {
        const uint32_t first = fv__crc32(0, bytes, i);
        assert_int_equal(fv__crc32(first, bytes + i, sizeof bytes - i), whole);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    assert_string_equal(fv__file_kind("GGUF", 4), "a GGUF file");
    assert_null(fv__file_kind("GGU", 3));
    assert_null(fv__file_kind("", 0));
    assert_string_equal(fv__file_kind("\0\0\x08\1", 4), "an IDX file");
    assert_string_equal(fv__file_kind("\x20\0\0\0\0\0\0\0{\"", 10),
                        "a safetensors file");
    assert_null(fv__file_kind("nothing known", 13));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_known),
                                        cmocka_unit_test(test_pieces),
                                        cmocka_unit_test(test_kinds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
