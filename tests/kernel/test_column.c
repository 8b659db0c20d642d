/* Sums down columns, by chains and by blocks, and batch normalisation. */
#include "kernel/tables.h"

struct shape {
    size_t m, c;
};

static const struct shape shapes[] = { { 1, 1 },    { 3, 10 },  { 4, 16 },
                                       { 13, 17 },  { 9, 257 }, { 2000, 3 },
                                       { 255, 33 }, { 21, 64 }, { 7, 1104 } };
#define SHAPES (sizeof shapes / sizeof *shapes)

/* Columns of the normalisation in in[2..4]; odd widths are clamped. */
static fv__normal normal_of(data *d, const struct shape *s)
{
    const double limit = s->c % 2 ? 0.25 : INFINITE;
    return (fv__normal){ d->in[2], d->in[3], d->in[4], -limit, limit, false };
}

/* Whether the clamp lets element i, of column j, through. */
static bool passes(const data *d, const struct shape *s, size_t i, size_t j)
{
    const fv_dtype t = d->dtype;
    const double a = number(t, d->in[3], j), b = number(t, d->in[4], j);
    const double off = t == FV_F64
                           ? number(t, d->in[0], i) - number(t, d->in[2], j)
                           : (double)((float)number(t, d->in[0], i)
                                      - (float)number(t, d->in[2], j));
    const double y = t == FV_F64 ? fma(a, off, b)
                                 : (double)fmaf((float)a, (float)off, (float)b);
    return s->c % 2 == 0 || fabs(y) < 0.25;
}

typedef void check(const data *d, const data *start, const struct shape *s);

/* Runs the kernels on each shape, through all tables; of the outputs, the
 * first row may change, or the `whole`. */
static void check_shapes(call *run, check *right, bool whole)
{
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < SHAPES; i++) {
            const struct shape *s = &shapes[i];
            data *d = make_data(dtype, 0, -1, 1);
            const data start = *d;
            run_tables(d, run, s);
            for (size_t k = 0; k < 3; k++)
                assert_untouched(d, k, whole ? s->m * s->c : s->c);
            right(d, &start, s);
            free(d);
        }
    }
}

static double rounded(fv_dtype dtype, double x)
{
    return dtype == FV_F64 ? x : (double)(float)x;
}

/* ---- sums ---------------------------------------------------------------- */

static void sums(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    const fv__normal normal = normal_of(d, s);
    kernels->column_sum(s->m, s->c, d->in[1], d->out[0]);
    kernels->column_slopes(s->m, s->c, &normal, d->in[1], d->in[0], d->out[1],
                           d->out[2]);
}

static void check_sums(const data *d, const data *start, const struct shape *s)
{
    const fv_dtype t = d->dtype;
    const double bound = 64 * epsilon_of(t) * (1 + sqrt((double)s->m));
    for (size_t j = 0; j < s->c; j++) {
        const double mean = number(t, d->in[2], j);
        double chain = 0, sum = 0, dot = 0;
        for (size_t i = 0; i < s->m; i++) {
            const size_t at = i * s->c + j;
            const double dy = number(t, d->in[1], at);
            chain = rounded(t, chain + dy);
            if (!passes(d, s, at, j)) continue;
            sum += dy;
            dot += dy * (number(t, d->in[0], at) - mean);
        }
        chain = rounded(t, number(t, start->out[0], j) + chain);
        assert_true(number(t, d->out[0], j) == chain);
        assert_near(number(t, d->out[1], j), sum, bound);
        assert_near(number(t, d->out[2], j), dot, bound);
    }
}

static void test_sums(void **state)
{
    (void)state;
    check_shapes(sums, check_sums, false);
}

/* ---- moments ------------------------------------------------------------- */

enum { EACH = 50 }; /* rows of a block */

/* The numbers of x, far from zero against their spread. */
static void moments(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    const size_t size = d->dtype == FV_F64 ? 8 : 4;
    static cell blocks[2][ROOM];
    for (size_t i = 0; i < s->m * s->c; i++)
        put(d->dtype, d->in[3], i, 100 + number(d->dtype, d->in[0], i));
    for (size_t i = 0; i < s->m; i += EACH) {
        const size_t rows = s->m - i < EACH ? s->m - i : EACH;
        kernels->column_moments(rows, s->c,
                                (const char *)d->in[3] + i * s->c * size,
                                (char *)blocks[0] + i / EACH * s->c * size,
                                (char *)blocks[1] + i / EACH * s->c * size);
    }
    kernels->column_merge(s->m, EACH, s->c, blocks[0], blocks[1], d->out[0],
                          d->out[1]);
    kernels->column_total((s->m + EACH - 1) / EACH, s->c, blocks[0], d->out[2]);
}

static void check_moments(const data *d, const data *start,
                          const struct shape *s)
{
    const fv_dtype t = d->dtype;
    const double bound = 400 * epsilon_of(t);
    (void)start;
    for (size_t j = 0; j < s->c; j++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < s->m; i++)
            sum += number(t, d->in[3], i * s->c + j);
        const double mean = sum / (double)s->m;
        for (size_t i = 0; i < s->m; i++) {
            const double off = number(t, d->in[3], i * s->c + j) - mean;
            square += off * off;
        }
        assert_near(number(t, d->out[0], j), mean, bound);
        assert_near(number(t, d->out[1], j), square, bound * (1 + square));
        assert_near(number(t, d->out[2], j), sum, bound * (double)s->m);
    }
}

static void test_moments(void **state)
{
    (void)state;
    check_shapes(moments, check_moments, false);
}

/* ---- normalisation ------------------------------------------------------- */

/* The gradient is added to out[1], and takes the place of dy in out[2]; slope
 * and offset lie behind each other. */
static void normalise(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct shape *s = argument;
    const size_t size = d->dtype == FV_F64 ? 8 : 4;
    const fv__normal normal = normal_of(d, s);
    const char *slope = (const char *)d->in[4] + s->c * size;
    const void *offset = slope + s->c * size;
    /* A buffer whose lines are whole, clamped, and in place. */
    static _Alignas(64) cell lines[ROOM];
    fv__normal past = normal;
    past.nontemporal = true;
    past.low = -0.25, past.high = 0.25;
    memcpy(lines, d->in[0], sizeof lines);
    kernels->column_normalise(s->m, s->c, &past, lines, lines);
    memcpy(d->out[3], lines, sizeof lines);
    kernels->column_normalise(s->m, s->c, &normal, d->in[0], d->out[0]);
    kernels->column_normalise_grad(s->m, s->c, &normal, slope, offset, d->in[1],
                                   d->in[0], d->out[1], FV__ACCUMULATE);
    memcpy(d->out[2], d->in[1], s->m * s->c * size);
    kernels->column_normalise_grad(s->m, s->c, &normal, s->m % 2 ? slope : NULL,
                                   offset, d->out[2], d->in[0], d->out[2],
                                   FV__STORE);
}

static void check_normalise(const data *d, const data *start,
                            const struct shape *s)
{
    const fv_dtype t = d->dtype;
    const double bound = 8 * epsilon_of(t);
    for (size_t i = 0; i < s->m * s->c; i++) {
        const size_t j = i % s->c;
        const double a = number(t, d->in[3], j), b = number(t, d->in[4], j);
        const double slope = number(t, d->in[4], s->c + j);
        const double offset = number(t, d->in[4], 2 * s->c + j);
        const double off = number(t, d->in[0], i) - number(t, d->in[2], j);
        const double dy = passes(d, s, i, j) ? number(t, d->in[1], i) : 0;
        const double y = a * off + b, dx = a * dy + slope * off + offset;
        assert_near(number(t, d->out[0], i),
                    s->c % 2 ? fmax(fmin(y, 0.25), -0.25) : y, bound);
        assert_near(number(t, d->out[3], i), fmax(fmin(y, 0.25), -0.25), bound);
        assert_near(number(t, d->out[1], i), number(t, start->out[1], i) + dx,
                    bound);
        assert_near(number(t, d->out[2], i), s->m % 2 ? dx : a * dy, bound);
    }
}

static void test_normalise(void **state)
{
    (void)state;
    check_shapes(normalise, check_normalise, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_normalise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
