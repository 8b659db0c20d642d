/* Numbers as text: the shortest that reads back the same, whatever they are. */
#include "bare.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { -0.0, "-0" },
        { 1, "1" },
        { -1.5, "-1.5" },
        { 100, "100" },
        { 0.1, "0.1" },
        { 0.3, "0.3" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1.0 / 3, "0.3333333333333333" },
        { 123.456, "123.456" },
        { 0.0001, "0.0001" },
        { 0.00012345, "0.00012345" },
        { 0.00001, "1e-05" },
        { 1.25e-7, "1.25e-07" },
        { 1e15, "1000000000000000" },
        { 1e16, "1e+16" },
        { 1234567890123456, "1234567890123456" },
        { 9007199254740992, "9007199254740992" },
        { 1e22, "1e+22" },
        { 1e23, "1e+23" },
        { 5e-324, "5e-324" },
        { DBL_MAX, "1.7976931348623157e+308" },
        { -DBL_MIN, "-2.2250738585072014e-308" },
        { (double)NAN, "nan" },
        { -(double)NAN, "nan" },
        { (double)INFINITY, "inf" },
        { -(double)INFINITY, "-inf" },
    };
    char text[FV__NUMBER_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ptr_equal(fv__number_text(cases[i].value, text), text);
        assert_string_equal(text, cases[i].text);
    }
    assert_string_equal(FV__NUMBER(2.5), "2.5");
}

static void test_text_of_floats(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        { 0.1F, "0.1" },
        { 16777216.0F, "16777216" },
        { 1.0F / 3, "0.33333334" },
        { 3.4028235e38F, "3.4028235e+38" },
        { 1e-45F, "1e-45" },
        { -2.5e-6F, "-2.5e-06" },
        { 1e20F, "1e+20" },
        { INFINITY, "inf" },
        { NAN, "nan" },
    };
    char text[FV__NUMBER_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fv__number_text_f32(cases[i].value, text),
                            cases[i].text);
}

/* Significant digits of a text. */
static int digits_of(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') continue;
        if (*text == '0') {
            zeros += count > 0;
        } else {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count;
}

static uint64_t random_bits(uint64_t index)
{
    uint32_t words[4];
    fv__philox(5, 6, index, words);
    return (uint64_t)words[0] << 32 | words[1];
}

/* Reads back to the bit, and one digit less does not. */
static void test_round_trips(void **state)
{
    (void)state;
    char text[FV__NUMBER_BYTES], fewer[64];
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t bits = random_bits(i);
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (i % 4 == 1) value = (double)(int64_t)(bits >> 40) / 1000;
        if (i % 4 == 2) value = (double)(bits >> 11) * 0x1p-53;
        if (!isfinite(value)) continue;
        fv__number_text(value, text);
        assert_true(strlen(text) < FV__NUMBER_BYTES);
        assert_true(fv__number_read(text, strlen(text), &back));
        assert_memory_equal(&back, &value, sizeof value);
        assert_true(strtod(text, NULL) == value);
        const int digits = digits_of(text);
        assert_true(digits <= 17);
        if (digits < 2) continue;
        snprintf(fewer, sizeof fewer, "%.*e", digits - 2, value);
        assert_false(strtod(fewer, NULL) == value);
    }
}

static void test_round_trips_of_floats(void **state)
{
    (void)state;
    char text[FV__NUMBER_BYTES], fewer[64];
    for (uint64_t i = 0; i < 100000; i++) {
        const uint32_t bits = (uint32_t)random_bits(i);
        float value;
        double back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        fv__number_text_f32(value, text);
        assert_true(strtof(text, NULL) == value);
        assert_true(fv__number_read(text, strlen(text), &back));
        assert_true((float)back == value);
        const int digits = digits_of(text);
        assert_true(digits <= 9);
        if (digits < 2) continue;
        snprintf(fewer, sizeof fewer, "%.*e", digits - 2, (double)value);
        assert_false(strtof(fewer, NULL) == value);
    }
}

static void test_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",    "7",          "-3",     "+4",     "0.25",  ".5",       "5.",
        "1e3",  "1E+3",       "1.5e-3", "-0.0e0", "00012", "1e308",    "1e-400",
        "1e-5", "123456.789", "1.e2",   "-.5e1",  "0e99",  "0.000e-1", "4e-324"
    };
    static const char *const bad[] = { "",         "-",
                                       ".",        "e5",
                                       "1e",       "1e+",
                                       "1.2.3",    "1,5",
                                       "0x10",     "nan",
                                       "inf",      "1 ",
                                       " 1",       "1e5.0",
                                       "--1",      "1e999",
                                       "-1e400",   "1f",
                                       "1e1e1",    "+-1",
                                       "infinity", "1e1234567890123456789" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = (double)NAN;
        assert_true(fv__number_read(good[i], strlen(good[i]), &value));
        assert_true(value == strtod(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        assert_false(fv__number_read(bad[i], strlen(bad[i]), &value));
        assert_true(value == 42);
    }
    double value;
    char longest[65];
    memset(longest, '3', sizeof longest);
    assert_true(fv__number_read(longest, 63, &value));
    assert_false(fv__number_read(longest, 64, &value));
    assert_true(fv__number_read("125", 2, &value)); /* no terminator needed */
    assert_true(value == 12);
}

static void test_read_whole(void **state)
{
    (void)state;
    int64_t value = 5;
    static const char *const bad[] = { "",    "-1",  "+1",
                                       "1.0", "1e3", " 1",
                                       "1 ",  "x",   "1234567890123456789" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(fv__whole_read(bad[i], strlen(bad[i]), &value));
    assert_int_equal(value, 5);
    assert_true(fv__whole_read("0", 1, &value));
    assert_int_equal(value, 0);
    assert_true(fv__whole_read("999999999999999999", 18, &value));
    assert_int_equal(value, 999999999999999999);
    assert_true(fv__whole_read("0042x", 4, &value));
    assert_int_equal(value, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_of_floats),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_round_trips_of_floats),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
