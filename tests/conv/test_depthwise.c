/* The depthwise and the grouped algorithm against the definition, bit for bit:
 * every table, type, number of threads and batch, and any geometry. */
#include "conv/grouped/grouped.h"

#include "conv/convolution.h"

#include <fovea/function.h>

/* Of the two, the one that takes a geometry of several groups. */
static const fv__conv_algorithm *algorithm_of(const fv__geometry *g)
{
    return g->groups == g->channels && g->groups == g->filters
               ? &fv__conv_depthwise
               : &fv__conv_grouped;
}

static limits most(uint64_t *state)
{
    return (limits){
        .in = 13, .kernel = draw(state) % 4 ? 4 : 9, .dilation = 4, .padding = 4
    };
}

static fv__geometry draw_geometry(uint64_t *state)
{
    for (;;) {
        fv__geometry g = { .batch = draw_in(state, 1, 3) };

        g.channels = g.groups = draw_in(state, 2, draw(state) % 4 ? 9 : 35);
        g.filters = g.groups * (draw(state) % 3 ? 1 : draw_in(state, 2, 3));
        if (draw(state) % 3 == 0) {
            g.channels = g.groups * draw_in(state, 2, draw(state) % 4 ? 5 : 21);
            g.filters = g.groups * draw_in(state, 1, 11);
        }
        if (draw_axis(state, &g, 0, most(state))
            && draw_axis(state, &g, 1, most(state)))
            return g;
    }
}

/* Depthwise convolution of images that are nearly square. */
static fv__geometry plain(int64_t batch, int64_t side, int64_t channels,
                          int64_t kernel, int64_t stride)
{
    return geometry_of(batch, side, side + 1, channels, channels, channels,
                       kernel, stride, kernel / 2);
}

/* ---- the same bits ------------------------------------------------------ */

static void check_bits(fv__geometry g, fv_dtype dtype, uint64_t seed)
{
    check_same_bits(algorithm_of(&g), &fv__conv_reference, g, 0, dtype, seed);
}

static void any_geometry(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 150; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_bits(g, dtypes[i % 2], seed);
    }
}

/* Numbers of channels near multiples of the lanes of each table's vectors, and
 * of the channels of a tile. */
static void channel_counts(void **state)
{
    const int64_t counts[] = {
        2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 130, 520
    };

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int d = 0; d < 2; d++)
            check_bits(plain(2, 6, counts[i], 3, 1), dtypes[d], i);
}

/* Every kind of tile, on an image that has inner tiles, tiles at its edges,
 * pairs of rows and a single row. */
static void kernels_and_strides(void **state)
{
    (void)state;
    for (int64_t kernel = 1; kernel <= 9; kernel++)
        for (int64_t stride = 1; stride <= 3; stride++)
            for (int d = 0; d < 2; d++)
                check_bits(plain(1, 19, 17, kernel, stride), dtypes[d],
                           (uint64_t)(kernel * 4 + stride));
}

/* Every kind of tile again with pixels that are whole cache lines, or those and
 * a part of a vector, every epilogue, and outputs that are stored past the
 * caches. */
static void epilogues(void **state)
{
    const uint64_t seeds[] = { 0, 1, 6, 9, 13, 15 };

    (void)state;
    for (int64_t kernel = 1; kernel <= 10; kernel++)
        for (int64_t stride = 1; stride <= 3; stride++)
            for (int i = 0; i < 12; i++)
                check_bits(plain(1, 11, i % 4 == 3 ? 37 : 32, kernel, stride),
                           dtypes[i % 2], seeds[i / 2]);
}

/* Sums over the batch that are cut: several parts, blocks of several images,
 * images of several blocks; and subconvolutions that differ in the number of
 * rows. */
static void sums_over_the_batch(void **state)
{
    fv__geometry wide = plain(2, 40, 3, 3, 1);
    fv__geometry groups = plain(3, 21, 24, 5, 2);
    fv__geometry uneven = plain(1, 50, 5, 3, 2);

    (void)state;
    wide.in[1] = 300;
    groups.in[1] = 100;
    groups.groups = 4;
    groups.filters = 28;
    uneven.dilation[0] = 3;
    uneven.begin[0] = 2;
    for (int d = 0; d < 2; d++) {
        check_bits(uneven, dtypes[d], 7);
        check_bits(wide, dtypes[d], 1);
        check_bits(plain(9, 13, 20, 3, 1), dtypes[d], 2);
        check_bits(plain(3, 50, 5, 5, 2), dtypes[d], 3);
        wide.filters = 6;
        check_bits(wide, dtypes[d], 4);
        wide.filters = 3;
        check_bits(groups, dtypes[d], 5);
    }
}

/* Grouped convolution with vectors along rows of pixels: several blocks of
 * rows, columns and groups, subconvolutions without taps, taps in different
 * phases, windows larger than the image. */
static void planar_groups(void **state)
{
    const struct {
        int64_t batch, in[2], channels, filters, groups;
        int64_t kernel[2], stride[2], dilation[2], padding[2];
    } sizes[] = {
        { 1, { 5, 530 }, 30, 21, 3, { 3, 4 }, { 1, 1 }, { 1, 1 }, { 1, 2 } },
        { 2, { 37, 29 }, 80, 32, 4, { 4, 5 }, { 3, 2 }, { 2, 1 }, { 0, 3 } },
        { 2, { 23, 31 }, 27, 33, 3, { 2, 1 }, { 3, 3 }, { 1, 1 }, { 1, 0 } },
        { 1, { 19, 40 }, 14, 38, 2, { 3, 3 }, { 2, 2 }, { 2, 2 }, { 3, 3 } },
        { 9, { 6, 7 }, 20, 26, 2, { 7, 7 }, { 1, 2 }, { 1, 1 }, { 3, 3 } },
        { 1, { 70, 21 }, 100, 65, 5, { 5, 2 }, { 1, 3 }, { 2, 1 }, { 2, 1 } },
    };

    (void)state;
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes); i++) {
        fv__geometry g = { .batch = sizes[i / 2].batch,
                           .channels = sizes[i / 2].channels,
                           .filters = sizes[i / 2].filters,
                           .groups = sizes[i / 2].groups };

        for (int j = 0; j < 2; j++) {
            g.in[j] = sizes[i / 2].in[j];
            g.kernel[j] = sizes[i / 2].kernel[j];
            g.stride[j] = sizes[i / 2].stride[j];
            g.dilation[j] = sizes[i / 2].dilation[j];
            g.begin[j] = g.end[j] = sizes[i / 2].padding[j];
        }
        check_bits(g, dtypes[i % 2], i);
    }
}

/* Images larger than the last-level cache of a context, whose pixels are whole
 * cache lines or are not. */
static void larger_than_caches(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        check_bits(plain(2, 30, 64, 3, 1), dtypes[d], 1);
        check_bits(plain(2, 45, 68, 3, 2), dtypes[d], 1);
    }
}

static void image_alone(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (int i = 0; i < 20; i++) {
        fv__geometry g = draw_geometry(&seed);

        g.batch = 9;
        same_alone(algorithm_of(&g), g, dtypes[i % 2]);
    }
}

static void added_into(void **state)
{
    uint64_t seed = 13;

    (void)state;
    for (int i = 0; i < 20; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_sums(algorithm_of(&g), g, i, seed, true);
    }
}

/* Padding may be multiplied as zeros, so where a weight is not finite, results
 * that read padding may be NaN. */
static void not_finite(void **state)
{
    uint64_t seed = 14;

    (void)state;
    values_only();
    for (int i = 0; i < 60; i++) {
        fv_context *context =
            context_of(i % 3 ? NULL : "ref", dtypes[i % 2], 1);
        fv__geometry g = draw_geometry(&seed);

        check_not_finite(context, algorithm_of(&g), g, i, seed);
        fv_context_free(context);
    }
}

/* ---- which algorithm ----------------------------------------------------- */

/* Which of the two takes a geometry: never both. */
static void check_applicable(fv_context *context, fv__geometry g,
                             bool depthwise, bool grouped)
{
    assert_int_equal(fv__geometry_check(context, "conv", false, &g), FV_OK);
    assert_int_equal(fv__conv_depthwise.applicable(&g), depthwise);
    assert_int_equal(fv__conv_grouped.applicable(&g), grouped);
}

static void which_applies(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv__geometry g = plain(1, 8, 6, 3, 1);

    (void)state;
    check_applicable(context, g, true, false);
    g.filters = 12; /* two filters for each channel */
    check_applicable(context, g, false, true);
    g.filters = 6;
    g.groups = 3; /* two channels for each filter */
    check_applicable(context, g, false, true);
    g.groups = 1;
    check_applicable(context, g, false, false);
    g = plain(1, 8, 1, 3, 1); /* one channel is a convolution like others */
    check_applicable(context, g, false, false);
    fv_context_free(context);
}

/* Of the algorithms that round as plain sums do, each of the two is chosen for
 * a typical shape, and is what its public number means. */
static void which_is_chosen(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv__geometry g = plain(1, 28, 64, 3, 1);
    fv__conv_request request = { .algorithm = FV_CONV_AUTO };

    (void)state;
    for (int i = 0; i < 2; i++) {
        const fv__conv_algorithm *expected = algorithm_of(&g);

        assert_int_equal(fv__geometry_check(context, "conv", false, &g), FV_OK);
        for (int d = FV__FORWARD; d <= FV__BACKWARD_WEIGHTS; d++) {
            request.algorithm = FV_CONV_AUTO;
            assert_ptr_equal(fv__conv_choose(context, "conv", &request, &g,
                                             (fv__direction)d),
                             expected);
            request.algorithm = i ? FV_CONV_GROUPED : FV_CONV_DEPTHWISE;
            assert_ptr_equal(fv__conv_choose(context, "conv", &request, &g,
                                             (fv__direction)d),
                             expected);
        }
        assert_string_equal(expected->name, i ? "grouped" : "depthwise");
        g.groups = 32; /* of two channels */
    }
    fv_context_free(context);
}

/* More bytes of packed weights than can be counted. */
static void too_many_weights(void **state)
{
    fv_context *context = context_of(NULL, FV_F64, 1);
    fv__geometry g = plain(1, 8, 2, INT64_C(1) << 30, 1);

    (void)state;
    g.groups = 2;
    g.filters = 4;
    assert_true(
        fv__grouped_planar_packed(fv__conv_target_of(context), &g, FV__FORWARD)
        == SIZE_MAX);
    g.filters = 2;
    assert_true(
        fv__conv_depthwise.packed(fv__conv_target_of(context), &g, FV__FORWARD)
        == SIZE_MAX);
    fv_context_free(context);
}

static void no_images(void **state)
{
    fv__geometry g = plain(0, 5, 4, 3, 1);

    (void)state;
    for (; g.groups > 1; g.groups /= 2) check_no_images(algorithm_of(&g), g);
}

/* Strips, which need scratch, are for 8 to 64 taps in a row, 64 rows at most,
 * and chains that are not cut; the last for strides of 1 along rows. */
static void taps_of_strips(void **state)
{
    static const struct {
        int64_t kernel[2], stride[2];
        bool strips;
    } cases[] = {
        { { 1, 7 }, { 1, 1 }, false },  { { 1, 8 }, { 1, 1 }, true },
        { { 1, 64 }, { 1, 1 }, true },  { { 1, 65 }, { 1, 1 }, false },
        { { 64, 8 }, { 1, 1 }, true },  { { 65, 8 }, { 1, 1 }, false },
        { { 31, 64 }, { 1, 1 }, true }, { { 32, 64 }, { 1, 1 }, false },
        { { 2, 8 }, { 2, 1 }, true },   { { 2, 8 }, { 3, 1 }, false },
        { { 2, 8 }, { 1, 2 }, false },
    };
    fv_context *context = context_of(NULL, FV_F32, 1);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv__geometry g = plain(1, 70, 8, 1, 1);

        for (int axis = 0; axis < 2; axis++) {
            g.in[axis] = 70;
            g.kernel[axis] = cases[i].kernel[axis];
            g.stride[axis] = cases[i].stride[axis];
        }
        assert_int_equal(fv__geometry_check(context, "conv2d", false, &g),
                         FV_OK);
        assert_int_equal(fv__conv_depthwise.scratch(fv__conv_target_of(context),
                                                    &g, FV__FORWARD)
                             > 0,
                         cases[i].strips);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_geometry),
        cmocka_unit_test(channel_counts),
        cmocka_unit_test(kernels_and_strides),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(sums_over_the_batch),
        cmocka_unit_test(planar_groups),
        cmocka_unit_test(larger_than_caches),
        cmocka_unit_test(image_alone),
        cmocka_unit_test(added_into),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(which_applies),
        cmocka_unit_test(which_is_chosen),
        cmocka_unit_test(too_many_weights),
        cmocka_unit_test(no_images),
        cmocka_unit_test(taps_of_strips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
