/* Checks of reductions against a walk over all elements. */
#ifndef FV_TESTS_OP_CHECK_REDUCTION_H
#define FV_TESTS_OP_CHECK_REDUCTION_H

#include "op/check.h"

#include <stdbool.h>

enum { CHECK_ALL = -99 }; /* over all axes */

typedef struct check_reduction {
    const char *name;
    fv_variable *(*all)(fv_variable *a);
    fv_variable *(*along)(fv_variable *a, int32_t axis);
    /* value of n numbers; derivative for each of them, all written */
    double (*value)(const double *x, int64_t n, double *derivative);
    bool empty; /* nothing may be reduced */
    int32_t axis;
} check_reduction;

static inline fv_variable *check_reduction_apply(void *user, fv_variables at)
{
    const check_reduction *r = user;
    return r->axis == CHECK_ALL ? r->all(at.at[0])
                                : r->along(at.at[0], r->axis);
}

/* x (reduced x) + reduced (x x): the operand used on many paths. */
static inline fv_variable *check_reduction_twice(void *user, fv_variables at)
{
    const check_reduction *r = user;
    fv_variable *a = at.at[0], *square = fv_mul(a, a);
    return fv_add(fv_mul(a, check_reduction_apply(user, at)),
                  r->axis == CHECK_ALL ? r->all(square)
                                       : r->along(square, r->axis));
}

/* The tensor seen as [outer, extent, inner] around the axis reduced. */
static inline void check_reduction_split(const fv_tensor *x, int32_t axis,
                                         int64_t split[3])
{
    split[0] = split[2] = 1;
    split[1] = axis == CHECK_ALL ? fv_tensor_count(x) : 1;
    if (axis == CHECK_ALL) return;
    if (axis < 0) axis += x->rank;
    for (int32_t i = 0; i < x->rank; i++)
        split[i < axis ? 0 : i == axis ? 1 : 2] *= x->shape[i];
}

static inline void check_reduction_formula(const check_reduction *r,
                                           const check_case *c, fv_dtype dtype,
                                           double tolerance)
{
    check_result is = check_evaluate(c, dtype, 1);
    const fv_tensor *x = &is.leaves[0];
    int64_t split[3];
    check_reduction_split(x, r->axis, split);
    assert_int_equal(is.value.rank, r->axis == CHECK_ALL ? 0 : x->rank);
    assert_int_equal(fv_tensor_count(&is.value), split[0] * split[2]);
    const int64_t shape[] = { 2, split[1] };
    fv_tensor memory = fv_tensor_new(is.context, FV_F64, 2, shape);
    double *line = memory.data, *derivative = line + split[1];
    for (int64_t i = 0; i < split[0] * split[2]; i++) {
        int64_t first = i / split[2] * split[1] * split[2] + i % split[2];
        for (int64_t j = 0; j < split[1]; j++)
            line[j] = check_at(x, first + j * split[2]);
        assert_near(check_at(&is.value, i),
                    r->value(line, split[1], derivative), tolerance);
        for (int64_t j = 0; j < split[1]; j++)
            assert_near(check_at(&is.grads[0], first + j * split[2]),
                        check_at(&is.upstream, i) * derivative[j], tolerance);
    }
    fv_context_free(is.context);
}

static inline void check_reduction_refusals(const check_reduction *r)
{
    char sentence[96];
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(r->all(NULL));
    assert_null(r->along(a, 2));
    snprintf(sentence, sizeof sentence, "%s: axis 2 is outside 0..1", r->name);
    assert_error(context, sentence);
    assert_null(r->along(fv_variable_number(context, 1), 0));
    snprintf(sentence, sizeof sentence, "%s: axis 0 of a tensor of rank 0",
             r->name);
    assert_error(context, sentence);
    assert_null(r->all(check_integers(context, 3)));
    snprintf(sentence, sizeof sentence,
             "%s: operand 1 has type i64, expected f32", r->name);
    assert_error(context, sentence);
    fv_variable *none = check_leaf(context, &(check_shape)SHAPE(4, 0), 0, 1, 1);
    fv_variable *sum = r->all(none);
    if (r->empty) {
        const double zero[] = { 0 };
        check_elements(fv_variable_value(sum), 1, zero, 0);
        assert_int_equal(fv_backprop(sum), FV_OK);
    } else {
        assert_null(sum);
        snprintf(sentence, sizeof sentence, "%s: [4, 0] has no elements",
                 r->name);
        assert_error(context, sentence);
        assert_null(r->along(none, -1));
        snprintf(sentence, sizeof sentence,
                 "%s: axis 1 of [4, 0] has no elements", r->name);
        assert_error(context, sentence);
    }
    assert_int_equal(fv_tensor_count(fv_variable_value(r->along(none, 0))), 0);
    assert_ok(context);
    fv_context_free(context);
}

static inline void check_reduction_all(check_reduction r)
{
    static const struct {
        check_shape shape;
        int32_t axis;
    } small[] = {
        { SCALAR, CHECK_ALL },      { SHAPE(1), 0 },
        { SHAPE(5), -1 },           { SHAPE(3, 1, 5), CHECK_ALL },
        { SHAPE(3, 1, 5), 0 },      { SHAPE(3, 1, 5), 1 },
        { SHAPE(3, 1, 5), 2 },      { SHAPE(2, 3, 2, 3), 1 },
        { SHAPE(2, 3, 2, 3), -2 },
    }, large[] = {
        { SHAPE(211, 303), CHECK_ALL }, { SHAPE(211, 303), 0 },
        { SHAPE(211, 303), 1 },         { SHAPE(2, 17001), 1 },
        { SHAPE(3, 17, 1100), 1 },      { SHAPE(20001, 3), 0 },
    };
    check_case c = {
        .f = check_reduction_apply, .user = &r, .count = 1, .low = -1, .high = 2
    };
    for (int64_t i = 0; i < COUNT(small); i++) {
        c.shapes[0] = small[i].shape;
        r.axis = small[i].axis;
        c.f = check_reduction_apply;
        check_reduction_formula(&r, &c, FV_F64, 1e-13);
        check_reduction_formula(&r, &c, FV_F32, 2e-6);
        check_gradient(&c);
        c.f = check_reduction_twice;
        check_gradient(&c);
    }
    c.f = check_reduction_apply;
    for (int64_t i = 0; i < COUNT(large); i++) {
        c.shapes[0] = large[i].shape;
        r.axis = large[i].axis;
        check_reduction_formula(&r, &c, FV_F64, 1e-12);
        check_reduction_formula(&r, &c, FV_F32, 1e-5);
        check_threads(&c);
    }
    check_reduction_refusals(&r);
}

/* x [2, 4] = 1..8: result and gradient along an axis, or over all. */
static inline void check_reduction_table(const check_reduction *r, int32_t axis,
                                         int64_t n, const double *value,
                                         double gradient)
{
    const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    double gradients[8];
    for (int i = 0; i < 8; i++) gradients[i] = gradient;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *a = check_matrix(context, 2, 4, x);
    fv_variable *y = axis == CHECK_ALL ? r->all(a) : r->along(a, axis);
    check_elements(fv_variable_value(y), n, value, 1e-15);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(a), 8, gradients, 1e-15);
    fv_context_free(context);
}

/* The extreme, or the first NaN, in the last of many segments of a row, or rows
 * of columns; the last number or not. */
static inline void check_last_segment(const check_reduction *r, double extreme)
{
    for (int i = 0; i < 16; i++) {
        const int32_t axis = i % 2;
        const int64_t n = 3 * 16384 + 5, at = i & 2 ? n - 1 : n - 3;
        const int64_t shape[] = { axis ? 2 : n, axis ? n : 2 };
        const int64_t place = axis ? n + at : 2 * at + 1; /* row, column 1 */
        fv_context *context = check_context(i & 8 ? FV_F64 : FV_F32, 1);
        fv_tensor x = fv_tensor_new(context, FV_F64, 2, shape);
        ((double *)x.data)[place] = i & 4 ? (double)NAN : extreme;
        fv_variable *a = fv_variable_new(context, &x);
        fv_variable *y = r->along(a, axis);
        const double is = check_at(fv_variable_value(y), 1);
        assert_true(i & 4 ? isnan(is) : is == extreme);
        assert_true(check_at(fv_variable_value(y), 0) == 0);
        assert_int_equal(fv_backprop(y), FV_OK);
        assert_true(check_at(fv_variable_grad(a), place) == 1);
        fv_context_free(context);
    }
}

#endif
