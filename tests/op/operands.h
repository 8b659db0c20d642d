/* Operators run on random operands, and what must hold for each of them:
 * gradients against differences, single against double precision, and the same
 * bits for any number of threads, instruction set and batch. */
#ifndef FV_TESTS_OP_OPERANDS_H
#define FV_TESTS_OP_OPERANDS_H

#include "support.h"

#include "graph/graph.h"

#include <stdlib.h>

enum { MOST_OPERANDS = 12 };

/* Numbers from low to high; `frozen`: it requires no gradient. */
typedef struct operand {
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
    double low, high;
    int frozen;
} operand;

/* An operator with its attributes on operands. */
typedef struct subject {
    fv_variable *(*apply)(const void *user, fv_variable *const at[]);
    const void *user;
    uint64_t seed;
    int32_t count;
    operand operands[MOST_OPERANDS];
} subject;

static inline fv_context *context_with(fv_dtype dtype, int32_t threads,
                                       const char *isa)
{
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = dtype, .threads = threads, .isa = isa));
    assert_ok(context);
    return context;
}

static inline fv_context *context_of(fv_dtype dtype)
{
    return context_with(dtype, 1, NULL);
}

/* A number in [0, 1) that f32 has, of a place and a seed. */
static inline double chance(uint64_t seed, int64_t i)
{
    uint32_t words[4];
    fv__philox(seed, 77, (uint64_t)i, words);
    return (words[0] >> 12) * 0x1p-20;
}

/* A whole number in low..high. */
static inline int64_t pick(uint64_t seed, int64_t i, int64_t low, int64_t high)
{
    return low + (int64_t)(chance(seed, i) * (double)(high - low + 1));
}

static inline double number_at(const fv_tensor *tensor, int64_t i)
{
    double value;
    fv__load_doubles(tensor->dtype, fv__tensor_byte(tensor, i), 1, 1, &value);
    return value;
}

/* A leaf of numbers given as doubles. */
static inline fv_variable *leaf_of(fv_context *context, const double *numbers,
                                   int32_t rank, const int64_t shape[])
{
    union {
        const double *from;
        void *to;
    } data = { .from = numbers };
    const fv_tensor tensor = fv_tensor_of(data.to, FV_F64, rank, shape);
    fv_variable *leaf = fv_variable_new(context, &tensor);
    assert_ok(context);
    return leaf;
}

#define LEAF(context, numbers, ...)                                            \
    leaf_of((context), (numbers),                                              \
            (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),   \
            (const int64_t[]){ __VA_ARGS__ })

/* Constant integers. */
static inline fv_variable *labels_of(fv_context *context, int64_t *labels,
                                     int64_t count)
{
    const fv_tensor tensor = FV_TENSOR(labels, FV_I64, count);
    return fv_constant(context, &tensor);
}

static inline fv_variable *random_leaf(fv_context *context, uint64_t seed,
                                       const operand *o)
{
    const int64_t count = fv__product(o->rank, o->shape);
    double *numbers = malloc((size_t)count * sizeof *numbers + 1);
    assert_non_null(numbers);
    for (int64_t i = 0; i < count; i++)
        numbers[i] =
            (double)(float)(o->low + (o->high - o->low) * chance(seed, i));
    fv_variable *leaf = leaf_of(context, numbers, o->rank, o->shape);
    free(numbers);
    fv_variable_set_requires_grad(leaf, !o->frozen);
    assert_ok(context);
    return leaf;
}

static inline void make_operands(fv_context *context, const subject *s,
                                 fv_variable **at)
{
    for (int32_t k = 0; k < s->count; k++)
        at[k] =
            random_leaf(context, s->seed * 16 + (uint64_t)k, &s->operands[k]);
}

/* Each number against the one expected. */
static inline void assert_numbers(const fv_tensor *tensor,
                                  const double *expected, double tolerance)
{
    assert_non_null(tensor);
    for (int64_t i = 0; i < fv_tensor_count(tensor); i++) {
        const double is = number_at(tensor, i);
        if (!(fabs(is - expected[i]) <= tolerance * fmax(1, fabs(expected[i]))))
            fail_msg("number %lld is %.17g, expected %.17g", (long long)i, is,
                     expected[i]);
    }
}

/* Walks back from y with upstream gradients from a seed, in [-1, 1). */
static inline void walk_back(fv_variable *y, uint64_t seed)
{
    fv_context *context = fv_variable_context(y);
    const fv_tensor *value = fv_variable_value(y);
    fv_tensor upstream =
        fv_tensor_new(context, value->dtype, value->rank, value->shape);
    for (int64_t i = 0; i < fv_tensor_count(value); i++) {
        const double number = 2 * chance(seed + 1000, i) - 1;
        if (value->dtype == FV_F64)
            ((double *)upstream.data)[i] = number;
        else
            ((float *)upstream.data)[i] = (float)number;
    }
    assert_int_equal(fv__backprop(y, &upstream), FV_OK);
    fv_tensor_free(context, &upstream);
}

/* Walks back with upstream gradients that are given. */
static inline void walk_back_from(fv_variable *y, const double *upstream)
{
    fv_context *context = fv_variable_context(y);
    const fv_tensor *value = fv_variable_value(y);
    union {
        const double *from;
        void *to;
    } data = { .from = upstream };
    const fv_tensor given =
        fv_tensor_of(data.to, FV_F64, value->rank, value->shape);
    fv_tensor converted = fv_tensor_convert(context, &given, value->dtype);
    assert_int_equal(fv__backprop(y, &converted), FV_OK);
    fv_tensor_free(context, &converted);
}

/* ---- operands that are results ------------------------------------------ */

/* Leaves memory of NaN where the tape's next values and gradients will be. */
static inline void spoil_tape(fv_context *context)
{
    static double numbers[1 << 14];
    const fv_tensor none = FV_TENSOR(numbers, FV_F64, 1 << 14);
    for (int i = 0; i < 1 << 14; i++) numbers[i] = (double)NAN;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) fv_constant(context, &none);
        fv_forget(context);
    }
    assert_ok(context);
}

/* The value and every gradient are those of leaves where the operands are
 * results of operators, whose gradients begin as arbitrary memory. */
static inline void assert_results(const subject *s, fv_dtype dtype)
{
    fv_context *context = context_with(dtype, 1, NULL);
    fv_variable *leaves[MOST_OPERANDS], *at[MOST_OPERANDS];
    fv_tensor grads[MOST_OPERANDS], value = { .rank = -1 };
    for (int results = 0; results < 2; results++) {
        make_operands(context, s, leaves);
        spoil_tape(context);
        for (int32_t k = 0; k < s->count; k++)
            at[k] = results && !s->operands[k].frozen
                        ? fv_add_number(leaves[k], 0)
                        : leaves[k];
        fv_variable *y = s->apply(s->user, at);
        assert_ok(context);
        fv_tensor now = fv_tensor_dup(context, fv_variable_value(y));
        if (fv_variable_requires_grad(y)) walk_back(y, s->seed);
        assert_ok(context);
        for (int64_t i = 0; results && i < fv_tensor_count(&now); i++)
            assert_true(number_at(&now, i) == number_at(&value, i));
        value = now;
        for (int32_t k = 0; k < s->count; k++) {
            if (s->operands[k].frozen) continue;
            now = fv_tensor_dup(context, fv_variable_grad(leaves[k]));
            for (int64_t i = 0; results && i < fv_tensor_count(&now); i++)
                if (!(number_at(&now, i) == number_at(&grads[k], i)))
                    fail_msg("seed %llu: gradient %lld of operand %d is %.17g, "
                             "of a leaf %.17g",
                             (unsigned long long)s->seed, (long long)i, k + 1,
                             number_at(&now, i), number_at(&grads[k], i));
            grads[k] = now;
        }
    }
    fv_context_free(context);
}

/* ---- gradients against differences ------------------------------------- */

static inline fv_variable *subject_apply(void *user, fv_variables at)
{
    const subject *s = user;
    return s->apply(s->user, at.at);
}

static inline void assert_gradients(const subject *s)
{
    fv_context *context = context_of(FV_F64);
    fv_variable *at[MOST_OPERANDS];
    subject copy = *s;
    make_operands(context, s, at);
    const double error = fv_gradcheck(subject_apply, &copy,
                                      (fv_variables){ s->count, at }, 0, 0);
    assert_ok(context);
    if (!(error < 1e-6))
        fail_msg("seed %llu: gradients differ by %g",
                 (unsigned long long)s->seed, error);
    fv_context_free(context);
    assert_results(s, FV_F32);
    assert_results(s, FV_F64);
}

/* ---- one run, in numbers ----------------------------------------------- */

/* The result and all gradients, one after another. */
typedef struct record {
    int64_t count;
    double *at;
} record;

static inline void append(record *list, const fv_tensor *tensor)
{
    const int64_t more = fv_tensor_count(tensor);
    list->at =
        realloc(list->at, (size_t)(list->count + more + 1) * sizeof *list->at);
    assert_non_null(list->at);
    for (int64_t i = 0; i < more; i++)
        list->at[list->count++] = number_at(tensor, i);
}

static inline record run_subject(const subject *s, fv_dtype dtype,
                                 int32_t threads, const char *isa)
{
    fv_context *context = context_with(dtype, threads, isa);
    fv_variable *at[MOST_OPERANDS];
    record list = { 0 };
    make_operands(context, s, at);
    fv_variable *y = s->apply(s->user, at);
    assert_ok(context);
    append(&list, fv_variable_value(y));
    if (fv_variable_requires_grad(y)) {
        walk_back(y, s->seed);
        assert_ok(context);
    }
    for (int32_t k = 0; k < s->count; k++)
        append(&list, fv_variable_requires_grad(at[k])
                          ? fv_variable_grad(at[k])
                          : fv_variable_value(at[k]));
    fv_context_free(context);
    return list;
}

/* Single precision against double, of the same numbers. */
static inline void assert_single(const subject *s, double tolerance)
{
    record wide = run_subject(s, FV_F64, 1, NULL);
    record narrow = run_subject(s, FV_F32, 1, NULL);
    assert_int_equal(wide.count, narrow.count);
    for (int64_t i = 0; i < wide.count; i++)
        if (!(fabs(narrow.at[i] - wide.at[i])
              <= tolerance * fmax(1, fabs(wide.at[i]))))
            fail_msg("seed %llu: number %lld is %.9g in f32, %.9g in f64",
                     (unsigned long long)s->seed, (long long)i, narrow.at[i],
                     wide.at[i]);
    free(wide.at);
    free(narrow.at);
}

static inline bool is_there(const char *isa)
{
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .isa = isa));
    const bool there = fv_failed(context) != FV_UNSUPPORTED;
    fv_context_free(context);
    return there;
}

/* The same bits on 1 and 4 threads, in every table. */
static inline void assert_same_bits(const subject *s)
{
    const fv_dtype dtypes[] = { FV_F32, FV_F64 };
    for (int d = 0; d < 2; d++) {
        record plain = run_subject(s, dtypes[d], 3, "ref");
        for (int i = 2; i < 2 * TABLES; i++) {
            if (!is_there(tables[i / 2])) continue;
            record other =
                run_subject(s, dtypes[d], i % 2 ? 4 : 1, tables[i / 2]);
            assert_int_equal(other.count, plain.count);
            assert_memory_equal(other.at, plain.at,
                                (size_t)plain.count * sizeof *plain.at);
            free(other.at);
        }
        free(plain.at);
    }
}

/* Image `image` of operand 0 has the same result and input gradient alone as
 * in its batch; upstream gradients are ones. */
static inline void assert_alone(const subject *s, fv_dtype dtype, int64_t image)
{
    fv_context *context = context_with(dtype, 2, NULL);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, s, at);
    fv_variable *all = at[0], *y = s->apply(s->user, at);
    assert_ok(context);
    fv_tensor rows = fv_tensor_dup(context, fv_variable_value(y));
    fv_backprop(y);
    fv_tensor one = fv_tensor_slice(context, fv_variable_value(all), 0, image,
                                    image + 1, 1);
    at[0] = fv_variable_new(context, &one);
    y = s->apply(s->user, at);
    assert_ok(context);
    const fv_tensor *alone = fv_variable_value(y);
    assert_memory_equal(fv__tensor_byte(&rows, image * fv_tensor_count(alone)),
                        alone->data, fv__tensor_bytes(alone));
    fv_backprop(y);
    assert_ok(context);
    const fv_tensor *dx = fv_variable_grad(at[0]);
    assert_memory_equal(
        fv__tensor_byte(fv_variable_grad(all), image * fv_tensor_count(dx)),
        dx->data, fv__tensor_bytes(dx));
    fv_context_free(context);
}

#endif
