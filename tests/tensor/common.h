/* Contexts without kernels, and tensors compared number by number. */
#ifndef FV_TESTS_TENSOR_COMMON_H
#define FV_TESTS_TENSOR_COMMON_H

#include "support.h"

#include "tensor/tensor.h"

/* Two arguments each: how many, and where. */
#define SHAPE(...)                                                             \
    (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),           \
        (const int64_t[])                                                      \
    {                                                                          \
        __VA_ARGS__                                                            \
    }
#define NUMBERS(...)                                                           \
    (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)),             \
        (const double[])                                                       \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

/* cmocka fixtures: *state is a context. */
static inline int begin_context(void **state)
{
    fv_context *context = fv__context_allocate(NULL);
    if (!context) return -1;
    *state = context;
    fv__context_begin(context, FV_OPTIONS(fv_context_options, .threads = 1));
    return fv_failed(context) != FV_OK;
}

/* Whatever a test forgot is freed with the context. */
static inline int end_context(void **state)
{
    fv_context *context = *state;
    fv__context_end(context);
    int left = context->memory.bytes > 0 || context->memory.data_bytes > 0;
    fv__context_release(context);
    return left;
}

#define CASE(function)                                                         \
    cmocka_unit_test_setup_teardown(function, begin_context, end_context)

static inline double number_at(const fv_tensor *tensor, int64_t flat)
{
    int64_t at = 0;
    for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
        at += flat % tensor->shape[axis] * tensor->stride[axis];
        flat /= tensor->shape[axis];
    }
    switch (tensor->dtype) {
    case FV_F32:
        return (double)((const float *)tensor->data)[at];
    case FV_F64:
        return ((const double *)tensor->data)[at];
    case FV_U8:
    case FV_BOOL:
        return ((const uint8_t *)tensor->data)[at];
    case FV_I8:
        return ((const int8_t *)tensor->data)[at];
    case FV_I16:
        return ((const int16_t *)tensor->data)[at];
    case FV_I32:
        return ((const int32_t *)tensor->data)[at];
    case FV_I64:
        return (double)((const int64_t *)tensor->data)[at];
    }
    return (double)NAN;
}

static inline void set_number(const fv_tensor *tensor, int64_t at, double x)
{
    switch (tensor->dtype) {
    case FV_F32:
        ((float *)tensor->data)[at] = (float)x;
        break;
    case FV_F64:
        ((double *)tensor->data)[at] = x;
        break;
    case FV_U8:
    case FV_BOOL:
        ((uint8_t *)tensor->data)[at] = (uint8_t)x;
        break;
    case FV_I8:
        ((int8_t *)tensor->data)[at] = (int8_t)x;
        break;
    case FV_I16:
        ((int16_t *)tensor->data)[at] = (int16_t)x;
        break;
    case FV_I32:
        ((int32_t *)tensor->data)[at] = (int32_t)x;
        break;
    case FV_I64:
        ((int64_t *)tensor->data)[at] = (int64_t)x;
        break;
    }
}

/* Type, shape and numbers in row-major order; NaN equals NaN. */
static inline void check_tensor(const fv_tensor *tensor, fv_dtype dtype,
                                int32_t rank, const int64_t shape[],
                                int64_t count, const double numbers[])
{
    assert_int_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->rank, rank);
    for (int32_t axis = 0; axis < rank; axis++)
        assert_int_equal(tensor->shape[axis], shape[axis]);
    assert_int_equal(fv_tensor_count(tensor), count);
    for (int64_t i = 0; i < count; i++) {
        double number = number_at(tensor, i);
        if (!(number == numbers[i] || (isnan(number) && isnan(numbers[i]))))
            fail_msg("element %lld = %.17g, expected %.17g", (long long)i,
                     number, numbers[i]);
    }
}

/* The tensor is the failed one, for exactly this reason. */
static inline void check_failed(fv_context *context, fv_tensor tensor,
                                const char *sentence)
{
    assert_int_equal(tensor.rank, -1);
    assert_null(tensor.data);
    assert_error(context, sentence);
}

/* New memory that holds 0, 1, 2, ... */
static inline fv_tensor count_up(fv_context *context, fv_dtype dtype,
                                 int32_t rank, const int64_t shape[])
{
    fv_tensor tensor = fv_tensor_new(context, dtype, rank, shape);
    assert_ok(context);
    for (int64_t i = 0; i < fv_tensor_count(&tensor); i++)
        set_number(&tensor, i, (double)i);
    return tensor;
}

#endif
