/* Cross entropy from labels, from rows of weights, and of the sigmoid; terms of
 * other losses and a step of connectionist temporal classification. */
#include "kernel/tables.h"

struct example {
    size_t m, n;
    const int64_t *labels; /* NULL: weights in in[1] */
    double scale;
};

static void loss(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->cross_entropy(e->m, e->n, d->in[0], e->labels, d->in[1],
                           d->out[0]);
    kernels->cross_entropy_grad(e->m, e->n, d->in[0], e->labels, d->in[1],
                                e->scale, d->out[1]);
}

static long double weight(const data *d, const struct example *e, size_t row,
                          size_t j)
{
    if (e->labels) return (size_t)e->labels[row] == j;
    return (long double)number(d->dtype, d->in[1], row * e->n + j);
}

static void check_row(const data *d, const data *start, const struct example *e,
                      size_t row)
{
    const double tight = epsilon_of(d->dtype);
    long double sum = 0, total = 0, inner = 0, size = 1;
    for (size_t j = 0; j < e->n; j++) {
        const long double x =
            (long double)number(d->dtype, d->in[0], row * e->n + j);
        const long double t = weight(d, e, row, j);
        sum += expl(x);
        total += t;
        inner += t * x;
        size += fabsl(t * x);
    }
    const long double want = logl(sum) * total - inner;
    const double got = number(d->dtype, d->out[0], row);
    if (!(fabs(got - (double)want) <= 8 * tight * (double)(size + total)))
        fail_msg("loss %g, expected %Lg", got, want);
    for (size_t j = 0; j < e->n; j++) {
        const size_t at = row * e->n + j;
        const long double x = (long double)number(d->dtype, d->in[0], at);
        const double change =
            e->scale * (double)(expl(x) / sum * total - weight(d, e, row, j));
        assert_true(fabs(number(d->dtype, d->out[1], at)
                         - number(d->dtype, start->out[1], at) - change)
                    <= 8 * tight * (1 + (double)total));
    }
}

static void test_rows(void **state)
{
    (void)state;
    static const struct example shapes[] = {
        { 0, 3, NULL, 1 },    { 9, 1, NULL, 1 },    { 7, 10, NULL, 0.25 },
        { 5, 16, NULL, 0.5 }, { 4, 17, NULL, 2 },   { 2, 256, NULL, 1 },
        { 2, 257, NULL, 1 },  { 1, 4097, NULL, 1 }, { 3, 1000, NULL, 1 }
    };
    int64_t labels[9];
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 18; i++) {
            struct example e = shapes[i / 2];
            for (size_t j = 0; j < e.m; j++) labels[j] = (int64_t)(j * 5 % e.n);
            e.labels = i % 2 ? labels : NULL;
            data *d = make_data(dtype, 0, -4, 4);
            put_random(dtype, d->in[1], ROOM, i, 0, 1);
            const data start = *d;
            run_tables(d, loss, &e);
            assert_untouched(d, 0, e.m);
            assert_untouched(d, 1, e.m * e.n);
            for (size_t row = 0; row < e.m; row++)
                check_row(d, &start, &e, row);
            free(d);
        }
    }
}

/* Logits as far as 1e38 keep loss and gradient finite. */
static void test_extremes(void **state)
{
    (void)state;
    static const int64_t labels[4] = { 0, 1, 2, 1 };
    static const double x[12] = { 1e38,  -1e38, 0, 1e38,  1e38, 0,
                                  -1e38, 1e38,  0, -1e38, 0,    -1e38 };
    static const double want[4] = { 0, 0.69314718055994531, 1e38, 0 };
    const struct example e = { 4, 3, labels, 1 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, 0, 1);
        for (size_t i = 0; i < 12; i++) put(dtype, d->in[0], i, x[i]);
        run_tables(d, loss, &e);
        for (size_t i = 0; i < 4; i++)
            assert_near(number(dtype, d->out[0], i), want[i],
                        2 * epsilon_of(dtype));
        for (size_t i = 0; i < 12; i++)
            assert_true(isfinite(number(dtype, d->out[1], i)));
        free(d);
    }
}

/* A sure answer: the loss keeps its digits far below 1 - exp(-loss). */
static void test_small_loss(void **state)
{
    (void)state;
    static const int64_t label = 1;
    const struct example e = { 1, 2, &label, 1 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, 0, 1);
        put(dtype, d->in[0], 0, -12);
        put(dtype, d->in[0], 1, 12);
        run_tables(d, loss, &e);
        assert_true(fabs(number(dtype, d->out[0], 0) / log1p(exp(-24)) - 1)
                    <= 1e-5);
        free(d);
    }
}

/* A label that is no class, and NaN: NaN loss; the label has no gradient. */
static void test_wrong_labels(void **state)
{
    (void)state;
    static const int64_t labels[3] = { 3, -1, 0 };
    const struct example e = { 3, 3, labels, 1 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 0, 0, 1);
        put(dtype, d->in[0], 7, NO_NUMBER);
        run_tables(d, loss, &e);
        for (size_t i = 0; i < 3; i++)
            assert_true(isnan(number(dtype, d->out[0], i)));
        for (size_t i = 0; i < 9; i++)
            assert_int_equal(isnan(number(dtype, d->out[1], i)) != 0, i >= 6);
        free(d);
    }
}

static void sigmoid(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    kernels->loss(FV__SIGMOID_CROSS_ENTROPY, d->n, d->in[0], d->in[1], NULL, 0,
                  0, d->out[0]);
    kernels->loss_slope(FV__SIGMOID_CROSS_ENTROPY, 0, d->n, d->in[0], d->in[1],
                        NULL, 0, 0, d->out[2]);
    kernels->axpy(d->n, 0.5, d->out[2], d->out[1]);
}

static void check_sigmoid(const data *d, const data *start, size_t i)
{
    const long double x = (long double)number(d->dtype, d->in[0], i);
    const long double t = (long double)number(d->dtype, d->in[1], i);
    const long double want = fmaxl(x, 0) - x * t + log1pl(expl(-fabsl(x)));
    const double change = (double)(0.5L * (1 / (1 + expl(-x)) - t));
    assert_near(number(d->dtype, d->out[0], i), (double)want,
                4 * epsilon_of(d->dtype) * (1 + fabs((double)(x * t))));
    assert_near(number(d->dtype, d->out[1], i),
                number(d->dtype, start->out[1], i) + change,
                4 * epsilon_of(d->dtype));
}

static void test_sigmoid(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS; i++) {
            data *d = make_data(dtype, lengths[i], -20, 20);
            put_random(dtype, d->in[1], ROOM, i, 0, 1);
            put(dtype, d->in[0], 1, 1e30);
            put(dtype, d->in[1], 1, 1);
            const data start = *d;
            run_tables(d, sigmoid, NULL);
            assert_untouched(d, 0, d->n);
            assert_untouched(d, 1, d->n);
            for (size_t j = 0; j < d->n; j++) check_sigmoid(d, &start, j);
            free(d);
        }
    }
}

/* With target 0 and x <= 0 the loss is log(1 + exp(x)), to 2 ulp of it. */
static void test_log1p(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, ROOM, -80, 0);
        for (size_t i = 0; i < ROOM; i++) put(dtype, d->in[1], i, 0);
        for (size_t i = 0; i < ROOM / 2; i++)
            put(dtype, d->in[0], i, -(double)i / (ROOM / 4));
        run_tables(d, sigmoid, NULL);
        for (size_t i = 0; i < ROOM; i++)
            assert_ulps(dtype, number(dtype, d->out[0], i),
                        log1pl(expl((long double)number(dtype, d->in[0], i))),
                        2.5);
        free(d);
    }
}

/* ---- other terms ---------------------------------------------------------
 */

struct term {
    fv__loss f;
    double p, q;
};

static long double softplus(long double x) { return log1pl(expl(x)); }

static long double term_of(const struct term *e, long double x, long double t,
                           long double w)
{
    const long double d = fabsl(x - t);
    const long double p = (long double)e->p, q = (long double)e->q;
    const long double s = 1 / (1 + expl(-x)), u = s * (1 - t) + (1 - s) * t;
    switch (e->f) {
    case FV__L1:
        return d;
    case FV__HUBER:
        return d < p ? d * d / 2 : p * (d - p / 2);
    case FV__SMOOTH_L1:
        return d < p ? d * d / 2 / p : d - p / 2;
    case FV__BINARY_CROSS_ENTROPY:
        return -t * logl(x) - (1 - t) * log1pl(-x);
    case FV__KL:
        return t * (logl(t) - x);
    case FV__KL_LOG:
        return expl(t) * (t - x);
    case FV__SIGMOID_CROSS_ENTROPY:
        return t * softplus(-x) + (1 - t) * softplus(x);
    case FV__LOGIT:
        return w * t * softplus(-x) + (1 - t) * softplus(x);
    case FV__SIGMOID_FOCAL:
        return powl(u, q) * (t * softplus(-x) + (1 - t) * softplus(x))
               * (p < 0 ? 1 : p * t + (1 - p) * (1 - t));
    case FV__FOCAL:
        return powl(-expm1l(-x), q) * x;
    }
    return 0;
}

static void terms(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct term *e = argument;
    kernels->loss(e->f, d->n, d->in[0], d->in[1], d->in[2], e->p, e->q,
                  d->out[0]);
    for (int operand = 0; operand < 2; operand++)
        kernels->loss_slope(e->f, operand, d->n, d->in[0], d->in[1], d->in[2],
                            e->p, e->q, d->out[1 + operand]);
}

static void check_term(const data *d, const struct term *e, size_t i)
{
    const long double x = (long double)number(d->dtype, d->in[0], i);
    const long double t = (long double)number(d->dtype, d->in[1], i);
    const long double w = (long double)number(d->dtype, d->in[2], i), h = 1e-6L;
    const double tight = 60 * epsilon_of(d->dtype);
    assert_near(number(d->dtype, d->out[0], i), (double)term_of(e, x, t, w),
                tight);
    const long double distance = fabsl(x - t);
    if (distance < 2 * h || fabsl(distance - (long double)e->p) < 2 * h) return;
    const long double dx =
        (term_of(e, x + h, t, w) - term_of(e, x - h, t, w)) / (2 * h);
    const long double dt =
        (term_of(e, x, t + h, w) - term_of(e, x, t - h, w)) / (2 * h);
    assert_near(number(d->dtype, d->out[1], i), (double)dx, tight + 1e-9);
    if (e->f < FV__SIGMOID_FOCAL)
        assert_near(number(d->dtype, d->out[2], i), (double)dt, tight + 1e-9);
}

static void test_terms(void **state)
{
    static const struct term kinds[] = {
        { FV__L1, 0, 0 },
        { FV__HUBER, 0.3, 0 },
        { FV__SMOOTH_L1, 0.3, 0 },
        { FV__BINARY_CROSS_ENTROPY, 0, 0 },
        { FV__KL, 0, 0 },
        { FV__KL_LOG, 0, 0 },
        { FV__SIGMOID_CROSS_ENTROPY, 0, 0 },
        { FV__LOGIT, 0, 0 },
        { FV__SIGMOID_FOCAL, 0.25, 2 },
        { FV__SIGMOID_FOCAL, -1, 1.5 },
        { FV__FOCAL, 0, 0 },
        { FV__FOCAL, 0, 1 },
        { FV__FOCAL, 0, 2.5 },
    };
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            data *d = make_data(dtype, 257, 0.1, 0.9);
            run_tables(d, terms, &kinds[k]);
            for (size_t i = 0; i < 3; i++) assert_untouched(d, i, d->n);
            for (size_t i = 0; i < d->n; i++) check_term(d, &kinds[k], i);
            free(d);
        }
}

static void ctc_step(const fv__kernels *kernels, data *d, const void *argument)
{
    (void)argument;
    kernels->ctc_step(d->n, d->in[0], d->in[1], d->in[2], d->out[0]);
}

/* Some paths are impossible: their logarithm is -inf. */
static void test_ctc_step(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *d = make_data(dtype, 257, -9, -1);
        for (size_t i = 0; i < 240; i += 3) put(dtype, d->in[1], i, -INFINITE);
        for (size_t i = 0; i < 120; i += i % 2 ? 1 : 5)
            put(dtype, d->in[0], i, -INFINITE);
        put(dtype, d->in[0], 1, -INFINITE);
        run_tables(d, ctc_step, NULL);
        assert_untouched(d, 0, d->n);
        for (size_t i = 0; i < d->n; i++) {
            long double sum = 0;
            for (size_t k = 0; k < 3; k++)
                sum +=
                    expl((long double)number(dtype, d->in[0], i + k)
                         + (k ? 0 : (long double)number(dtype, d->in[1], i)));
            const long double want =
                logl(sum) + (long double)number(dtype, d->in[2], i);
            const double got = number(dtype, d->out[0], i);
            if (sum == 0)
                assert_true(got == -INFINITE);
            else
                assert_near(got, (double)want, 4 * epsilon_of(dtype));
        }
        free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_small_loss), cmocka_unit_test(test_wrong_labels),
        cmocka_unit_test(test_sigmoid),    cmocka_unit_test(test_log1p),
        cmocka_unit_test(test_terms),      cmocka_unit_test(test_ctc_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
