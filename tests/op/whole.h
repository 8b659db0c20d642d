/* Constants of whole numbers and truth values, and what operators make of them.
 */
#ifndef FV_TESTS_OP_WHOLE_H
#define FV_TESTS_OP_WHOLE_H

#include "op/check.h"

/* A constant of that type and shape over the numbers given. */
static inline fv_variable *whole_of(fv_context *context, fv_dtype dtype,
                                    const check_shape *shape,
                                    const int64_t *numbers)
{
    fv_tensor tensor =
        fv_tensor_new(context, FV_I64, shape->rank, shape->shape);
    const size_t bytes = (size_t)fv_tensor_count(&tensor) * sizeof *numbers;
    if (numbers) memcpy(tensor.data, numbers, bytes);
    fv_tensor converted = fv_tensor_convert(context, &tensor, dtype);
    assert_ok(context);
    return fv_constant(context, &converted);
}

/* A vector of FV_I64. */
#define WHOLE(context, ...)                                                    \
    whole_of(context, FV_I64,                                                  \
             &(check_shape){ 1, { sizeof((int64_t[]){ __VA_ARGS__ }) / 8 } },  \
             (int64_t[]){ __VA_ARGS__ })
#define TRUTH(context, ...)                                                    \
    whole_of(context, FV_BOOL,                                                 \
             &(check_shape){ 1, { sizeof((int64_t[]){ __VA_ARGS__ }) / 8 } },  \
             (int64_t[]){ __VA_ARGS__ })

/* The variable has that type and these numbers. */
static inline void check_whole(const fv_variable *variable, fv_dtype dtype,
                               int64_t n, const int64_t *expected)
{
    assert_non_null(variable);
    const fv_tensor *value = fv_variable_value(variable);
    assert_int_equal(value->dtype, dtype);
    assert_int_equal(fv_tensor_count(value), n);
    for (int64_t i = 0; i < n; i++) {
        int64_t is;
        fv__load_integers(dtype, fv__tensor_byte(value, i), 1, 1, &is);
        if (is != expected[i])
            fail_msg("element %d is %lld, expected %lld", (int)i, (long long)is,
                     (long long)expected[i]);
    }
}
#define IS_WHOLE(variable, dtype, ...)                                         \
    check_whole(variable, dtype, sizeof((int64_t[]){ __VA_ARGS__ }) / 8,       \
                (int64_t[]){ __VA_ARGS__ })

#endif
