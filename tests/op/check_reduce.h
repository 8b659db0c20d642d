/* Checks of fv_reduce() along any axes against a walk over all elements. */
#ifndef FV_TESTS_OP_CHECK_REDUCE_H
#define FV_TESTS_OP_CHECK_REDUCE_H

#include "op/check.h"

#include <stdbool.h>

typedef struct check_reduce {
    fv_reduce_kind kind;
    double (*value)(const double *x, int64_t n);
    double low, high;
    int32_t count, axes[FV_MAX_RANK];
    int keep;
} check_reduce;

static inline fv_variable *check_reduce_apply(void *user, fv_variables at)
{
    const check_reduce *r = user;
    return fv_reduce(at.at[0], r->kind, r->count, r->axes, r->keep);
}

/* Collects the elements of x for result `flat`. */
static inline int64_t check_reduce_collect(const fv_tensor *x,
                                           const bool reduced[], int64_t flat,
                                           double *line)
{
    int64_t n = 0;
    for (int64_t i = 0; i < fv_tensor_count(x); i++) {
        int64_t rest = i, at = 0, run = 1;
        for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
            const int64_t index = rest % x->shape[axis];
            rest /= x->shape[axis];
            if (reduced[axis]) continue;
            at += index * run;
            run *= x->shape[axis];
        }
        if (at == flat) line[n++] = check_at(x, i);
    }
    return n;
}

static inline void check_reduce_formula(const check_reduce *r,
                                        const check_case *c, fv_dtype dtype,
                                        double tolerance)
{
    check_result is = check_evaluate(c, dtype, 1);
    const fv_tensor *x = &is.leaves[0];
    bool reduced[FV_MAX_RANK] = { false };
    int64_t shape[FV_MAX_RANK], results = 1;
    int32_t rank = 0;
    double line[512];
    for (int32_t i = 0; i < x->rank; i++) reduced[i] = r->count == 0;
    for (int32_t i = 0; i < r->count; i++)
        reduced[(r->axes[i] + x->rank) % x->rank] = true;
    for (int32_t i = 0; i < x->rank; i++) {
        if (!reduced[i]) results *= x->shape[i];
        if (!reduced[i] || r->keep)
            shape[rank++] = reduced[i] ? 1 : x->shape[i];
    }
    check_shape_is(&is.value, rank, shape);
    assert_int_equal(fv_tensor_count(&is.value), results);
    for (int64_t i = 0; i < results; i++) {
        const int64_t n = check_reduce_collect(x, reduced, i, line);
        assert_near(check_at(&is.value, i), r->value(line, n), tolerance);
    }
    fv_context_free(is.context);
}

/* Axes that lie together or apart, in any order, kept or not. */
static inline void check_reduce_all(check_reduce r)
{
    static const struct {
        check_shape shape;
        int32_t count, axes[3];
    } cases[] = {
        { SCALAR, 0, { 0 } },
        { SHAPE(3, 4), 0, { 0 } },
        { SHAPE(7), 1, { 0 } },
        { SHAPE(3, 2, 4), 2, { 2, 0 } },
        { SHAPE(3, 2, 4), 2, { 1, -1 } },
        { SHAPE(2, 3, 1, 5), 2, { -4, 2 } },
        { SHAPE(2, 3, 2, 3, 2), 3, { 4, 0, 2 } },
    };
    check_case c = { .f = check_reduce_apply,
                     .user = &r,
                     .count = 1,
                     .low = r.low,
                     .high = r.high };
    for (int64_t i = 0; i < COUNT(cases); i++) {
        c.shapes[0] = cases[i].shape;
        r.count = cases[i].count;
        memcpy(r.axes, cases[i].axes, sizeof cases[i].axes);
        for (r.keep = 0; r.keep < 2; r.keep++) {
            check_reduce_formula(&r, &c, FV_F64, 1e-13);
            check_reduce_formula(&r, &c, FV_F32, 4e-6);
        }
        check_gradient(&c);
    }
    c.shapes[0] = (check_shape)SHAPE(31, 53, 37);
    r.count = 2;
    r.axes[0] = 0, r.axes[1] = 2;
    check_threads(&c);
}

#endif
