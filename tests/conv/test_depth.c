/* Convolution with a third axis: every algorithm that takes it against another
 * definition, and against the reference to the last bit; the others refuse. */
#include "naive.h"

#include <fovea/function.h>

static fv__geometry draw_geometry(uint64_t *state)
{
    const limits most = { .in = 6, .kernel = 4, .dilation = 3, .padding = 3 };

    for (;;) {
        fv__geometry g = { .batch = draw_in(state, 1, 3) };

        g.groups = draw(state) % 3 ? 1 : draw_in(state, 1, 3);
        g.channels = g.groups * draw_in(state, 1, 5);
        g.filters = g.groups * draw_in(state, 1, 7);
        if (draw_axis(state, &g, 0, most) && draw_axis(state, &g, 1, most)
            && draw_axis(state, &g, FV__DEPTH, most))
            return g;
    }
}

static void exact_on_integers(void **state)
{
    (void)state;
    check_exact(draw_geometry, 100);
}

static void check_bits(const fv__geometry *g, fv_dtype dtype, uint64_t seed)
{
    for (int a = FOREIGN ? 2 : 1; a < ALGORITHMS; a++)
        check_same_bits(algorithms[a], &fv__conv_reference, *g, 0, dtype, seed);
}

/* The definition that the others follow, whatever the numbers. */
static void reference_rounds(void **state)
{
    uint64_t seed = 3;

    (void)state;
    values_only();
    for (int i = 0; i < 40; i++) {
        fv_context *context = context_of("ref", dtypes[i % 2], 1);
        problem p = problem_new(context, draw_geometry(&seed));

        problem_draw(&p, seed, false);
        naive r = naive_of(&p);
        run_all(context, &fv__conv_reference, &p);
        check_naive(&p, &r, false);
        naive_free(&r);
        problem_free(&p);
        fv_context_free(context);
    }
}

static void bits_of_small_ones(void **state)
{
    uint64_t seed = 2;

    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < 50; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_bits(&g, dtypes[i % 2], seed);
    }
}

/* Sizes at which work and sums are divided: items of several rows, planes and
 * images, blocks and parts of pixels that end inside a plane, panels, splits,
 * tiles along each axis, cut chains, phases without taps, planes that read
 * padding only, planes that are images. */
static void bits_of_large_ones(void **state)
{
    /* batch, in, channels, out (derived), filters, kernel, stride, dilation,
     * padding before and after, groups; axes are rows, columns, depth */
    /* clang-format off */
    static const fv__geometry all[] = {
        { 2, {14,15,5}, 12, {0}, 35, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {19,17,7}, 8, {0}, 33, {3,3,3}, {2,2,2}, {1,1,1}, {1,1,1}, {1,1,0}, 1, false },
        { 2, {7,7,4}, 20, {0}, 70, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {9,11,6}, 3, {0}, 35, {3,5,7}, {1,2,2}, {1,1,1}, {1,2,3}, {1,2,3}, 1, false },
        { 1, {12,13,9}, 17, {0}, 19, {3,3,3}, {1,1,1}, {2,1,3}, {2,1,3}, {2,1,3}, 1, false },
        { 1, {9,8,3}, 90, {0}, 11, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {5,6,3}, 300, {0}, 3, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {4,5,3}, 1100, {0}, 5, {2,3,2}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {8,8,3}, 36, {0}, 40, {3,3,3}, {1,1,1}, {5,5,1}, {5,5,2}, {5,5,2}, 1, false },
        { 2, {6,5,4}, 12, {0}, 16, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 4, false },
        { 2, {6,5,4}, 5, {0}, 5, {3,3,3}, {1,1,2}, {1,1,1}, {1,1,1}, {1,1,1}, 5, false },
        { 2, {3,3,4}, 20, {0}, 260, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 9, {1,1,9}, 20, {0}, 40, {1,1,3}, {1,1,1}, {1,1,1}, {0,0,1}, {0,0,1}, 1, false },
        { 3, {20,3,5}, 24, {0}, 40, {3,2,2}, {1,1,3}, {1,1,1}, {1,0,0}, {1,1,0}, 1, false },
        { 1, {13,12,8}, 24, {0}, 40, {1,1,3}, {1,1,1}, {1,1,1}, {0,0,1}, {0,0,1}, 1, false },
        { 2, {13,12,5}, 24, {0}, 40, {3,3,1}, {1,1,1}, {1,1,1}, {1,1,0}, {1,1,0}, 1, false },
        { 2, {13,12,5}, 24, {0}, 40, {1,1,1}, {1,1,1}, {1,1,1}, {0,0,0}, {0,0,0}, 1, false },
        { 2, {13,12,5}, 24, {0}, 40, {1,1,1}, {2,2,2}, {1,1,1}, {0,0,0}, {0,0,0}, 1, false },
        { 1, {5,6,2}, 16, {0}, 18, {2,2,2}, {1,1,1}, {1,1,5}, {0,0,7}, {0,0,8}, 1, false },
        { 1, {5,6,4}, 16, {0}, 18, {1,2,2}, {1,1,4}, {1,1,1}, {0,0,0}, {0,0,1}, 1, false },
        { 2, {30,31,4}, 1, {0}, 7, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {1,1200,3}, 2, {0}, 3, {1,3,3}, {1,1,1}, {1,1,1}, {0,1,1}, {0,1,1}, 1, false },
        { 1, {1,2100,2}, 3, {0}, 2, {1,1,2}, {1,1,1}, {1,1,1}, {0,0,1}, {0,0,1}, 1, false },
        { 1, {5,6,3}, 64, {0}, 40, {3,3,3}, {1,1,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 1, {8,9,4}, 512, {0}, 6, {1,1,1}, {1,1,1}, {1,1,1}, {0,0,0}, {0,0,0}, 1, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int d = 0; d < 2; d++)
            check_bits(&all[i], dtypes[d], 2 * i + (size_t)d);
}

static void image_alone(void **state)
{
    /* clang-format off */
    static const fv__geometry all[] = {
        { 5, {7,6,5}, 5, {0}, 7, {3,3,3}, {1,2,1}, {1,1,1}, {1,1,1}, {1,1,1}, 1, false },
        { 7, {2,2,3}, 20, {0}, 50, {2,2,2}, {1,1,1}, {1,1,1}, {1,1,1}, {0,0,0}, 1, false },
        { 4, {4,4,3}, 6, {0}, 9, {1,1,1}, {1,1,1}, {1,1,1}, {0,0,0}, {0,0,0}, 3, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < 12; i++)
        same_alone(algorithms[1 + i / 6], all[i / 2 % 3], dtypes[i % 2]);
}

/* A depth of 1 changes nothing: the results of two axes. A depth whose planes
 * no tap joins has those of a batch of its planes. */
static void planes_alone(void **state)
{
    (void)state;
    for (int a = 0; a < ALGORITHMS; a++) {
        fv_context *context = context_of(NULL, FV_F32, 2);
        fv__geometry g = { .batch = 6,
                           .in = { 9, 8 },
                           .channels = 5,
                           .filters = 6,
                           .kernel = { 3, 2 },
                           .stride = { 1, 2 },
                           .dilation = { 2, 1 },
                           .begin = { 2, 1 },
                           .end = { 1, 0 },
                           .groups = 1 };
        problem p = problem_new(context, g), q;

        problem_draw(&p, 5, false);
        run_all(context, algorithms[a], &p);
        q = problem_again(context, &p);
        q.g.batch = 2;
        q.g.in[FV__DEPTH] = q.g.out[FV__DEPTH] = 3;
        run_all(context, algorithms[a], &q);
        same_results(&p, &q);
        problem_free(&p);
        problem_free(&q);
        fv_context_free(context);
    }
}

static void no_images(void **state)
{
    const fv__geometry g = { .in = { 4, 4, 4 },
                             .channels = 2,
                             .filters = 3,
                             .kernel = { 3, 3, 3 },
                             .stride = { 1, 1, 1 },
                             .dilation = { 1, 1, 1 },
                             .groups = 1 };

    (void)state;
    for (int a = 0; a < ALGORITHMS; a++) check_no_images(algorithms[a], g);
}

static void added_into(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 60; i++)
        check_sums(algorithms[i / 4 % ALGORITHMS], draw_geometry(&seed), i,
                   seed, true);
}

/* A weight that is not finite times padding is nothing, or NaN. */
static void not_finite(void **state)
{
    uint64_t seed = 6;

    (void)state;
    values_only();
    if (FOREIGN) skip();
    for (int i = 0; i < 40; i++) {
        fv_context *context = context_of(NULL, dtypes[i % 2], 1);
        fv__geometry g = draw_geometry(&seed);

        for (int a = 1; a < ALGORITHMS; a++)
            check_not_finite(context, algorithms[a], g, i, seed);
        fv_context_free(context);
    }
}

/* Those that know two axes only. */
static void refusals(void **state)
{
    static const fv__conv_algorithm *const plane[] = { &fv__conv_winograd,
                                                       &fv__conv_depthwise,
                                                       &fv__conv_grouped,
                                                       &fv__conv_col2im };
    static const int64_t groups[] = { 1, 4, 2, 1 };
    fv_context *context = fv_context_new(NULL);

    (void)state;
    for (int a = 0; a < 4; a++)
        for (int i = 0; i < 5; i++) {
            fv__geometry g = { .batch = 1,
                               .in = { 8, 8, i == 1 ? 4 : 1 },
                               .channels = 4,
                               .filters = 4,
                               .kernel = { 3, 3, 1 },
                               .stride = { 1, 1, 1 },
                               .dilation = { 1, 1, 1 },
                               .begin = { 1, 1, i == 2 || i == 4 },
                               .end = { 1, 1, i == 3 || i == 4 },
                               .groups = groups[a] };

            if (i == 4) g.kernel[FV__DEPTH] = 3;
            assert_int_equal(fv__geometry_check(context, "conv", false, &g),
                             FV_OK);
            assert_int_equal(plane[a]->applicable(&g), i == 0);
            for (int b = 0; b < ALGORITHMS; b++)
                assert_true(algorithms[b]->applicable(&g));
            const fv__conv_request request = { .algorithm = FV_CONV_WINOGRAD };
            if (a || i < 4) continue;
            assert_null(
                fv__conv_choose(context, "conv1", &request, &g, FV__FORWARD));
            assert_error(context, "conv1: algorithm winograd cannot do kernel "
                                  "3x3x3 with 4 channels");
        }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_on_integers),
        cmocka_unit_test(reference_rounds),
        cmocka_unit_test(bits_of_small_ones),
        cmocka_unit_test(bits_of_large_ones),
        cmocka_unit_test(image_alone),
        cmocka_unit_test(planes_alone),
        cmocka_unit_test(no_images),
        cmocka_unit_test(added_into),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
