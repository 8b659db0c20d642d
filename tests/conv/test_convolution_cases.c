/* Convolutions whose numbers are known: worked examples of num.cr and CS231n
 * and the padding cases that other libraries got wrong. Tables are in channels
 * first order, plane after plane, as they were published. */
#include "conv/convolution.h"

static const int16_t a_x[] = { 1, 2, 0, 0, 5, 3, 0, 4, 0, 0, 0, 7, 9, 3, 0, 0 };
static const int16_t a_weight[] = { 1, 1, 1, 1, 1, 0, 1, 0, 0 };
static const int16_t a_y[] = { 1, 8,  5,  0,  8, 11, 5,  4,
                               8, 17, 10, 11, 9, 12, 10, 7 };
static const int16_t a_dx_ones[] = { 4, 5, 5, 3, 5, 6, 6, 3,
                                     5, 6, 6, 3, 3, 3, 3, 1 };
static const int16_t a_dweight_ones[] = { 11, 22, 16, 23, 34, 19, 20, 31, 17 };
static const int16_t a_dx[] = { 14, 23, 28, 19, 32, 46, 52, 31,
                                52, 70, 76, 43, 37, 40, 43, 16 };
static const int16_t a_dweight[] = {
    103, 252, 186, 230, 323, 161, 142, 194, 91
};
static const int16_t b_x[] = { 2, 2, 0, 2, 1, 0, 1, 1, 0, 2, 1, 2, 1, 2, 1,
                               2, 2, 0, 0, 2, 2, 1, 1, 1, 2, 2, 0, 1, 1, 1,
                               2, 2, 0, 0, 2, 2, 2, 1, 0, 0, 1, 1, 2, 2, 0,
                               2, 1, 1, 1, 0, 0, 1, 2, 2, 0, 1, 1, 1, 1, 0,
                               2, 1, 2, 2, 0, 0, 2, 2, 2, 1, 0, 0, 2, 2, 1 };
static const int16_t b_weight[] = { -1, -1, -1, 1,  0,  1, 0,  -1, 0,  1,  0,
                                    -1, 1,  -1, 1,  0,  1, 0,  0,  0,  1,  -1,
                                    -1, -1, -1, 0,  0,  0, 1,  0,  1,  -1, -1,
                                    1,  1,  -1, -1, 0,  1, -1, -1, 1,  1,  1,
                                    0,  0,  1,  1,  -1, 1, -1, -1, -1, 0 };
static const int16_t b_y[] = { 2,  -2, 0, -3, 2,  -5, -2, -1, 0,
                               -7, 1,  0, 3,  -3, 2,  1,  3,  -2 };
static const int16_t b_dx_ones[] = {
    -1, 2,  -1, 2,  -1, 0,  -2, 0,  -2, 0,  -1, 2,  -1, 2,  -1, 0,  -2, 0, -2,
    0,  -1, 2,  -1, 2,  -1, -2, 2,  -2, 2,  -2, 2,  1,  2,  1,  2,  -2, 2, -2,
    2,  -2, 2,  1,  2,  1,  2,  -2, 2,  -2, 2,  -2, 0,  -4, 0,  -4, 0,  0, 0,
    0,  0,  0,  0,  -4, 0,  -4, 0,  0,  0,  0,  0,  0,  0,  -4, 0,  -4, 0
};
static const int16_t b_dweight_ones[] = {
    3, 7, 3, 10, 11, 10, 3, 7, 3, 5, 7, 5, 5,  10, 5,  5, 7, 5,
    6, 5, 6, 8,  9,  8,  6, 5, 6, 3, 7, 3, 10, 11, 10, 3, 7, 3,
    5, 7, 5, 5,  10, 5,  5, 7, 5, 6, 5, 6, 8,  9,  8,  6, 5, 6
};
static const int16_t b_dx[] = {
    -10, 4,   -11, 6,   -12, 18,  -8,  18,  -10, 18,  -13, 10,  -14, 12,  -15,
    18,  -14, 18,  -16, 18,  -16, 16,  -17, 18,  -18, -11, 2,   -13, 4,   -15,
    11,  11,  13,  12,  15,  -17, 8,   -19, 10,  -21, 17,  14,  19,  15,  21,
    -23, 14,  -25, 16,  -27, 9,   -24, 9,   -28, 9,   3,   4,   3,   4,   3,
    9,   -36, 9,   -40, 9,   3,   4,   3,   4,   3,   9,   -48, 9,   -52, 9
};
static const int16_t b_dweight[] = { 21, 49,  18, 49,  60,  39,  12, 28, 9,
                                     36, 43,  31, 30,  42,  25,  21, 22, 16,
                                     45, 34,  39, 43,  47,  35,  27, 19, 21,
                                     48, 112, 45, 139, 159, 129, 39, 91, 36,
                                     81, 106, 76, 75,  132, 70,  66, 85, 61,
                                     99, 79,  93, 115, 128, 107, 81, 64, 75 };
static const int16_t c_y[] = {
    -11, -32, -7,  -4,  -11, 17,  13,  -53, 13, 17,  1,   -31, -9,  -9,
    -22, 6,   14,  11,  -25, 20,  -39, 19,  -9, -4,  1,   -11, -50, 35,
    21,  46,  -28, -32, 42,  -38, -2,  27,  0,  -29, 8,   -10, 13,  5,
    -25, 11,  5,   1,   -31, -9,  -9,  -22, 18, 35,  13,  -53, 38,  34,
    -1,  -4,  -7,  -4,  -12, -22, 27,  10,  34, -28, -32, 42,  -38, -2,
    43,  -25, -50, 35,  -6,  3,   -24, -31, 17, -9
};
static const int16_t c_dx[] = {
    -3,  -10, -2,  13,  5,   13,  -21, 11,  -20, 18, 15,  6,   17,  -21, 24,
    -1,  15,  -18, 19,  5,   13,  -2,  2,   -8,  -1, 13,  -24, 23,  -14, -8,
    -12, -6,  20,  -24, 6,   -28, 11,  -5,  0,   5,  -13, 20,  -29, 34,  -28,
    13,  -20, 0,   13,  -6,  24,  -25, 23,  -20, 16, 15,  0,   8,   -12, 12,
    13,  -12, 3,   -10, 5,   15,  6,   17,  -21, 24, 10,  5,   2,   6,   16,
    -5,  11,  -22, 15,  -22, -3,  -17, 15,  -2,  -5, -12, -6,  20,  -24, 6,
    -23, 5,   -4,  -6,  6,   -22, 15,  -22, 11,  -5, 16,  -8,  -8,  20,  -22,
    24,  -25, 23,  -20, 16,  21,  -16, 25,  -25, 24, 10,  -2,  13,  0,   5
};
static const int16_t c_dweight[] = {
    -18, 45, -38, 62,  -31, -1,  10,  -9,  51,  -38, -2,  -50, -46, 35,
    19,  44, -39, 5,   -25, 39,  -7,  22,  -20, -38, -10, -47, 25,  44,
    -36, -3, -46, -23, 1,   -38, 28,  -24, 10,  -21, 56,  62,  24,  -9,
    -18, -5, 11,  31,  -28, 5,   -17, -39, 58,  -31, 72,  -31
};
static const int16_t c_dx_ones[] = {
    -5, -2, -2,  -2, 0,  -5, -1, -1, -1, -1,  -5, -1, -1, -1, -1,  -4,  -4, -4,
    -4, -6, 5,   -1, -1, -1, -4, 10, 4,  4,   4,  0,  10, 4,  4,   4,   0,  6,
    4,  4,  4,   4,  -6, 0,  0,  0,  6,  -10, -5, -5, -5, 1,  -10, -5,  -5, -5,
    1,  -5, -2,  -2, -2, 0,  -5, -2, -2, -2,  0,  -5, -1, -1, -1,  -1,  -5, -1,
    -1, -1, -1,  -4, -4, -4, -4, -6, 5,  -1,  -1, -1, -4, 10, 4,   4,   4,  0,
    10, 4,  4,   4,  0,  6,  4,  4,  4,  4,   -6, 0,  0,  0,  6,   -10, -5, -5,
    -5, 1,  -10, -5, -5, -5, 1,  -5, -2, -2,  -2, 0
};
static const int16_t c_dweight_ones[] = {
    12,  -1,  -7, 15, 2,  -3, 16, 4,  -3,  -16, -3, 9,   -15, -8,
    0,   -12, -9, -9, 0,  6,  3,  -1, 4,   3,   -7, 0,   7,   12,
    -1,  -7,  15, 2,  -3, 16, 4,  -3, -16, -3,  9,  -15, -8,  0,
    -12, -9,  -9, 0,  6,  3,  -1, 4,  3,   -7,  0,  7
};
static const int16_t d_y[] = { -23, -8, 18,  -15, -40, 23,  -3,  -15, 17,
                               17,  -6, -18, -14, 36,  -13, -22, 33,  -22 };
static const int16_t d_dx[] = {
    -19, 9,  10,  33,  25,  27, 29, 12,  -22, 12,  13,  39, 19, 33,
    35,  24, -25, 15,  16,  45, 3,  -13, -11, -21, -10, 14, 11, 21,
    12,  -7, -5,  -24, -13, 5,  2,  15,  21,  -1,  1,   -27
};
static const int16_t d_dweight[] = { 8,  17,  -11, -37, -1,  14, 56,  43,
                                     -3, -18, 35,  28,  35,  26, -20, -73,
                                     26, 23,  119, 88,  -57, 0,  98,  73 };

/* ---- between the published order and ours -------------------------------- */

typedef struct shape {
    int64_t n, h, w, c;
} shape;

/* Value number k of a published tensor; which, is up to the caller. */
typedef double value(const void *user, int64_t k);

static double listed(const void *user, int64_t k)
{
    return ((const int16_t *)user)[k];
}

static double counting(const void *user, int64_t k)
{
    (void)user;
    return (double)(k + 1);
}

static double constant(const void *user, int64_t k)
{
    (void)k;
    return *(const double *)user;
}

/* ((a k + b) mod m) - c */
static double modular(const void *user, int64_t k)
{
    const int64_t *f = user;

    return (double)((f[0] * k + f[1]) % f[2] - f[3]);
}

static int64_t published(shape s, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return ((n * s.c + c) * s.h + h) * s.w + w;
}

static int64_t ours(shape s, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return ((n * s.h + h) * s.w + w) * s.c + c;
}

static void put(array a, shape s, value *f, const void *user)
{
    assert_int_equal(a.n, s.n * s.h * s.w * s.c);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t c = 0; c < s.c; c++)
            for (int64_t h = 0; h < s.h; h++)
                for (int64_t w = 0; w < s.w; w++)
                    array_set(a, (size_t)ours(s, n, c, h, w),
                              f(user, published(s, n, c, h, w)));
}

static void expect(const char *what, array a, shape s, const int16_t *values)
{
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t c = 0; c < s.c; c++)
            for (int64_t h = 0; h < s.h; h++)
                for (int64_t w = 0; w < s.w; w++) {
                    double got = array_get(a, (size_t)ours(s, n, c, h, w));
                    double want = values[published(s, n, c, h, w)];

                    if (!(got == want))
                        fail_msg("%s[%d][%d][%d][%d] = %g, expected %g", what,
                                 (int)n, (int)c, (int)h, (int)w, got, want);
                }
}

/* ---- one published case -------------------------------------------------- */

typedef struct known {
    fv__geometry g;
    value *x, *weight, *dy;
    const void *x_user, *weight_user, *dy_user;
    double bias[2];
    const int16_t *y, *dx, *dweight;
    double dbias[2];
    double inner; /* <conv(x, w), dy> = <x, dx> = <w, dw>; 0: not given */
} known;

static double dot(array a, array b)
{
    double sum = 0;

    for (size_t i = 0; i < a.n; i++) sum += array_get(a, i) * array_get(b, i);
    return sum;
}

static void check_known(fv_context *context,
                        const fv__conv_algorithm *algorithm, const known *k)
{
    problem p = problem_new(context, k->g);
    const fv__geometry *g = &p.g;
    shape in = { g->batch, g->in[0], g->in[1], g->channels };
    shape out = { g->batch, g->out[0], g->out[1], g->filters };
    shape weight = { g->filters, g->kernel[0], g->kernel[1],
                     g->channels / g->groups };

    put(p.x, in, k->x, k->x_user);
    put(p.weight, weight, k->weight, k->weight_user);
    put(p.dy, out, k->dy, k->dy_user);
    for (int64_t f = 0; f < g->filters; f++)
        array_set(p.bias, (size_t)f, k->bias[f]);
    run_all(context, algorithm, &p);
    expect("y", p.y, out, k->y);
    expect("dx", p.dx, in, k->dx);
    expect("dweight", p.dweight, weight, k->dweight);
    for (int64_t f = 0; f < g->filters; f++)
        assert_true(array_get(p.dbias, (size_t)f) == k->dbias[f]);
    if (k->inner != 0) {
        assert_true(dot(p.x, p.dx) == k->inner);
        assert_true(dot(p.weight, p.dweight) == k->inner);
    }
    problem_free(&p);
}

/* In every table, element type and algorithm. */
static void check_everywhere(const known *k)
{
    for (int t = 0; t < TABLES; t++)
        for (int d = 0; d < 2; d++) {
            fv_context *context = context_of(tables[t], dtypes[d], 2);

            if (!context) continue;
            for (int a = 0; a < ALGORITHMS; a++)
                check_known(context, algorithms[a], k);
            fv_context_free(context);
        }
}

static const double one = 1;

static void case_a(void **state)
{
    known k = { .g = { .batch = 1,
                       .in = { 4, 4 },
                       .channels = 1,
                       .filters = 1,
                       .kernel = { 3, 3 },
                       .stride = { 1, 1 },
                       .dilation = { 1, 1 },
                       .begin = { 1, 1 },
                       .end = { 1, 1 },
                       .groups = 1 },
                .x = listed,
                .x_user = a_x,
                .weight = listed,
                .weight_user = a_weight,
                .dy = constant,
                .dy_user = &one,
                .y = a_y,
                .dx = a_dx_ones,
                .dweight = a_dweight_ones,
                .dbias = { 16 } };

    (void)state;
    check_everywhere(&k);
    k.dy = counting;
    k.dx = a_dx;
    k.dweight = a_dweight;
    k.dbias[0] = 136;
    check_everywhere(&k);
}

static void case_b(void **state)
{
    known k = { .g = { .batch = 1,
                       .in = { 5, 5 },
                       .channels = 3,
                       .filters = 2,
                       .kernel = { 3, 3 },
                       .stride = { 2, 2 },
                       .dilation = { 1, 1 },
                       .begin = { 1, 1 },
                       .end = { 1, 1 },
                       .groups = 1 },
                .x = listed,
                .x_user = b_x,
                .weight = listed,
                .weight_user = b_weight,
                .dy = constant,
                .dy_user = &one,
                .bias = { 1, 0 },
                .y = b_y,
                .dx = b_dx_ones,
                .dweight = b_dweight_ones,
                .dbias = { 9, 9 } };

    (void)state;
    check_everywhere(&k);
    k.dy = counting;
    k.dx = b_dx;
    k.dweight = b_dweight;
    k.dbias[0] = 45;
    k.dbias[1] = 126;
    check_everywhere(&k);
}

static const int64_t x_rule[] = { 7, 3, 11, 5 };
static const int64_t weight_rule[] = { 5, 1, 7, 3 };
static const int64_t dy_rule[] = { 3, 2, 7, 3 };

static void case_c(void **state)
{
    known k = { .g = { .batch = 2,
                       .in = { 4, 5 },
                       .channels = 3,
                       .filters = 2,
                       .kernel = { 3, 3 },
                       .stride = { 1, 1 },
                       .dilation = { 1, 1 },
                       .begin = { 1, 1 },
                       .end = { 1, 1 },
                       .groups = 1 },
                .x = modular,
                .x_user = x_rule,
                .weight = modular,
                .weight_user = weight_rule,
                .dy = modular,
                .dy_user = dy_rule,
                .bias = { 1, -2 },
                .y = c_y,
                .dx = c_dx,
                .dweight = c_dweight,
                .dbias = { 0, -1 },
                .inner = 778 };

    (void)state;
    check_everywhere(&k);
    k.dy = constant;
    k.dy_user = &one;
    k.dx = c_dx_ones;
    k.dweight = c_dweight_ones;
    k.dbias[0] = k.dbias[1] = 40;
    k.inner = 0;
    check_everywhere(&k);
}

static void case_d(void **state)
{
    known k = { .g = { .batch = 1,
                       .in = { 5, 4 },
                       .channels = 2,
                       .filters = 2,
                       .kernel = { 3, 2 },
                       .stride = { 2, 1 },
                       .dilation = { 1, 1 },
                       .begin = { 1, 0 },
                       .end = { 1, 0 },
                       .groups = 1 },
                .x = modular,
                .x_user = x_rule,
                .weight = modular,
                .weight_user = weight_rule,
                .dy = counting,
                .bias = { 1, -2 },
                .y = d_y,
                .dx = d_dx,
                .dweight = d_dweight,
                .dbias = { 45, 126 },
                .inner = -60 };

    (void)state;
    check_everywhere(&k);
}

/* ---- ones on ones: each output counts the taps inside ---------------------
 */

static void check_ones(const int64_t begin[2], const int64_t end[2],
                       const int16_t *counts)
{
    for (int d = 0; d < 2; d++)
        for (int a = 0; a < ALGORITHMS; a++) {
            fv_context *context = context_of(NULL, dtypes[d], 1);
            problem p = problem_new(
                context, (fv__geometry){ .batch = 1,
                                         .in = { 4, 4 },
                                         .channels = 1,
                                         .filters = 1,
                                         .kernel = { 3, 3 },
                                         .stride = { 1, 1 },
                                         .dilation = { 1, 1 },
                                         .begin = { begin[0], begin[1] },
                                         .end = { end[0], end[1] },
                                         .groups = 1 });
            shape out = { 1, p.g.out[0], p.g.out[1], 1 };

            for (size_t i = 0; i < p.x.n; i++) array_set(p.x, i, 1);
            for (size_t i = 0; i < p.weight.n; i++) array_set(p.weight, i, 1);
            run_one(context, algorithms[a], &p, FV__FORWARD);
            expect("y", p.y, out, counts);
            problem_free(&p);
            fv_context_free(context);
        }
}

static void padded_sides(void **state)
{
    static const int64_t none[] = { 0, 0 }, both[] = { 1, 1 };
    static const int64_t rows[] = { 1, 0 }, columns[] = { 0, 1 };

    (void)state;
    check_ones(
        both, both,
        (const int16_t[]){ 4, 6, 6, 4, 6, 9, 9, 6, 6, 9, 9, 6, 4, 6, 6, 4 });
    check_ones(rows, none, (const int16_t[]){ 6, 6, 9, 9, 9, 9 });
    check_ones(none, rows, (const int16_t[]){ 9, 9, 9, 9, 6, 6 });
    check_ones(columns, none, (const int16_t[]){ 6, 9, 9, 6, 9, 9 });
    check_ones(none, columns, (const int16_t[]){ 9, 9, 6, 9, 9, 6 });
    check_ones(none, none, (const int16_t[]){ 9, 9, 9, 9 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_a),       cmocka_unit_test(case_b),
        cmocka_unit_test(case_c),       cmocka_unit_test(case_d),
        cmocka_unit_test(padded_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
