/* Comparisons, connectives and choices: every type, relation and combination of
 * steps on numbers that tie, infinities, NaN and the limits of integers. */
#include "kernel/tables.h"

static const size_t sizes[] = { 0, 1, 15, 17, 64, 257, 4097 };
enum { SIZES = sizeof sizes / sizeof *sizes };

struct example {
    fv_dtype type;
    fv__relation relation;
    fv__connective connective;
    size_t bytes, a_step, b_step, c_step;
};

static const double reals[] = { 0,         -0.0,          1,
                                -1,        1.5,           INFINITE,
                                -INFINITE, NO_NUMBER,     0x1p-149,
                                -0x1p-149, 0x1.fffffep127 };
enum { REALS = sizeof reals / sizeof *reals };

/* Small numbers, which tie, and extreme ones. */
static void put_whole(fv_dtype type, void *to, size_t i, uint64_t word)
{
    const int64_t most[] = {
        [FV_U8] = UINT8_MAX,  [FV_I8] = INT8_MAX,   [FV_I16] = INT16_MAX,
        [FV_I32] = INT32_MAX, [FV_I64] = INT64_MAX, [FV_BOOL] = 1
    };
    const bool natural = type == FV_U8 || type == FV_BOOL;
    int64_t value = (int64_t)(word >> 8 & 3);
    if (word % 4 == 0) value = most[type];
    if (word % 4 == 1) value = natural ? 0 : -most[type] - 1;
    if (type == FV_BOOL) value &= 1;
    memcpy((char *)to + i * fv_dtype_bytes(type), &value, fv_dtype_bytes(type));
}

static void put_edges(fv_dtype type, void *to, uint64_t seed)
{
    for (size_t i = 0; i < ROOM; i++) {
        const uint64_t word = next_word(&seed);
        if (type == FV_F32 || type == FV_F64)
            put(type, to, i, reals[word % REALS]);
        else
            put_whole(type, to, i, word >> 16);
    }
}

static long double get(fv_dtype type, const void *from, size_t i)
{
    switch (type) {
    case FV_F32:
    case FV_F64:
        return (long double)number(type, from, i);
    case FV_U8:
    case FV_BOOL:
        return ((const uint8_t *)from)[i];
    case FV_I8:
        return ((const int8_t *)from)[i];
    case FV_I16:
        return ((const int16_t *)from)[i];
    case FV_I32:
        return (long double)((const int32_t *)from)[i];
    case FV_I64:
        return (long double)((const int64_t *)from)[i];
    }
    return 0;
}

/* Bytes from `first` on are as make_data left them. */
static void assert_rest(const data *d, size_t first)
{
    data *fresh = make_data(d->dtype, d->n, 0, 1);
    assert_memory_equal((const char *)d->out[0] + first,
                        (const char *)fresh->out[0] + first,
                        sizeof d->out[0] - first);
    free(fresh);
}

static void compare(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->compare(e->type, e->relation, d->n, d->in[0], e->a_step, d->in[1],
                     e->b_step, (uint8_t *)d->out[0]);
}

static bool holds(fv__relation r, long double a, long double b)
{
    return r == FV__EQUAL       ? a == b
           : r == FV__NOT_EQUAL ? a != b
           : r == FV__LESS      ? a < b
                                : a <= b;
}

static void check_compare(fv_dtype dtype, const struct example *e, size_t n)
{
    data *d = make_data(dtype, n, 0, 1);
    put_edges(e->type, d->in[0], 3 * n);
    put_edges(e->type, d->in[1], 5 * n + 1);
    run_tables(d, compare, e);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(((const uint8_t *)d->out[0])[i],
                         holds(e->relation,
                               get(e->type, d->in[0], i * e->a_step),
                               get(e->type, d->in[1], i * e->b_step)));
    assert_rest(d, n);
    free(d);
}

static void test_compare(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * 8 * 4 * 4; i++) {
        const fv_dtype dtype = i & 1 ? FV_F64 : FV_F32;
        const fv_dtype type = (fv_dtype)(i >> 1 & 7);
        const struct example e = { .type = type <= FV_F64 ? dtype : type,
                                   .relation = (fv__relation)(i >> 4 & 3),
                                   .a_step = i >> 6 & 1,
                                   .b_step = i >> 7 };
        for (size_t s = 0; s < SIZES; s++) check_compare(dtype, &e, sizes[s]);
    }
}

static void connect(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->connect(e->connective, d->n, (const uint8_t *)d->in[0], e->a_step,
                     (const uint8_t *)d->in[1], e->b_step,
                     (uint8_t *)d->out[0]);
}

static bool connected(fv__connective f, bool a, bool b)
{
    return f == FV__AND   ? a && b
           : f == FV__OR  ? a || b
           : f == FV__XOR ? a != b
                          : !a && !b;
}

static void check_connect(const struct example *e, size_t n)
{
    data *d = make_data(FV_F32, n, 0, 1);
    put_edges(FV_BOOL, d->in[0], 3 * n);
    put_edges(FV_BOOL, d->in[1], 5 * n + 1);
    const uint8_t *a = (const uint8_t *)d->in[0],
                  *b = (const uint8_t *)d->in[1];
    run_tables(d, connect, e);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(
            ((const uint8_t *)d->out[0])[i],
            connected(e->connective, a[i * e->a_step], b[i * e->b_step]));
    assert_rest(d, n);
    free(d);
}

static void test_connect(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * 4; i++) {
        const struct example e = { .connective = (fv__connective)(i & 3),
                                   .a_step = i >> 2 & 1,
                                   .b_step = i >> 3 };
        for (size_t s = 0; s < SIZES; s++) check_connect(&e, sizes[s]);
    }
}

static void choose(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->choose(e->bytes, d->n, (const uint8_t *)d->in[2], e->c_step,
                    d->in[0], e->a_step, d->in[1], e->b_step, d->out[0]);
}

static void check_choose(const struct example *e, size_t n)
{
    data *d = make_data(FV_F64, n, -1, 1);
    put_edges(FV_F64, d->in[1], n); /* signs of zeros and NaN are kept */
    put_edges(FV_BOOL, d->in[2], 5 * n + 1);
    const uint8_t *c = (const uint8_t *)d->in[2];
    run_tables(d, choose, e);
    for (size_t i = 0; i < n; i++) {
        const bool first = c[i * e->c_step];
        const char *from = (const char *)d->in[first ? 0 : 1];
        const size_t at = i * (first ? e->a_step : e->b_step);
        assert_memory_equal((const char *)d->out[0] + i * e->bytes,
                            from + at * e->bytes, e->bytes);
    }
    assert_rest(d, n * e->bytes);
    free(d);
}

static void test_choose(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * 8; i++) {
        const struct example e = { .bytes = (size_t)1 << (i & 3),
                                   .a_step = i >> 2 & 1,
                                   .b_step = i >> 3 & 1,
                                   .c_step = i >> 4 };
        for (size_t s = 0; s < SIZES; s++) check_choose(&e, sizes[s]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
