/* Sums down columns are one ascending chain; affine maps are fused. */
#include "kernel/tables.h"

struct shape {
    size_t m, c;
};

static const struct shape shapes[] = { { 0, 5 },    { 1, 1 },   { 3, 10 },
                                       { 4, 16 },   { 13, 17 }, { 9, 257 },
                                       { 2000, 3 }, { 255, 33 } };
#define SHAPES (sizeof shapes / sizeof *shapes)

/* a b + c rounded once to dtype */
static double fused(fv_dtype dtype, double a, double b, double c)
{
    if (dtype == FV_F64) return fma(a, b, c);
    return (double)fmaf((float)a, (float)b, (float)c);
}

static double rounded(fv_dtype dtype, double x)
{
    return dtype == FV_F64 ? x : (double)(float)x;
}

/* in: x, y, mean (a row); out: the three sums, whose first c count */
static void sums(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->column_sum(s->m, s->c, d->in[0], d->out[0]);
    kernels->column_square(s->m, s->c, d->in[0], d->in[2], d->out[1]);
    kernels->column_dot(s->m, s->c, d->in[0], d->in[1], d->out[2]);
}

static void check_sums(const data *d, const data *start, const struct shape *s)
{
    const fv_dtype t = d->dtype;
    for (size_t j = 0; j < s->c; j++) {
        double plain = number(t, start->out[0], j);
        double square = number(t, start->out[1], j);
        double product = number(t, start->out[2], j);
        const double mean = number(t, d->in[2], j);
        for (size_t i = 0; i < s->m; i++) {
            const double x = number(t, d->in[0], i * s->c + j);
            const double y = number(t, d->in[1], i * s->c + j);
            const double off = rounded(t, x - mean);
            plain = rounded(t, plain + x);
            square = fused(t, off, off, square);
            product = fused(t, x, y, product);
        }
        assert_true(number(t, d->out[0], j) == plain);
        assert_true(number(t, d->out[1], j) == square);
        assert_true(number(t, d->out[2], j) == product);
    }
}

static void test_sums(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < SHAPES; i++) {
            data *d = make_data(dtype, 0, -1, 1);
            const data start = *d;
            run_tables(d, sums, &shapes[i]);
            for (size_t k = 0; k < 3; k++) assert_untouched(d, k, shapes[i].c);
            check_sums(d, &start, &shapes[i]);
            free(d);
        }
    }
}

/* in: x, dy, a, b, e */
static void affine(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    kernels->column_affine(s->m, s->c, d->in[0], d->in[2], d->in[3], d->out[0]);
    kernels->column_affine_grad(s->m, s->c, d->in[1], d->in[0], d->in[2],
                                d->in[3], d->in[4], d->out[1]);
}

static void check_affine(const data *d, const data *start,
                         const struct shape *s)
{
    const fv_dtype t = d->dtype;
    for (size_t i = 0; i < s->m * s->c; i++) {
        const size_t j = i % s->c;
        const double x = number(t, d->in[0], i), dy = number(t, d->in[1], i);
        const double a = number(t, d->in[2], j), b = number(t, d->in[3], j);
        const double e = number(t, d->in[4], j);
        assert_true(number(t, d->out[0], i) == fused(t, a, x, b));
        assert_near(number(t, d->out[1], i),
                    number(t, start->out[1], i) + a * dy + b * x + e,
                    4 * epsilon_of(t));
    }
}

static void test_affine(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < SHAPES; i++) {
            data *d = make_data(dtype, 0, -1, 1);
            const data start = *d;
            run_tables(d, affine, &shapes[i]);
            assert_untouched(d, 0, shapes[i].m * shapes[i].c);
            assert_untouched(d, 1, shapes[i].m * shapes[i].c);
            check_affine(d, &start, &shapes[i]);
            free(d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_affine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
