/* Checks of element-wise operators against formulas: of one element, and of
 * two that are broadcast. */
#ifndef FV_TESTS_OP_CHECK_ELEMENT_H
#define FV_TESTS_OP_CHECK_ELEMENT_H

#include "op/whole.h"

#include <stdbool.h>

/* ---- one element --------------------------------------------------------- */

typedef struct check_unary {
    const char *name;
    fv_variable *(*f)(fv_variable *a);
    double (*value)(double x), (*slope)(double x);
    double low, high;
    bool whole; /* it takes whole numbers */
} check_unary;

static inline fv_variable *check_unary_apply(void *user, fv_variables at)
{
    const check_unary *unary = user;
    return unary->f(at.at[0]);
}

/* f(x) (x + f(x)): x is used three times. */
static inline fv_variable *check_unary_twice(void *user, fv_variables at)
{
    const check_unary *unary = user;
    return fv_mul(unary->f(at.at[0]), fv_add(at.at[0], unary->f(at.at[0])));
}

static inline void check_unary_formula(const check_unary *unary,
                                       const check_case *c, fv_dtype dtype,
                                       double tolerance)
{
    check_result is = check_evaluate(c, dtype, 1);
    assert_true(fv_tensor_same_shape(&is.value, &is.leaves[0]));
    for (int64_t i = 0; i < fv_tensor_count(&is.value); i++) {
        double x = check_at(&is.leaves[0], i);
        assert_near(check_at(&is.value, i), unary->value(x), tolerance);
        assert_near(check_at(&is.grads[0], i),
                    unary->slope(x) * check_at(&is.upstream, i), tolerance);
    }
    fv_context_free(is.context);
}

static inline void check_unary_refusals(const check_unary *unary)
{
    char sentence[96];
    fv_context *context = check_context(FV_F32, 1);
    assert_null(unary->f(NULL));
    assert_null(unary->f(unary->whole ? TRUTH(context, 1)
                                      : check_integers(context, 3)));
    snprintf(sentence, sizeof sentence,
             "%s: operand 1 has type %s, expected f32", unary->name,
             unary->whole ? "bool" : "i64");
    assert_error(context, sentence);
    fv_context_free(context);
}

static inline void check_unary_all(check_unary unary)
{
    static const check_shape shapes[] = {
        SCALAR,         SHAPE(1),          SHAPE(7),
        SHAPE(3, 1, 5), SHAPE(2, 3, 4, 5), SHAPE(0, 3)
    };
    check_case c = { .f = check_unary_apply,
                     .user = &unary,
                     .count = 1,
                     .low = unary.low,
                     .high = unary.high };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        c.shapes[0] = shapes[i];
        c.f = check_unary_apply;
        check_unary_formula(&unary, &c, FV_F64, 1e-13);
        check_unary_formula(&unary, &c, FV_F32, 2e-6);
        check_gradient(&c);
        c.f = check_unary_twice;
        check_gradient(&c);
    }
    c.f = check_unary_apply;
    c.shapes[0] = (check_shape)SHAPE(3, 16411);
    check_threads(&c);
    check_unary_refusals(&unary);
}

/* Gradients for an upstream of 2, by every table of kernels. */
static inline void check_special(fv_variable *(*f)(fv_variable *a), int64_t n,
                                 const double *x, const double *gradient)
{
    static const char *const isa[] = { NULL, "ref" };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (int table = 0; table < 2; table++) {
            fv_context *context = fv_context_new(
                FV_OPTIONS(fv_context_options, .dtype = (fv_dtype)dtype,
                           .isa = isa[table]));
            fv_variable *a = check_vector(context, n, x);
            assert_int_equal(fv_backprop(fv_mul_number(f(a), 2)), FV_OK);
            for (int64_t i = 0; i < n; i++) {
                const double is = check_at(fv_variable_grad(a), i);
                if (isnan(gradient[i]))
                    assert_true(isnan(is));
                else
                    assert_near(is, gradient[i], 1e-7);
            }
            fv_context_free(context);
        }
}

/* Values by every table of kernels. */
static inline void check_special_values(fv_variable *(*f)(fv_variable *a),
                                        int64_t n, const double *x,
                                        const double *value)
{
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (int table = 0; table < TABLES; table++) {
            fv_context *context = fv_context_new(
                FV_OPTIONS(fv_context_options, .dtype = (fv_dtype)dtype,
                           .isa = tables[table]));
            if (fv_failed(context) == FV_UNSUPPORTED) {
                fv_context_free(context);
                continue;
            }
            const fv_tensor *y =
                fv_variable_value(f(check_vector(context, n, x)));
            assert_ok(context);
            for (int64_t i = 0; i < n; i++) {
                const double is = check_at(y, i);
                if (isfinite(value[i]))
                    assert_near(is, value[i], 1e-6);
                else
                    assert_true(isnan(value[i]) ? isnan(is) : is == value[i]);
            }
            fv_context_free(context);
        }
}

/* Numbers of a table: the value, or NULL, and the gradient for `upstream`, or
 * ones. */
static inline void check_unary_table(fv_variable *(*f)(fv_variable *a),
                                     int64_t n, const double *x,
                                     const double *value,
                                     const double *upstream,
                                     const double *gradient)
{
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        double tolerance = dtype == FV_F64 ? 1e-9 : 2e-6;
        fv_context *context = check_context((fv_dtype)dtype, 1);
        fv_variable *a = check_vector(context, n, x), *y = f(a);
        if (value) check_elements(fv_variable_value(y), n, value, tolerance);
        if (upstream) y = fv_mul(y, check_vector(context, n, upstream));
        assert_int_equal(fv_backprop(y), FV_OK);
        check_elements(fv_variable_grad(a), n, gradient, tolerance);
        fv_context_free(context);
    }
}

/* ---- two elements, broadcast --------------------------------------------- */

typedef struct check_binary {
    const char *name;
    fv_variable *(*f)(fv_variable *a, fv_variable *b);
    double (*value)(double a, double b);
    double (*slope_a)(double a, double b), (*slope_b)(double a, double b);
    double low, high;
} check_binary;

static inline fv_variable *check_binary_apply(void *user, fv_variables at)
{
    const check_binary *binary = user;
    return binary->f(at.at[0], at.at[1]);
}

/* One value used on both sides, and once more. */
static inline fv_variable *check_binary_twice(void *user, fv_variables at)
{
    const check_binary *binary = user;
    fv_variable *a = at.at[0];
    return fv_add(binary->f(a, a), fv_mul(binary->f(a, fv_exp(a)), a));
}

/* Where in `operand` element `flat` of a result of that shape comes from. */
static inline int64_t check_source(const fv_tensor *operand,
                                   const fv_tensor *result, int64_t flat)
{
    int64_t at = 0, run = 1;
    for (int32_t i = 1; i <= result->rank; i++) {
        int64_t index = flat % result->shape[result->rank - i];
        flat /= result->shape[result->rank - i];
        if (i > operand->rank) continue;
        int64_t extent = operand->shape[operand->rank - i];
        if (extent > 1) at += index * run;
        run *= extent;
    }
    return at;
}

/* Sums the formula's gradients over the result into grads[], which hold
 * zeros. */
static inline void check_binary_sum(const check_binary *binary,
                                    const check_result *is, double *grads[2])
{
    for (int64_t i = 0; i < fv_tensor_count(&is->value); i++) {
        int64_t at_a = check_source(&is->leaves[0], &is->value, i);
        int64_t at_b = check_source(&is->leaves[1], &is->value, i);
        double a = check_at(&is->leaves[0], at_a);
        double b = check_at(&is->leaves[1], at_b);
        double g = check_at(&is->upstream, i);
        grads[0][at_a] += g * binary->slope_a(a, b);
        grads[1][at_b] += g * binary->slope_b(a, b);
    }
}

static inline void check_binary_formula(const check_binary *binary,
                                        const check_case *c, fv_dtype dtype,
                                        double tolerance)
{
    check_result is = check_evaluate(c, dtype, 1);
    for (int64_t i = 0; i < fv_tensor_count(&is.value); i++) {
        int64_t a = check_source(&is.leaves[0], &is.value, i);
        int64_t b = check_source(&is.leaves[1], &is.value, i);
        assert_near(check_at(&is.value, i),
                    binary->value(check_at(&is.leaves[0], a),
                                  check_at(&is.leaves[1], b)),
                    tolerance);
    }
    double *grads[2];
    fv_tensor sums[2];
    for (int k = 0; k < 2; k++) {
        sums[k] = fv_tensor_new(is.context, FV_F64, is.leaves[k].rank,
                                is.leaves[k].shape);
        grads[k] = sums[k].data;
    }
    check_binary_sum(binary, &is, grads);
    check_close(&is.grads[0], &sums[0], tolerance);
    check_close(&is.grads[1], &sums[1], tolerance);
    fv_context_free(is.context);
}

static inline void check_binary_refusals(const check_binary *binary)
{
    char sentence[96];
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    fv_variable *b = check_leaf(context, &(check_shape)SHAPE(4), 0, 1, 1);
    assert_null(binary->f(a, check_integers(context, 3)));
    snprintf(sentence, sizeof sentence,
             "%s: operand 2 has type i64, expected f32", binary->name);
    assert_error(context, sentence);
    assert_null(binary->f(a, b));
    snprintf(sentence, sizeof sentence,
             "%s: shapes [2, 3] and [4] do not broadcast", binary->name);
    assert_error(context, sentence);
    assert_null(binary->f(a, NULL));
    snprintf(sentence, sizeof sentence, "%s: operand 2 is NULL", binary->name);
    assert_error(context, sentence);
    fv_context_free(context);
}

static inline void check_binary_all(check_binary binary)
{
    static const check_shape small[][2] = {
        { SCALAR, SCALAR },
        { SHAPE(3, 4), SHAPE(3, 4) },
        { SHAPE(3, 4), SHAPE(4) },
        { SCALAR, SHAPE(2, 3) },
        { SHAPE(3, 4), SHAPE(3, 1) },
        { SHAPE(1, 4), SHAPE(3, 1) },
        { SHAPE(2, 1, 3), SHAPE(4, 1) },
        { SHAPE(2, 3, 2, 3), SHAPE(3, 1, 3) },
        { SHAPE(5, 1, 1), SHAPE(1, 3, 1) },
        { SHAPE(0, 3), SHAPE(1, 3) },
    };
    /* Beyond one piece of work, one segment and one step of a sum. */
    static const check_shape large[][2] = {
        { SHAPE(181, 303), SHAPE(181, 303) },
        { SHAPE(701, 53), SHAPE(53) },
        { SHAPE(41, 1500), SHAPE(1500) },
        { SHAPE(1, 53), SHAPE(701, 1) },
        { SCALAR, SHAPE(40009) },
        { SHAPE(3, 1, 4099, 1), SHAPE(2, 1, 3) },
        { SHAPE(2, 17001), SHAPE(2, 1) },
    };
    check_case c = { .f = check_binary_apply,
                     .user = &binary,
                     .count = 2,
                     .low = binary.low,
                     .high = binary.high };
    for (int64_t i = 0; i < COUNT(small); i++) {
        memcpy(c.shapes, small[i], sizeof small[i]);
        check_binary_formula(&binary, &c, FV_F64, 1e-13);
        check_binary_formula(&binary, &c, FV_F32, 4e-6);
        check_gradient(&c);
    }
    for (int64_t i = 0; i < COUNT(large); i++) {
        memcpy(c.shapes, large[i], sizeof large[i]);
        check_binary_formula(&binary, &c, FV_F64, 1e-11);
        check_binary_formula(&binary, &c, FV_F32, 4e-5);
        check_threads(&c);
    }
    c.f = check_binary_twice;
    c.count = 1;
    c.shapes[0] = (check_shape)SHAPE(3, 5);
    check_gradient(&c);
    check_types(&c, 1e-5);
    check_binary_refusals(&binary);
}

#endif
