/* Conversions between element types: wrapping, saturation, truncation and
 * rounding at the limits of every type, infinities and NaN. */
#include "kernel/tables.h"

static const size_t sizes[] = { 0, 1, 15, 17, 64, 257, 4097 };
enum { SIZES = sizeof sizes / sizeof *sizes };

struct example {
    fv_dtype from, to;
};

static bool is_real(fv_dtype type) { return type <= FV_F64; }

/* Limits of the integer types and what lies around them; each with either sign,
 * and with a half more. */
static const double limits[] = { 0,          0x1p-149,
                                 0.25,       1,
                                 126,        127,
                                 128,        254,
                                 255,        256,
                                 32766,      32767,
                                 32768,      65535,
                                 65536,      0x1.fffffep30,
                                 2147483646, 2147483647,
                                 0x1p31,     0x1.000002p31,
                                 4294967295, 0x1p32,
                                 0x1p53,     0x1.fffffep62,
                                 0x1p63,     0x1.000002p63,
                                 0x1p64,     0x1.fffffffffffffp62,
                                 0x1p100,    0x1.fffffep127,
                                 INFINITE,   NO_NUMBER };
enum { LIMITS = sizeof limits / sizeof *limits };

static void put_real(fv_dtype type, void *to, size_t i, uint64_t word)
{
    double value = limits[word % LIMITS];
    if (word >> 8 & 1) value += 0.5;
    if (word >> 9 & 1) value = -value;
    if (!(word >> 10 & 3)) value = next_number(&word, -300, 300);
    put(type, to, i, value);
}

static void put_whole(fv_dtype type, void *to, size_t i, uint64_t word)
{
    uint64_t value = word;
    if (word % 3 == 0) value = (UINT64_C(1) << word / 3 % 64) - (word >> 62);
    if (word % 3 == 1) value = ~(UINT64_C(1) << word / 3 % 64);
    if (type == FV_BOOL) value &= 1;
    const size_t bytes = fv_dtype_bytes(type);
    const uint8_t low[8] = { (uint8_t)value,         (uint8_t)(value >> 8),
                             (uint8_t)(value >> 16), (uint8_t)(value >> 24),
                             (uint8_t)(value >> 32), (uint8_t)(value >> 40),
                             (uint8_t)(value >> 48), (uint8_t)(value >> 56) };
    memcpy((char *)to + i * bytes, low, bytes);
}

static int64_t whole(fv_dtype type, const void *from, size_t i)
{
    switch (type) {
    case FV_I8:
        return ((const int8_t *)from)[i];
    case FV_I16:
        return ((const int16_t *)from)[i];
    case FV_I32:
        return ((const int32_t *)from)[i];
    case FV_I64:
        return ((const int64_t *)from)[i];
    default:
        return ((const uint8_t *)from)[i];
    }
}

/* Truncated and limited to the range of the type. */
static int64_t truncated(fv_dtype type, double x)
{
    static const int64_t low[] = { [FV_U8] = 0,
                                   [FV_I8] = INT8_MIN,
                                   [FV_I16] = INT16_MIN,
                                   [FV_I32] = INT32_MIN,
                                   [FV_I64] = INT64_MIN };
    static const int64_t high[] = { [FV_U8] = UINT8_MAX,
                                    [FV_I8] = INT8_MAX,
                                    [FV_I16] = INT16_MAX,
                                    [FV_I32] = INT32_MAX,
                                    [FV_I64] = INT64_MAX };
    if (type == FV_BOOL) return x != 0;
    if (isnan(x)) return 0;
    if (x >= 0x1p63) return high[type];
    if (x < -0x1p63) return low[type];
    const int64_t value = (int64_t)x;
    return value < low[type]    ? low[type]
           : value > high[type] ? high[type]
                                : value;
}

static void check_element(const data *d, const struct example *e, size_t i)
{
    if (is_real(e->to)) {
        const int64_t x = whole(e->from, d->in[0], i);
        const double y = number(e->to, d->out[0], i);
        assert_true(e->to == FV_F32 ? y == (double)(float)x : y == (double)x);
    } else if (is_real(e->from)) {
        assert_true(whole(e->to, d->out[0], i)
                    == truncated(e->to, number(e->from, d->in[0], i)));
    } else if (e->to == FV_BOOL) {
        assert_true(whole(e->to, d->out[0], i)
                    == (whole(e->from, d->in[0], i) != 0));
    } else { /* the same low bits */
        const uint64_t mask = UINT64_MAX >> (64 - 8 * fv_dtype_bytes(e->to));
        const uint64_t x = (uint64_t)whole(e->from, d->in[0], i);
        const uint64_t y = (uint64_t)whole(e->to, d->out[0], i);
        assert_true(((x ^ y) & mask) == 0);
    }
}

static void convert(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->convert(e->from, e->to, d->n, d->in[0], d->out[0]);
}

static void check(fv_dtype dtype, const struct example *e, size_t n)
{
    data *d = make_data(dtype, n, 0, 1), *fresh = make_data(dtype, n, 0, 1);
    uint64_t seed = 7 * n + e->from;
    for (size_t i = 0; i < n; i++)
        (is_real(e->from) ? put_real : put_whole)(e->from, d->in[0], i,
                                                  next_word(&seed));
    run_tables(d, convert, e);
    for (size_t i = 0; i < n; i++) check_element(d, e, i);
    const size_t end = n * fv_dtype_bytes(e->to);
    assert_memory_equal((const char *)d->out[0] + end,
                        (const char *)fresh->out[0] + end,
                        sizeof d->out[0] - end);
    free(d);
    free(fresh);
}

static void test_every_pair(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (fv_dtype from = FV_F64; from <= FV_BOOL; from++)
            for (fv_dtype to = FV_F64; to <= FV_BOOL; to++) {
                const struct example e = { from == FV_F64 ? dtype : from,
                                           to == FV_F64 ? dtype : to };
                for (size_t s = 0; s < SIZES && from != to; s++)
                    check(dtype, &e, sizes[s]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
