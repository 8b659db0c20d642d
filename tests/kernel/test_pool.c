/* Max and average pooling against a plain walk over the windows. */
#include "kernel/tables.h"

struct example {
    fv__geometry geometry;
    bool keep_where, count_padding;
};

#define GEOMETRY(h, w, c, kh, kw, sh, sw, dh, dw, t, l, b, r)                  \
    {                                                                          \
        .batch = 1, .in = { h, w }, .channels = c, .filters = c,               \
        .out = { (h + t + b - (kh - 1) * dh - 1) / sh + 1,                     \
                 (w + l + r - (kw - 1) * dw - 1) / sw + 1 },                   \
        .kernel = { kh, kw }, .stride = { sh, sw }, .dilation = { dh, dw },    \
        .begin = { t, l }, .end = { b, r }, .groups = 1                        \
    }

static const fv__geometry geometries[] = {
    GEOMETRY(8, 6, 5, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0),
    GEOMETRY(6, 4, 37, 3, 2, 3, 2, 1, 1, 0, 0, 0, 0),
    GEOMETRY(7, 5, 16, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0),
    GEOMETRY(7, 9, 17, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
    GEOMETRY(5, 5, 1, 3, 2, 1, 3, 1, 1, 2, 1, 0, 1),
    GEOMETRY(1, 1, 3, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
    GEOMETRY(9, 8, 33, 2, 3, 1, 2, 2, 3, 1, 2, 0, 1),
    GEOMETRY(6, 7, 16, 6, 7, 1, 1, 1, 1, 0, 0, 0, 0),
    GEOMETRY(4, 4, 4, 2, 2, 5, 5, 1, 1, 1, 0, 1, 0),
    GEOMETRY(6, 8, 43, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0),
    GEOMETRY(9, 3, 43, 3, 3, 3, 3, 1, 1, 0, 0, 0, 0),
};
#define GEOMETRIES (sizeof geometries / sizeof *geometries)

/* Outputs with channels; channels run fastest. */
static size_t outputs(const fv__geometry *g)
{
    return (size_t)(g->out[0] * g->out[1] * g->channels);
}

static size_t inputs(const fv__geometry *g)
{
    return (size_t)(g->in[0] * g->in[1] * g->channels);
}

/* Tap number `tap` of an output as a pixel, -1 in the padding. */
static int64_t tap_at(const fv__geometry *g, size_t output, int64_t tap)
{
    const int64_t place = (int64_t)output / g->channels;
    const int64_t row = place / g->out[1] * g->stride[0] - g->begin[0]
                        + tap / g->kernel[1] * g->dilation[0];
    const int64_t column = place % g->out[1] * g->stride[1] - g->begin[1]
                           + tap % g->kernel[1] * g->dilation[1];
    if (row < 0 || row >= g->in[0] || column < 0 || column >= g->in[1])
        return -1;
    return row * g->in[1] + column;
}

static double value_at(const data *d, const fv__geometry *g, size_t output,
                       int64_t pixel)
{
    const int64_t channel = (int64_t)output % g->channels;
    return number(d->dtype, d->in[0], (size_t)(pixel * g->channels + channel));
}

static void largest(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->maxpool(&e->geometry, d->in[0], d->out[0],
                     e->keep_where ? d->where : NULL);
    if (!e->keep_where) return;
    kernels->maxpool_grad(&e->geometry, d->where, d->in[1], d->out[1],
                          FV__ACCUMULATE);
    kernels->maxpool_grad(&e->geometry, d->where, d->in[1], d->out[2],
                          FV__STORE);
}

/* The gradient was added to out[1], and is alone in out[2]. */
static void check_grad(const data *d, const data *start, const fv__geometry *g,
                       const double *grad)
{
    const double bound = 8 * epsilon_of(d->dtype);
    for (size_t i = 0; i < inputs(g); i++) {
        assert_near(number(d->dtype, d->out[1], i),
                    number(d->dtype, start->out[1], i) + grad[i], bound);
        assert_near(number(d->dtype, d->out[2], i), grad[i], bound);
    }
}

static void check_largest(const data *d, const data *start,
                          const struct example *e)
{
    const fv__geometry *g = &e->geometry;
    double *grad = calloc(inputs(g), sizeof *grad);
    assert_non_null(grad);
    for (size_t i = 0; i < outputs(g); i++) {
        int64_t best = -1;
        for (int64_t tap = 0; tap < g->kernel[0] * g->kernel[1]; tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            if (pixel < 0) continue;
            if (best < 0 || value_at(d, g, i, pixel) > value_at(d, g, i, best))
                best = pixel;
        }
        assert_true(number(d->dtype, d->out[0], i) == value_at(d, g, i, best));
        assert_int_equal(d->where[i], e->keep_where ? best : -7);
        grad[best * g->channels + (int64_t)i % g->channels] +=
            number(d->dtype, d->in[1], i);
    }
    if (e->keep_where) check_grad(d, start, g, grad);
    free(grad);
}

static void test_largest(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 2 * GEOMETRIES; i++) {
            const struct example e = { geometries[i / 2], i % 2, false };
            data *d = make_data(dtype, 0, -1, 1);
            for (size_t j = 0; j < ROOM; j += 3) put(dtype, d->in[0], j, 0.5);
            const data start = *d;
            run_tables(d, largest, &e);
            assert_untouched(d, 0, outputs(&e.geometry));
            assert_untouched(d, 1, inputs(&e.geometry));
            assert_untouched(d, 2, inputs(&e.geometry));
            check_largest(d, &start, &e);
            free(d);
        }
    }
}

static void mean(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->avgpool(&e->geometry, e->count_padding, d->in[0], d->out[0]);
    kernels->avgpool_grad(&e->geometry, e->count_padding, d->in[1], d->out[1],
                          FV__ACCUMULATE);
    kernels->avgpool_grad(&e->geometry, e->count_padding, d->in[1], d->out[2],
                          FV__STORE);
}

static void check_mean(const data *d, const data *start,
                       const struct example *e)
{
    const fv__geometry *g = &e->geometry;
    const int64_t taps = g->kernel[0] * g->kernel[1];
    double *grad = calloc(inputs(g), sizeof *grad);
    assert_non_null(grad);
    for (size_t i = 0; i < outputs(g); i++) {
        double sum = 0, count = 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            if (pixel < 0) continue;
            sum += value_at(d, g, i, pixel);
            count++;
        }
        if (e->count_padding) count = (double)taps;
        assert_near(number(d->dtype, d->out[0], i), sum / count,
                    4 * epsilon_of(d->dtype));
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            if (pixel < 0) continue;
            grad[pixel * g->channels + (int64_t)i % g->channels] +=
                number(d->dtype, d->in[1], i) / count;
        }
    }
    check_grad(d, start, g, grad);
    free(grad);
}

static void test_mean(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 2 * GEOMETRIES; i++) {
            const struct example e = { geometries[i / 2], false, i % 2 };
            data *d = make_data(dtype, 0, -1, 1);
            const data start = *d;
            run_tables(d, mean, &e);
            assert_untouched(d, 0, outputs(&e.geometry));
            assert_untouched(d, 1, inputs(&e.geometry));
            assert_untouched(d, 2, inputs(&e.geometry));
            check_mean(d, &start, &e);
            free(d);
        }
    }
}

/* The mean of a window of padding alone is zero. */
static void test_mean_of_nothing(void **state)
{
    (void)state;
    const struct example e = { GEOMETRY(1, 2, 37, 1, 2, 1, 2, 1, 1, 0, 2, 0, 0),
                               false, false };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, -1, 1);
        run_tables(d, mean, &e);
        for (size_t i = 0; i < 37; i++)
            assert_true(number(dtype, d->out[0], i) == 0);
        assert_true(number(dtype, d->out[0], 37) != 0);
        free(d);
    }
}

/* The first of equals wins, NaN beats all, -inf beats the padding, and a
 * window of padding alone is -inf from nowhere. */
static void test_rules(void **state)
{
    (void)state;
    const struct example e = { GEOMETRY(1, 8, 1, 1, 2, 1, 2, 1, 1, 0, 0, 0, 4),
                               true, false };
    static const double x[8] = { 2, 2,         NO_NUMBER, 3,
                                 4, NO_NUMBER, -INFINITE, -INFINITE };
    static const double y[6] = { 2,         NO_NUMBER, NO_NUMBER,
                                 -INFINITE, -INFINITE, -INFINITE };
    static const int32_t where[6] = { 0, 2, 5, 6, -1, -1 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, 0, 1);
        for (size_t i = 0; i < 8; i++) put(dtype, d->in[0], i, x[i]);
        run_tables(d, largest, &e);
        for (size_t i = 0; i < 6; i++) {
            assert_ulps(dtype, number(dtype, d->out[0], i), (long double)y[i],
                        0);
            assert_int_equal(d->where[i], where[i]);
        }
        free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_mean_of_nothing),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
