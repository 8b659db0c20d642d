/* Softmax of rows, its logarithm, and their gradients. */
#include "kernel/tables.h"

struct shape {
    size_t m, n;
};

static const struct shape shapes[] = { { 0, 3 },   { 3, 1 },   { 7, 10 },
                                       { 5, 16 },  { 4, 17 },  { 2, 255 },
                                       { 2, 257 }, { 1, 4097 } };
#define SHAPES (sizeof shapes / sizeof *shapes)

static void apply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->softmax(s->m, s->n, d->in[0], d->out[0]);
}

/* in[1] is y, in[2] is dy */
static void slope(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->softmax_grad(s->m, s->n, d->in[1], d->in[2], d->out[1]);
}

static void apply_log(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->log_softmax(s->m, s->n, d->in[0], d->out[0]);
}

/* in[1] is y, in[2] is dy */
static void slope_log(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->log_softmax_grad(s->m, s->n, d->in[1], d->in[2], d->out[1]);
}

static void check_row(const data *d, size_t row, size_t n)
{
    long double sum = 0, most = -(long double)INFINITE;
    for (size_t j = 0; j < n; j++) {
        const double x = number(d->dtype, d->in[0], row * n + j);
        if ((long double)x > most) most = (long double)x;
    }
    for (size_t j = 0; j < n; j++)
        sum +=
            expl((long double)number(d->dtype, d->in[0], row * n + j) - most);
    for (size_t j = 0; j < n; j++) {
        const double x = number(d->dtype, d->in[0], row * n + j);
        const double want = (double)(expl((long double)x - most) / sum);
        const double got = number(d->dtype, d->out[0], row * n + j);
        /* x - most is rounded, which exp turns into a relative error */
        const double units = 4 + fabs(x - (double)most) / 2;
        assert_true(fabs(got - want) <= units * epsilon_of(d->dtype) * want);
    }
}

static void check_slope(const data *d, const data *start, size_t row, size_t n)
{
    long double mean = 0, size = 0;
    for (size_t j = row * n; j < (row + 1) * n; j++) {
        const long double term = (long double)number(d->dtype, d->in[1], j)
                                 * (long double)number(d->dtype, d->in[2], j);
        mean += term;
        size += fabsl(term);
    }
    for (size_t j = row * n; j < (row + 1) * n; j++) {
        const double y = number(d->dtype, d->in[1], j);
        const double change =
            y * (number(d->dtype, d->in[2], j) - (double)mean);
        const double want = number(d->dtype, start->out[1], j) + change;
        const double bound = 2 * epsilon_of(d->dtype)
                             * (1 + fabs(change) + (double)size * fabs(y));
        assert_true(fabs(number(d->dtype, d->out[1], j) - want) <= bound);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < SHAPES; i++) {
            const struct shape *s = &shapes[i];
            data *d = make_data(dtype, 0, -9, 9);
            put_random(dtype, d->in[1], ROOM, 3, 0, 1);
            const data start = *d;
            run_tables(d, apply, s);
            run_tables(d, slope, s);
            assert_untouched(d, 0, s->m * s->n);
            assert_untouched(d, 1, s->m * s->n);
            for (size_t row = 0; row < s->m; row++) {
                check_row(d, row, s->n);
                check_slope(d, &start, row, s->n);
            }
            free(d);
        }
    }
}

static void check_log_row(const data *d, size_t row, size_t n)
{
    long double sum = 0;
    for (size_t j = row * n; j < (row + 1) * n; j++)
        sum += expl((long double)number(d->dtype, d->in[0], j));
    for (size_t j = row * n; j < (row + 1) * n; j++) {
        const double x = number(d->dtype, d->in[0], j);
        const double want = (double)((long double)x - logl(sum));
        assert_near(number(d->dtype, d->out[0], j), want,
                    2 * epsilon_of(d->dtype) * (1 + fabs(want)));
    }
}

static void check_log_slope(const data *d, const data *start, size_t row,
                            size_t n)
{
    long double sum = 0, size = 0;
    for (size_t j = row * n; j < (row + 1) * n; j++) {
        const long double dy = (long double)number(d->dtype, d->in[2], j);
        sum += dy;
        size += fabsl(dy);
    }
    for (size_t j = row * n; j < (row + 1) * n; j++) {
        const double y = exp(number(d->dtype, d->in[1], j));
        const double change = number(d->dtype, d->in[2], j) - y * (double)sum;
        const double want = number(d->dtype, start->out[1], j) + change;
        assert_near(number(d->dtype, d->out[1], j), want,
                    4 * epsilon_of(d->dtype)
                        * (2 + fabs(change) + (double)size * y));
    }
}

static void test_logarithm(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t i = 0; i < SHAPES; i++) {
            const struct shape *s = &shapes[i];
            data *d = make_data(dtype, 0, -9, 9);
            put_random(dtype, d->in[1], ROOM, 3, -5, 0);
            const data start = *d;
            run_tables(d, apply_log, s);
            run_tables(d, slope_log, s);
            assert_untouched(d, 0, s->m * s->n);
            assert_untouched(d, 1, s->m * s->n);
            for (size_t row = 0; row < s->m; row++) {
                check_log_row(d, row, s->n);
                check_log_slope(d, &start, row, s->n);
            }
            free(d);
        }
}

/* Finite for finite logits as far as 1e38; -inf is an impossible class; NaN
 * and a row of nothing but -inf give NaN. */
static void test_extremes(void **state)
{
    (void)state;
    const struct shape s = { 5, 3 };
    static const double x[15] = {
        1e38, -1e38,     1e38, -1e38, -1e38,     -1e38,     0,        -INFINITE,
        0,    NO_NUMBER, 0,    0,     -INFINITE, -INFINITE, -INFINITE
    };
    static const double y[15] = { 0.5,       0,         0.5,       1 / 3.0,
                                  1 / 3.0,   1 / 3.0,   0.5,       0,
                                  0.5,       NO_NUMBER, NO_NUMBER, NO_NUMBER,
                                  NO_NUMBER, NO_NUMBER, NO_NUMBER };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, 0, 1);
        for (size_t i = 0; i < 15; i++) put(dtype, d->in[0], i, x[i]);
        run_tables(d, apply, &s);
        for (size_t i = 0; i < 15; i++)
            assert_ulps(dtype, number(dtype, d->out[0], i), (long double)y[i],
                        1);
        free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_logarithm),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
