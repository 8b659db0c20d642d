/* Max, average and Lp pooling against a plain walk over the windows. */
#include "kernel/tables.h"

struct example {
    fv__geometry geometry;
    bool keep_where;
    int64_t divisor;
    double p;
};

#define GEOMETRY(h, w, c, kh, kw, sh, sw, dh, dw, t, l, b, r)                  \
    {                                                                          \
        .batch = 1, .in = { h, w, 1 }, .channels = c, .filters = c,            \
        .out = { (h + t + b - (kh - 1) * dh - 1) / sh + 1,                     \
                 (w + l + r - (kw - 1) * dw - 1) / sw + 1, 1 },                \
        .kernel = { kh, kw, 1 }, .stride = { sh, sw, 1 },                      \
        .dilation = { dh, dw, 1 }, .begin = { t, l }, .end = { b, r },         \
        .groups = 1                                                            \
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
    GEOMETRY(7, 6, 139, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1),
    /* three axes: with padding and dilation, and such that windows tile */
    { .batch = 1,
      .in = { 5, 4, 6 },
      .channels = 19,
      .filters = 19,
      .out = { 3, 3, 3 },
      .kernel = { 3, 2, 2 },
      .stride = { 2, 1, 2 },
      .dilation = { 1, 1, 3 },
      .begin = { 1, 0, 1 },
      .end = { 1, 0, 1 },
      .groups = 1 },
    { .batch = 1,
      .in = { 4, 3, 2 },
      .channels = 17,
      .filters = 17,
      .out = { 2, 1, 1 },
      .kernel = { 2, 3, 2 },
      .stride = { 2, 3, 2 },
      .dilation = { 1, 1, 1 },
      .groups = 1 },
    /* the last window reaches past the padding */
    { .batch = 1,
      .in = { 1, 6, 1 },
      .channels = 5,
      .filters = 5,
      .out = { 1, 3, 1 },
      .kernel = { 1, 4, 1 },
      .stride = { 1, 3, 1 },
      .dilation = { 1, 1, 1 },
      .begin = { 0, 1, 0 },
      .end = { 0, 1, 0 },
      .groups = 1,
      .ceil_mode = true },
};
#define GEOMETRIES (sizeof geometries / sizeof *geometries)

/* Outputs with channels; channels run fastest. */
static size_t outputs(const fv__geometry *g)
{
    return (size_t)(fv__product(FV__AXES, g->out) * g->channels);
}

static size_t inputs(const fv__geometry *g)
{
    return (size_t)(fv__product(FV__AXES, g->in) * g->channels);
}

static int64_t taps_of(const fv__geometry *g)
{
    return fv__product(FV__AXES, g->kernel);
}

/* What a tap that is no pixel is. */
enum { PADDING = -1, BEHIND = -2 };

/* Tap number `tap` of an output as a pixel. */
static int64_t tap_at(const fv__geometry *g, size_t output, int64_t tap)
{
    static const int order[] = { FV__COLUMNS, FV__ROWS, FV__DEPTH };
    int64_t place = (int64_t)output / g->channels, at[FV__AXES];
    bool padding = false, behind = false;
    for (int i = 0; i < FV__AXES; i++) {
        const int k = order[i];
        at[k] = place % g->out[k] * g->stride[k] - g->begin[k]
                + tap % g->kernel[k] * g->dilation[k];
        place /= g->out[k];
        tap /= g->kernel[k];
        padding |= at[k] < 0 || at[k] >= g->in[k];
        behind |= at[k] >= g->in[k] + g->end[k];
    }
    if (padding) return behind ? BEHIND : PADDING;
    return (at[FV__DEPTH] * g->in[0] + at[0]) * g->in[1] + at[1];
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
        for (int64_t tap = 0; tap < taps_of(g); tap++) {
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
            const struct example e = { geometries[i / 2], i % 2, 0, 0 };
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
    kernels->avgpool(&e->geometry, e->divisor, d->in[0], d->out[0]);
    kernels->avgpool_grad(&e->geometry, e->divisor, d->in[1], d->out[1],
                          FV__ACCUMULATE);
    kernels->avgpool_grad(&e->geometry, e->divisor, d->in[1], d->out[2],
                          FV__STORE);
}

static void check_mean(const data *d, const data *start,
                       const struct example *e)
{
    const fv__geometry *g = &e->geometry;
    const int64_t taps = taps_of(g);
    double *grad = calloc(inputs(g), sizeof *grad);
    assert_non_null(grad);
    for (size_t i = 0; i < outputs(g); i++) {
        double sum = 0, count = 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            count += pixel >= 0
                     || (e->divisor == FV__TAPS_PADDED && pixel == PADDING);
            if (pixel >= 0) sum += value_at(d, g, i, pixel);
        }
        if (e->divisor > 0) count = (double)e->divisor;
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
        for (size_t i = 0; i < 3 * GEOMETRIES; i++) {
            const int64_t divisors[] = { FV__TAPS_INSIDE, FV__TAPS_PADDED, 3 };
            const struct example e = { geometries[i / 3], false,
                                       divisors[i % 3], 0 };
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
                               false, FV__TAPS_INSIDE, 0 };
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
                               true, 0, 0 };
    enum { MANY = 70 }; /* channels, whose positions are not kept */
    const struct example wide = {
        GEOMETRY(1, 8, MANY, 1, 2, 1, 2, 1, 1, 0, 0, 0, 4), false, 0, 0
    };
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
        for (size_t i = 0; i < 8 * MANY; i++)
            put(dtype, d->in[0], i, x[i / MANY]);
        run_tables(d, largest, &wide);
        for (size_t i = 0; i < 6 * MANY; i++)
            assert_ulps(dtype, number(dtype, d->out[0], i),
                        (long double)y[i / MANY], 0);
        free(d);
    }
}

static void norm(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->lppool(&e->geometry, e->p, d->in[0], d->out[0]);
    kernels->lppool_grad(&e->geometry, e->p, d->in[0], d->out[0], d->in[1],
                         d->out[1], FV__ACCUMULATE);
    kernels->lppool_grad(&e->geometry, e->p, d->in[0], d->out[0], d->in[1],
                         d->out[2], FV__STORE);
}

static void check_norm(const data *d, const data *start,
                       const struct example *e)
{
    const fv__geometry *g = &e->geometry;
    double *grad = calloc(inputs(g), sizeof *grad);
    assert_non_null(grad);
    for (size_t i = 0; i < outputs(g); i++) {
        double sum = 0;
        for (int64_t tap = 0; tap < taps_of(g); tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            if (pixel >= 0) sum += pow(value_at(d, g, i, pixel), e->p);
        }
        const double y = pow(sum, 1 / e->p);
        assert_near(number(d->dtype, d->out[0], i), y,
                    16 * epsilon_of(d->dtype) * y);
        for (int64_t tap = 0; tap < taps_of(g); tap++) {
            const int64_t pixel = tap_at(g, i, tap);
            if (pixel < 0) continue;
            grad[pixel * g->channels + (int64_t)i % g->channels] +=
                number(d->dtype, d->in[1], i)
                * pow(value_at(d, g, i, pixel) / y, e->p - 1);
        }
    }
    check_grad(d, start, g, grad);
    free(grad);
}

static void test_norm(void **state)
{
    static const double powers[] = { 1, 2, 3, 0.5 };
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 4 * GEOMETRIES; i++) {
            const struct example e = { geometries[i / 4], false, 0,
                                       powers[i % 4] };
            data *d = make_data(dtype, 0, 0.5, 1);
            const data start = *d;
            run_tables(d, norm, &e);
            assert_untouched(d, 0, outputs(&e.geometry));
            assert_untouched(d, 1, inputs(&e.geometry));
            assert_untouched(d, 2, inputs(&e.geometry));
            check_norm(d, &start, &e);
            free(d);
        }
    }
}

/* Positions in a plane of 6, one of them twice, one of none and one behind. */
static const int64_t positions[] = { 4, 1, 0, 6, -1, 1 };

static void unpool(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    kernels->max_unpool(3, 6, 2, positions, d->in[0], d->out[0]);
    kernels->max_unpool_grad(3, 6, 2, positions, d->in[1], d->out[1],
                             FV__ACCUMULATE);
    kernels->max_unpool_grad(3, 6, 2, positions, d->in[1], d->out[2],
                             FV__STORE);
}

static void test_unpool(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, -1, 1);
        const data start = *d;
        double y[12] = { 0 };
        run_tables(d, unpool, NULL);
        for (size_t i = 0; i < 6; i++) {
            const bool in = positions[i] >= 0 && positions[i] < 6;
            const size_t at = in ? (size_t)positions[i] * 2 + i % 2 : 0;
            const double dy = in ? number(dtype, d->in[1], at) : 0;
            if (in) y[at] = number(dtype, d->in[0], i);
            assert_near(number(dtype, d->out[1], i),
                        number(dtype, start.out[1], i) + dy,
                        2 * epsilon_of(dtype));
            assert_true(number(dtype, d->out[2], i) == dy);
        }
        for (size_t i = 0; i < 12; i++)
            assert_true(number(dtype, d->out[0], i) == y[i]);
        assert_untouched(d, 0, 12);
        assert_untouched(d, 1, 6);
        assert_untouched(d, 2, 6);
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
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_unpool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
