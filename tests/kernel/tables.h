/* Runs a kernel through every table this machine has, in both element types,
 * and holds the tables to the same bits. */
#ifndef FV_TESTS_KERNEL_TABLES_H
#define FV_TESTS_KERNEL_TABLES_H

#include "support.h"

#include "kernel/parallel.h"

#include <float.h>
#include <stdlib.h>

/* As double: the macros of math.h are float. */
#define INFINITE ((double)INFINITY)
#define NO_NUMBER ((double)NAN)

enum { ROOM = 10240, INPUTS = 5, OUTPUTS = 5 };

/* Lengths on either side of vectors, lanes, pieces and blocks. */
static const size_t lengths[] = {
    0, 1, 7, 8, 15, 16, 17, 31, 255, 256, 257, 1000, 4095, 4096, 4097, 10000
};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* Room for a number of either type. */
typedef union cell {
    float f32;
    double f64;
} cell;

/* What a kernel reads and writes: the first n numbers, or as many as the shape
 * under test asks for, of some of these arrays. */
typedef struct data {
    fv_dtype dtype;
    size_t n;
    cell in[INPUTS][ROOM];   /* numbers of dtype, one after another */
    cell out[OUTPUTS][ROOM]; /* before: start; after: ref's result */
    int32_t where[ROOM];
    double value; /* what a kernel returns */
} data;

typedef void call(const fv__kernels *kernels, data *d, const void *argument);

static inline double number(fv_dtype dtype, const void *from, size_t i)
{
    if (dtype == FV_F64) return ((const double *)from)[i];
    return (double)((const float *)from)[i];
}

static inline void put(fv_dtype dtype, void *to, size_t i, double value)
{
    if (dtype == FV_F64)
        ((double *)to)[i] = value;
    else
        ((float *)to)[i] = (float)value;
}

/* A cheap generator of its own: tests do not trust the library's. */
static inline uint64_t next_word(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t word = *state;
    word = (word ^ (word >> 31)) * 0x9e3779b97f4a7c15u;
    return word ^ (word >> 29);
}

static inline double next_number(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(next_word(state) >> 11) * 0x1p-53;
}

static inline void put_random(fv_dtype dtype, void *to, size_t n, uint64_t seed,
                              double low, double high)
{
    for (size_t i = 0; i < n; i++)
        put(dtype, to, i, next_number(&seed, low, high));
}

/* Fresh data: inputs in (low, high), outputs filled with other numbers. */
static inline data *make_data(fv_dtype dtype, size_t n, double low, double high)
{
    data *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->dtype = dtype;
    d->n = n;
    for (size_t i = 0; i < INPUTS; i++)
        put_random(dtype, d->in[i], ROOM, 17 * i + n, low, high);
    for (size_t i = 0; i < OUTPUTS; i++)
        put_random(dtype, d->out[i], ROOM, 1000 + i, -1, 1);
    for (size_t i = 0; i < ROOM; i++) d->where[i] = -7;
    return d;
}

/* The same bits, or NaN on both sides. */
static inline void assert_same_bits(const char *isa, fv_dtype dtype, size_t n,
                                    const void *got, const void *expected)
{
    const size_t element = dtype == FV_F64 ? 8 : 4;
    for (size_t i = 0; i < n; i++) {
        const double a = number(dtype, got, i);
        const double b = number(dtype, expected, i);
        if (memcmp((const char *)got + i * element,
                   (const char *)expected + i * element, element)
                != 0
            && !(isnan(a) && isnan(b)))
            fail_msg("%s %s: element %zu is %a, not %a", isa,
                     dtype == FV_F64 ? "f64" : "f32", i, a, b);
    }
}

static inline void assert_same_data(const char *isa, const data *got,
                                    const data *expected)
{
    for (size_t i = 0; i < OUTPUTS; i++)
        assert_same_bits(isa, got->dtype, ROOM, got->out[i], expected->out[i]);
    assert_memory_equal(got->where, expected->where, sizeof got->where);
    assert_same_bits(isa, FV_F64, 1, &got->value, &expected->value);
}

/* The table of that name, NULL if this machine does not run it. */
static inline const fv__kernels *table_of(const char *isa, fv_dtype dtype)
{
    fv_context context = { 0 };
    const fv__kernels *kernels = fv__kernels_find(&context, isa, dtype);
    if (kernels) {
        assert_string_equal(kernels->isa, isa);
        assert_int_equal(kernels->dtype, dtype);
    }
    return kernels;
}

/* Runs every table on the data; afterwards it holds ref's results. */
static inline void run_tables(data *d, call *run, const void *argument)
{
    const data start = *d;
    const fv__kernels *ref = table_of("ref", d->dtype);
    assert_non_null(ref);
    run(ref, d, argument);
    for (size_t i = 1; i < TABLES; i++) {
        const fv__kernels *kernels = table_of(tables[i], d->dtype);
        if (!kernels) continue;
        data *other = malloc(sizeof *other);
        assert_non_null(other);
        *other = start;
        run(kernels, other, argument);
        assert_same_data(tables[i], other, d);
        free(other);
    }
}

/* Elements from n on are as make_data left them. */
static inline void assert_untouched(const data *d, size_t output, size_t n)
{
    uint64_t seed = 1000 + output;
    for (size_t i = 0; i < ROOM; i++) {
        double value = next_number(&seed, -1, 1);
        if (d->dtype == FV_F32) value = (double)(float)value;
        if (i >= n && number(d->dtype, d->out[output], i) != value)
            fail_msg("element %zu beyond the end was written", i);
    }
}

static inline double epsilon_of(fv_dtype dtype)
{
    return dtype == FV_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

/* Distance in units in the last place of `expected` rounded to dtype. */
static inline double ulps(fv_dtype dtype, double got, long double expected)
{
    const int digits = dtype == FV_F64 ? DBL_MANT_DIG : FLT_MANT_DIG;
    const int least = dtype == FV_F64 ? DBL_MIN_EXP : FLT_MIN_EXP;
    const double rounded =
        dtype == FV_F64 ? (double)expected : (double)(float)expected;
    int exponent = 0;
    if (isnan(expected)) return isnan(got) ? 0 : INFINITE;
    if (got == rounded) return 0;
    frexpl(expected, &exponent);
    if (exponent < least) exponent = least;
    return (double)(fabsl((long double)got - expected)
                    / ldexpl(1, exponent - digits));
}

#define assert_ulps(dtype, got, expected, most)                                \
    do {                                                                       \
        const double ulps_got = (got);                                         \
        const long double ulps_want = (expected);                              \
        if (!(ulps(dtype, ulps_got, ulps_want) <= (most)))                     \
            fail_msg("%s is %a, expected %La, %g ulp off", #got, ulps_got,     \
                     ulps_want, ulps(dtype, ulps_got, ulps_want));             \
    } while (0)

#endif
