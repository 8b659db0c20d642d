/* Taps that read padding: leaving them out changes no bit. Which taps the bands
 * of a subconvolution leave out, and which they must not. */
#include "conv/direct/direct.h"

#include "conv/convolution.h"

static const fv__conv_algorithm *const fast[] = {
    &fv__conv_im2col, &fv__conv_direct, &fv__conv_depthwise, &fv__conv_grouped
};
enum { FAST = sizeof fast / sizeof *fast };

/* ---- bits ---------------------------------------------------------------- */

static void check_bits(const fv__geometry *g, fv_dtype dtype, bool overwrite)
{
    fv_context *context = context_of("ref", dtype, 1);
    problem p = problem_new(context, *g);

    p.overwrite = overwrite;
    problem_draw(&p, 7, false);
    run_definition(context, &fv__conv_reference, &p);
    for (int a = FOREIGN ? 1 : 0; a < FAST; a++)
        if (fast[a]->applicable(&p.g)) same_in_all_tables(fast[a], &p);
    problem_free(&p);
    fv_context_free(context);
}

static void bits(void **state)
{
    /* batch, in, channels, out (derived), filters, kernel, stride, dilation,
     * padding before and after, groups */
    /* clang-format off */
    static const fv__geometry all[] = {
        /* dilations near the image's size and beyond it */
        { 1, {33,33}, 20, {0,0}, 36, {3,3}, {1,1}, {36,36}, {36,36}, {36,36}, 1, false },
        { 2, {17,23}, 24, {0,0}, 40, {3,3}, {1,1}, {12,9}, {12,9}, {12,9}, 1, false },
        { 1, {33,19}, 20, {0,0}, 33, {3,5}, {1,1}, {6,4}, {6,8}, {6,8}, 1, false },
        { 3, {9,11}, 33, {0,0}, 35, {3,3}, {2,1}, {6,5}, {6,5}, {7,3}, 1, false },
        { 1, {19,31}, 20, {0,0}, 17, {3,3}, {2,3}, {8,9}, {9,8}, {5,10}, 1, false },
        { 2, {9,9}, 1, {0,0}, 33, {3,3}, {1,1}, {5,6}, {5,6}, {5,6}, 1, false },
        /* chains that are cut into blocks: rows of taps, taps, channels */
        { 1, {9,8}, 260, {0,0}, 11, {3,3}, {1,1}, {5,4}, {5,4}, {5,4}, 1, false },
        { 1, {5,6}, 700, {0,0}, 9, {3,3}, {1,1}, {3,4}, {3,4}, {3,4}, 1, false },
        { 1, {4,5}, 1100, {0,0}, 5, {3,3}, {1,1}, {3,4}, {3,4}, {3,4}, 1, false },
        { 1, {3,4}, 2100, {0,0}, 5, {2,3}, {1,1}, {2,3}, {2,3}, {2,3}, 1, false },
        { 1, {9,9}, 17, {0,0}, 17, {49,49}, {1,1}, {1,1}, {24,24}, {24,24}, 17, false },
        /* rows of taps left out: read in place; copied without the rows between
         * them; with tiles along columns and across images; few filters */
        { 1, {20,30}, 20, {0,0}, 33, {7,1}, {1,1}, {1,1}, {3,0}, {3,0}, 1, false },
        { 1, {23,70}, 17, {0,0}, 33, {3,3}, {1,1}, {9,1}, {9,1}, {9,1}, 1, false },
        { 1, {31,75}, 17, {0,0}, 35, {3,3}, {2,2}, {8,1}, {8,1}, {7,2}, 1, false },
        { 1, {40,3}, 20, {0,0}, 33, {3,3}, {1,1}, {2,1}, {2,1}, {2,1}, 1, false },
        { 20, {4,3}, 9, {0,0}, 33, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {9,20}, 260, {0,0}, 9, {3,3}, {1,1}, {5,1}, {5,1}, {5,1}, 1, false },
        { 1, {7,9}, 700, {0,0}, 5, {3,3}, {1,1}, {3,1}, {3,1}, {3,1}, 1, false },
        { 1, {20,40}, 40, {0,0}, 3, {3,3}, {1,1}, {5,5}, {5,5}, {5,5}, 1, false },
        { 1, {6,40}, 40, {0,0}, 2, {2,3}, {1,1}, {9,1}, {12,1}, {12,1}, 1, false },
        /* outputs that read padding only */
        { 1, {3,4}, 16, {0,0}, 18, {2,2}, {1,1}, {9,9}, {12,12}, {12,13}, 1, false },
        { 1, {3,4}, 16, {0,0}, 32, {2,2}, {1,1}, {9,9}, {12,12}, {12,13}, 16, false },
        /* kernels larger than the image */
        { 1, {5,6}, 24, {0,0}, 40, {9,11}, {1,1}, {1,1}, {4,5}, {4,6}, 1, false },
        { 2, {1,20}, 20, {0,0}, 33, {1,31}, {1,1}, {1,1}, {0,15}, {0,17}, 1, false },
        { 1, {9,10}, 3, {0,0}, 5, {31,31}, {1,1}, {1,1}, {15,15}, {15,15}, 1, false },
        /* groups */
        { 2, {9,10}, 8, {0,0}, 16, {3,3}, {1,1}, {6,6}, {6,6}, {6,6}, 4, false },
        { 1, {9,10}, 12, {0,0}, 12, {5,5}, {2,1}, {3,2}, {6,4}, {5,4}, 3, false },
        { 1, {9,10}, 66, {0,0}, 68, {3,3}, {1,1}, {7,7}, {7,7}, {7,7}, 2, false },
        /* depthwise, large kernels */
        { 1, {11,13}, 19, {0,0}, 19, {31,31}, {1,1}, {1,1}, {15,15}, {15,15}, 19, false },
        { 1, {7,9}, 70, {0,0}, 70, {9,13}, {2,1}, {1,1}, {4,6}, {3,6}, 70, false },
        { 1, {10,81}, 33, {0,0}, 33, {21,9}, {1,1}, {1,1}, {10,3}, {9,4}, 33, false },
        { 1, {12,15}, 5, {0,0}, 5, {9,9}, {1,1}, {2,3}, {8,12}, {8,11}, 5, false },
        { 2, {23,22}, 16, {0,0}, 16, {8,8}, {1,1}, {1,1}, {0,0}, {0,0}, 16, false },
        { 1, {12,15}, 17, {0,0}, 17, {9,10}, {3,2}, {1,1}, {4,5}, {4,4}, 17, false },
        { 1, {6,6}, 34, {0,0}, 34, {3,31}, {1,1}, {1,1}, {1,15}, {1,15}, 34, false },
        { 1, {6,5}, 18, {0,0}, 18, {7,7}, {1,1}, {1,1}, {3,3}, {3,3}, 18, false },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int d = 0; d < 2; d++)
            check_bits(&all[i], dtypes[d], (i + (size_t)d) % 2);
}

/* Weights that are not finite: whether an algorithm multiplies them with
 * padding is left to it, but the same for every table and number of threads. */
static void tables_agree(void **state)
{
    const double strange[] = { (double)NAN, (double)INFINITY };
    /* clang-format off */
    static const fv__geometry all[] = {
        { 1, {17,23}, 24, {0,0}, 40, {3,3}, {1,1}, {12,9}, {12,9}, {12,9}, 1, false },
        { 2, {7,7}, 20, {0,0}, 36, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {24,4}, 20, {0,0}, 36, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 14, {4,4}, 20, {0,0}, 36, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {9,10}, 8, {0,0}, 16, {3,3}, {1,1}, {6,6}, {6,6}, {6,6}, 4, false },
        { 1, {14,21}, 19, {0,0}, 19, {31,13}, {1,1}, {1,1}, {15,6}, {15,6}, 19, false },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int a = FOREIGN ? 1 : 0; a < FAST; a++) {
            uint64_t seed = i + 1;
            fv_context *context = context_of("ref", FV_F32, 1);
            problem p = problem_new(context, all[i]);

            if (!fast[a]->applicable(&p.g)) {
                problem_free(&p);
                fv_context_free(context);
                continue;
            }
            problem_draw(&p, seed, false);
            for (int n = 0; n < 5; n++)
                array_set(p.weight, draw(&seed) % p.weight.n, strange[n % 2]);
            array_set(p.dy, draw(&seed) % p.dy.n, strange[1]);
            run_definition(context, fast[a], &p);
            same_in_all_tables(fast[a], &p);
            problem_free(&p);
            fv_context_free(context);
        }
}

/* ---- what is left out ---------------------------------------------------- */

/* Each output is in one band, which has all taps that are inside the image for
 * it. With up to three taps bands have no others. */
static void check_bands(const fv__subconv *s, int axis)
{
    const fv__bands bands = fv__subconv_bands(s, axis);
    int64_t out = 0, inside = 0;
    double share = 0;

    assert_in_range(bands.count, 1, FV__MOST_BANDS);
    for (int64_t b = 0; b < bands.count; b++) {
        const fv__band *band = &bands.band[b];

        assert_int_equal(band->first, out);
        assert_true(band->count > 0);
        for (; out < band->first + band->count; out++)
            for (int64_t t = 0; t < s->taps[axis]; t++) {
                const int64_t at =
                    s->first[axis] + out * s->stride[axis] + t * s->step[axis];
                const bool is_inside = at >= 0 && at < s->in[axis];

                inside += is_inside;
                if (is_inside)
                    assert_true(t >= band->tap && t < band->tap + band->taps);
            }
        share += (double)band->count * (double)band->taps;
    }
    assert_int_equal(out, s->out[axis]);
    share /= (double)out * (double)s->taps[axis];
    assert_true(fabs(share - fv__bands_share(s, axis, &bands)) < 1e-12);

    const double padded =
        1 - (double)inside / ((double)out * (double)s->taps[axis]);

    const double estimate = fv__subconv_padded_share(s, axis);

    if (estimate < 0.5)
        assert_true(padded <= estimate + 1 / (double)out + 1e-12);
    assert_true(share + padded > 1 - 1e-12);
    if (s->taps[axis] <= 3) assert_true(share + padded < 1 + 1e-12);
}

static void bands(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        fv__subconv s = { .in = { draw_in(&seed, 1, 40), 1 },
                          .out = { draw_in(&seed, 1, 40), 1 },
                          .taps = { draw_in(&seed, 1, 5), 1 },
                          .stride = { draw_in(&seed, 1, 3), 1 },
                          .first = { -draw_in(&seed, 0, 50), 0 },
                          .step = { draw_in(&seed, 1, 30), 1 } };

        if (i % 4 == 0) s.taps[0] = draw_in(&seed, 6, 40);
        check_bands(&s, 0);
    }
}

/* Pairs of an output row and a row of taps that a block multiplies. */
static int64_t multiplied_rows(const fv__direct *block)
{
    const fv__subconv *s = &block->subconv;
    int64_t all = 0;

    for (int64_t i = 0; i < s->out[0]; i++) {
        int64_t low = 0, high = s->taps[0];

        if (block->skips_rows) fv__subconv_taps_inside(s, 0, i, &low, &high);
        all += high - low;
    }
    return all;
}

/* Pairs of an output pixel and a tap in all blocks of a 3x3 convolution. */
static int64_t multiplied(int64_t side, int64_t dilation, int64_t channels)
{
    fv_context *context = context_of("ref", FV_F32, 1);
    const fv__geometry g = { 1,
                             { side, side, 1 },
                             channels,
                             { side, side, 1 },
                             channels,
                             { 3, 3, 1 },
                             { 1, 1, 1 },
                             { dilation, dilation, 1 },
                             { dilation, dilation },
                             { dilation, dilation },
                             1,
                             false };
    const fv__direct_subconv s =
        fv__direct_subconv_of(fv__conv_target_of(context), &g, FV__FORWARD, 0);
    int64_t all = 0;

    for (int64_t i = 0; i < fv__subconv_block_count(&s.blocks); i++) {
        const fv__direct block =
            fv__direct_plan(fv__conv_target_of(context), &s, i);

        all += multiplied_rows(&block) * block.subconv.out[1]
               * block.subconv.taps[1];
    }
    fv_context_free(context);
    return all;
}

static void direct_leaves_out(void **state)
{
    (void)state;
    /* a single tap, whose pixels are rearranged */
    assert_in_range(multiplied(33, 36, 256), 33 * 33, 33 * 33 + 168);
    assert_int_equal(multiplied(33, 24, 256), (33 + 2 * 9) * (33 + 2 * 9));
    assert_int_equal(multiplied(33, 12, 256), (33 + 2 * 21) * (33 + 2 * 21));
    assert_int_equal(multiplied(65, 24, 256), (65 + 2 * 41) * (65 + 2 * 41));
    assert_int_equal(multiplied(65, 6, 256), (65 + 2 * 59) * (65 + 2 * 59));
    /* too little padding for bands of columns */
    assert_int_equal(multiplied(56, 1, 64), (56 + 2 * 55) * 56 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits),
        cmocka_unit_test(tables_agree),
        cmocka_unit_test(bands),
        cmocka_unit_test(direct_leaves_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
