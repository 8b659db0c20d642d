/* What the restated cases of num.cr 07fc7e3 share. Numbers are written as text
 * in channel, row, column order and permuted for the context. */
#ifndef FV_TESTS_NUMCR_NUMCR_H
#define FV_TESTS_NUMCR_NUMCR_H

#include "support.h"

#include <stdbool.h>
#include <stdlib.h>

static inline bool nchw(const fv_context *ctx)
{
    return fv_context_layout(ctx) == FV_NCHW;
}

static inline bool single(const fv_context *ctx)
{
    return fv_context_dtype(ctx) == FV_F32;
}

/* Extents for an option or an argument list. */
#define EXTENTS(ctx, c, h, w)                                                  \
    nchw(ctx) ? (c) : (h), nchw(ctx) ? (h) : (w), nchw(ctx) ? (w) : (c)

/* A shape for numbers() and friends. */
#define SHAPE(...)                                                             \
    (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),           \
        (const int64_t[])                                                      \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

static inline fv_context *context_of(fv_dtype dtype, fv_layout layout)
{
    fv_context *ctx = fv_context_new(
        FV_OPTIONS(fv_context_options, .dtype = dtype, .layout = layout,
                   .threads = dtype == FV_F32 ? 2 : 1));
    assert_ok(ctx);
    return ctx;
}

/* Runs a test in f64 and f32, in NHWC and NCHW. */
static inline void everywhere(void (*test)(fv_context *ctx))
{
    for (int i = 0; i < 4; i++) {
        fv_context *ctx =
            context_of(i & 1 ? FV_F32 : FV_F64, i & 2 ? FV_NCHW : FV_NHWC);
        test(ctx);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

/* "1 2 / 3 4" in memory of the context; "/" may stand anywhere. */
static inline fv_tensor numbers(fv_context *ctx, const char *text, int32_t rank,
                                const int64_t shape[])
{
    fv_tensor all = fv_tensor_new(ctx, FV_F64, rank, shape);
    assert_ok(ctx);
    double *at = all.data;
    int64_t n = 0, count = fv_tensor_count(&all);
    for (const char *p = text; *p;) {
        if (strchr(" /,\n", *p)) {
            p++;
            continue;
        }
        char *end;
        double value = strtod(p, &end);
        assert_true(end != p && n < count);
        at[n++] = value;
        p = end;
    }
    assert_int_equal(n, count);
    return all;
}

/* scale ((a k + b) mod m - shift) */
static inline fv_tensor formula(fv_context *ctx, int64_t a, int64_t b,
                                int64_t m, int64_t shift, double scale,
                                int32_t rank, const int64_t shape[])
{
    fv_tensor all = fv_tensor_new(ctx, FV_F64, rank, shape);
    assert_ok(ctx);
    for (int64_t k = 0; k < fv_tensor_count(&all); k++)
        ((double *)all.data)[k] = (double)((a * k + b) % m - shift) * scale;
    return all;
}

/* Images as the context has them. */
static inline fv_tensor outside(fv_context *ctx, const fv_tensor *images)
{
    if (images->rank != 4 || nchw(ctx)) return *images;
    return fv_tensor_permute(ctx, images, (const int32_t[]){ 0, 2, 3, 1 });
}

static inline fv_variable *leaf(fv_context *ctx, fv_tensor images)
{
    fv_tensor view = outside(ctx, &images);
    return fv_variable_new(ctx, &view);
}

/* A constant of the context's type. */
static inline fv_variable *fixed(fv_context *ctx, fv_tensor images)
{
    fv_tensor view = outside(ctx, &images);
    return fv_constant(ctx, &view);
}

/* Gives a parameter OIHW or vector values. */
static inline void assign(fv_variable *parameter, fv_tensor value)
{
    fv_context *ctx = fv_variable_context(parameter);
    if (value.rank == 4)
        value = fv_tensor_permute(ctx, &value, (const int32_t[]){ 0, 2, 3, 1 });
    assert_int_equal(fv_variable_assign(parameter, &value), FV_OK);
}

/* Element by element, in row-major order of `expected`; NaN equals NaN. */
static inline void assert_elements(fv_context *ctx, const char *what,
                                   const fv_tensor *is,
                                   const fv_tensor *expected, double tolerance)
{
    assert_ok(ctx);
    if (!is || !fv_tensor_same_shape(is, expected))
        fail_msg("%s has another shape", what);
    fv_tensor a = fv_tensor_convert(ctx, is, FV_F64);
    fv_tensor b = fv_tensor_convert(ctx, expected, FV_F64);
    assert_ok(ctx);
    for (int64_t i = 0; i < fv_tensor_count(&a); i++) {
        double x = ((double *)a.data)[i], y = ((double *)b.data)[i];
        if (isnan(x) && isnan(y)) continue;
        if (isinf(y) && x == y) continue;
        if (!(fabs(x - y) <= tolerance * fmax(1, fabs(y))))
            fail_msg("%s: element %d is %.12g, expected %.12g", what, (int)i, x,
                     y);
    }
}

/* `images` and `weights` are in channel, row, column order. */
static inline void assert_images(fv_context *ctx, const char *what,
                                 const fv_tensor *is, fv_tensor images,
                                 double tolerance)
{
    fv_tensor expected = outside(ctx, &images);
    assert_elements(ctx, what, is, &expected, tolerance);
}

static inline void assert_weights(fv_context *ctx, const char *what,
                                  const fv_tensor *is, fv_tensor weights,
                                  double tolerance)
{
    if (weights.rank == 4)
        weights =
            fv_tensor_permute(ctx, &weights, (const int32_t[]){ 0, 2, 3, 1 });
    assert_elements(ctx, what, is, &weights, tolerance);
}

/* Ten printed digits in f64, seven in f32. */
static inline double digits(const fv_context *ctx)
{
    return single(ctx) ? 2e-6 : 1e-9;
}

/* Back from y with the upstream gradient dy. */
static inline void backprop_with(fv_variable *y, fv_tensor dy)
{
    fv_context *ctx = fv_variable_context(y);
    fv_backprop(fv_mul(y, fixed(ctx, dy)));
    assert_ok(ctx);
}

#endif
