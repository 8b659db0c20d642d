/* Every algorithm against another definition, and against each other to the
 * last bit: any geometry, table, number of threads and batch. */
#include "naive.h"

/* ---- any geometry ------------------------------------------------------- */

static fv__geometry draw_geometry(uint64_t *state)
{
    const limits most = { .in = 9, .kernel = 5, .dilation = 3, .padding = 3 };

    for (;;) {
        fv__geometry g = { .batch = draw_in(state, 1, 3) };

        g.groups = draw(state) % 3 ? 1 : draw_in(state, 1, 3);
        g.channels = g.groups * draw_in(state, 1, 5);
        g.filters = g.groups * draw_in(state, 1, 7);
        if (draw_axis(state, &g, 0, most) && draw_axis(state, &g, 1, most))
            return g;
    }
}

static void exact_on_integers(void **state)
{
    (void)state;
    check_exact(draw_geometry, 150);
}

static void check_definition(const problem *p)
{
    naive r = naive_of(p);

    check_naive(p, &r, false);
    naive_free(&r);
}

static void check_bits(const fv__geometry *g, fv_dtype dtype, uint64_t seed)
{
    fv_context *first = context_of("ref", dtype, 1);
    problem p = problem_new(first, *g);

    p.overwrite = seed & 1;
    problem_draw(&p, seed, false);
    run_definition(first, &fv__conv_reference, &p);
    if (!RACES) check_definition(&p);
    for (int a = FOREIGN ? 2 : 1; a < ALGORITHMS; a++)
        same_in_all_tables(algorithms[a], &p);
    problem_free(&p);
    fv_context_free(first);
}

static void bits_of_small_ones(void **state)
{
    uint64_t seed = 2;

    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < 60; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_bits(&g, dtypes[i % 2], seed);
    }
}

/* Sizes at which every cut is made: blocks and parts of pixels, slabs of taps,
 * ranges of input rows, blocks of the scattered matrix, both kinds of rows
 * that alias the input, pixels of dy that are copied, columns that are packed
 * for some filters and then for others, sums that are turned, pixels of which a
 * cache holds few together. */
static void bits_of_large_ones(void **state)
{
    /* batch, in, channels, out (derived), filters, kernel, stride, dilation,
     * padding before and after, groups, ceil mode */
    /* clang-format off */
    static const fv__geometry all[] = {
        { 3, {41,67}, 1, {0,0}, 3, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 2, {6,7}, 130, {0,0}, 3, {3,3}, {1,1}, {1,1}, {1,0}, {1,2}, 1, false },
        { 1, {1,3000}, 4, {0,0}, 2, {1,31}, {1,2}, {1,1}, {0,30}, {0,0}, 1, false },
        { 2, {90,30}, 6, {0,0}, 4, {3,2}, {2,3}, {3,2}, {2,1}, {5,0}, 2, false },
        { 5, {19,23}, 9, {0,0}, 35, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 5, {19,23}, 6, {0,0}, 4, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 2, false },
        { 2, {12,11}, 7, {0,0}, 7, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 7, false },
        { 1, {8,9}, 3, {0,0}, 5, {5,5}, {1,1}, {2,2}, {9,10}, {11,9}, 1, false },
        { 3, {9,10}, 130, {0,0}, 1024, {1,1}, {2,2}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {19,17}, 88, {0,0}, 256, {3,1}, {1,1}, {1,1}, {1,0}, {1,0}, 2, false },
        { 1, {9,10}, 48, {0,0}, 350, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 2, {21,19}, 3, {0,0}, 61, {3,4}, {2,1}, {1,1}, {1,1}, {1,0}, 1, false },
        { 2, {23,20}, 6, {0,0}, 70, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 2, false },
        { 35, {5,5}, 6, {0,0}, 40, {5,5}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 20, {3,4}, 5, {0,0}, 35, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 2, {19,23}, 37, {0,0}, 2, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {33,17}, 20, {0,0}, 3, {3,2}, {1,1}, {1,1}, {1,0}, {1,1}, 1, false },
        { 2, {16,35}, 80, {0,0}, 8, {1,1}, {1,2}, {1,1}, {0,0}, {0,0}, 2, false },
        { 4, {9,23}, 1, {0,0}, 33, {3,2}, {1,2}, {1,1}, {1,0}, {0,1}, 1, false },
        { 1, {7,8}, 1024, {0,0}, 262, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {7,8}, 270, {0,0}, 1024, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int d = 0; d < 2; d++) check_bits(&all[i], dtypes[d], i);
}

/* Outputs and input gradients that go past the caches, which take the place of
 * what is there, in whole lines or not, and some filters that are not whole
 * panels. */
static void past_the_caches(void **state)
{
    /* clang-format off */
    static const fv__geometry all[] = {
        { 3, {30,29}, 4, {0,0}, 80, {1,2}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 3, {30,29}, 80, {0,0}, 4, {1,2}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 3, {30,29}, 3, {0,0}, 67, {1,2}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int d = 0; d < 2; d++) check_bits(&all[i], dtypes[d], 1);
}

/* ---- batches ------------------------------------------------------------ */

static void image_alone(void **state)
{
    /* clang-format off */
    const fv__geometry geometries[] = {
        { 9, {13,11}, 3, {0,0}, 5, {3,3}, {1,2}, {1,1}, {1,1}, {1,1}, 1, false },
        { 9, {5,5}, 20, {0,0}, 50, {5,5}, {1,1}, {1,1}, {2,2}, {2,2}, 1, false },
        { 9, {4,4}, 6, {0,0}, 9, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 3, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < 12; i++)
        same_alone(algorithms[1 + i / 6], geometries[i / 2 % 3], dtypes[i % 2]);
}

static void no_images(void **state)
{
    (void)state;
    for (int a = 0; a < ALGORITHMS; a++)
        check_no_images(algorithms[a], geometry_of(0, 4, 4, 2, 3, 1, 3, 1, 0));
}

/* ---- what is added and what is not there -------------------------------- */

static void added_into(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 40; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_sums(algorithms[i / 4 % ALGORITHMS], g, i, seed, true);
    }
}

/* <conv(x, w), dy> = <x, dx> = <w, dw> */
static void adjoint(void **state)
{
    uint64_t seed = 5;

    (void)state;
    values_only();
    for (int i = 0; i < 60; i++) {
        fv_context *context = context_of(NULL, FV_F64, 1);
        problem p = problem_new(context, draw_geometry(&seed));

        problem_draw(&p, seed, false);
        memset(p.bias.at, 0, array_bytes(p.bias));
        run_all(context, algorithms[i % ALGORITHMS], &p);
        double size = 1e-12 * fmax(1, sqrt(dot(p.y, p.y) * dot(p.dy, p.dy)));
        double inner = dot(p.y, p.dy);
        assert_true(fabs(dot(p.x, p.dx) - inner) <= size);
        assert_true(fabs(dot(p.weight, p.dweight) - inner) <= size);
        problem_free(&p);
        fv_context_free(context);
    }
}

/* A weight that is not finite times padding is nothing, or NaN. */
static void not_finite(void **state)
{
    uint64_t seed = 6;

    (void)state;
    values_only();
    if (FOREIGN) skip();
    for (int i = 0; i < 60; i++) {
        fv_context *context = context_of(NULL, dtypes[i % 2], 1);
        fv__geometry g = draw_geometry(&seed);

        for (int a = 1; a < ALGORITHMS; a++)
            check_not_finite(context, algorithms[a], g, i, seed);
        fv_context_free(context);
    }
}

static void padding_adds_nothing(void **state)
{
    (void)state;
    values_only();
    for (int a = 0; a < ALGORITHMS; a++) {
        fv_context *context = context_of(NULL, FV_F32, 1);
        fv__geometry g = geometry_of(1, 1, 3, 1, 1, 1, 2, 1, 0);

        g.kernel[0] = g.begin[1] = 1;
        problem p = problem_new(context, g);

        for (size_t i = 0; i < 3; i++) array_set(p.x, i, 1);
        array_set(p.weight, 0, (double)INFINITY);
        run_one(context, algorithms[a], &p, FV__FORWARD);
        if (a == 0) assert_true(array_get(p.y, 0) == 0);
        assert_true(!isinf(array_get(p.y, 0)));
        assert_true(isinf(array_get(p.y, 1)));
        problem_free(&p);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_on_integers),
        cmocka_unit_test(bits_of_small_ones),
        cmocka_unit_test(bits_of_large_ones),
        cmocka_unit_test(past_the_caches),
        cmocka_unit_test(image_alone),
        cmocka_unit_test(no_images),
        cmocka_unit_test(added_into),
        cmocka_unit_test(adjoint),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(padding_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
