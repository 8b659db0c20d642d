/* The shape rule and every sentence of what it refuses. */
#include "support.h"

#include "conv/conv.h"

#include <fovea/function.h>

static fv_context *context;

static int begin(void **state)
{
    (void)state;
    context = fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    return fv_failed(context) != FV_OK;
}

static int end(void **state)
{
    (void)state;
    fv_context_free(context);
    return 0;
}

static fv__geometry plain(int64_t rows, int64_t columns, int64_t kernel)
{
    return (fv__geometry){ .batch = 2,
                           .in = { rows, columns },
                           .channels = 4,
                           .filters = 6,
                           .kernel = { kernel, kernel },
                           .stride = { 1, 1 },
                           .dilation = { 1, 1 },
                           .groups = 1 };
}

static void refused(fv__geometry g, bool pool, fv_status status,
                    const char *sentence)
{
    assert_int_equal(fv__geometry_check(context, "conv1", pool, &g), status);
    assert_error(context, sentence);
}

static void shape_rule(void **state)
{
    (void)state;
    /* against counting the positions one by one */
    for (int64_t in = 1; in < 9; in++)
        for (int64_t kernel = 1; kernel < 5; kernel++)
            for (int64_t stride = 1; stride < 4; stride++)
                for (int64_t dilation = 1; dilation < 4; dilation++)
                    for (int64_t pad = 0; pad < 12; pad++) {
                        fv__geometry g = plain(in, 20, kernel);
                        int64_t count = 0, a = pad / 3, b = pad % 3;

                        g.stride[0] = stride;
                        g.dilation[0] = dilation;
                        g.begin[0] = a;
                        g.end[0] = b;
                        for (int64_t at = -a;
                             at + dilation * (kernel - 1) < in + b;
                             at += stride)
                            count++;
                        fv_status status =
                            fv__geometry_check(context, "g", false, &g);
                        if (count == 0) {
                            assert_int_equal(status, FV_MISUSE);
                            fv_clear_error(context);
                            continue;
                        }
                        assert_ok(context);
                        assert_int_equal(g.out[0], count);
                        assert_int_equal(g.out[1], 21 - kernel);
                    }
}

static void empty_batch(void **state)
{
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    g.batch = 0;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_int_equal(g.out[0], 3);
    assert_int_equal(fv__geometry_macs(&g), 0);
}

static void kernel_too_large(void **state)
{
    fv__geometry g = plain(3, 3, 5);

    (void)state;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 5x5 exceeds input 3x3 (padding 0)");
    g = plain(12, 2, 5);
    g.begin[0] = g.begin[1] = g.end[0] = g.end[1] = 1;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 5x5 exceeds input 12x2 (height x width, padding 1)");
    g.begin[0] = g.end[0] = 0;
    refused(
        g, false, FV_MISUSE,
        "conv1: kernel 5x5 exceeds input 12x2 (height x width, padding 0x1)");
    g.end[1] = 0;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 5x5 exceeds input 12x2 (height x width, padding 0x1 "
            "before, 0x0 "
            "after)");
    g = plain(12, 12, 7);
    g.dilation[0] = g.dilation[1] = 2;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 7x7 dilated by 2 spans 13x13, more than the padded "
            "input 12x12");
    g.dilation[1] = 1;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 7x7 dilated by 2x1 spans 13x7, more than the "
            "padded input 12x12 (height x width)");
    g.end[0] = 1;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_int_equal(g.out[0], 1);
}

/* Without a depth it is 1; with one it has the same rule and sentences. */
static void with_depth(void **state)
{
    fv__geometry g = plain(5, 7, 3);
    const fv__geometry deep = { .batch = 2,
                                .in = { 5, 7, 9 },
                                .channels = 4,
                                .filters = 6,
                                .kernel = { 3, 3, 4 },
                                .stride = { 1, 1, 2 },
                                .dilation = { 1, 1, 2 },
                                .begin = { 0, 0, 1 },
                                .end = { 0, 0, 2 },
                                .groups = 2 };

    (void)state;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_int_equal(g.in[FV__DEPTH], 1);
    assert_int_equal(g.out[FV__DEPTH], 1);
    assert_int_equal(g.kernel[FV__DEPTH], 1);
    assert_false(fv__geometry_has_depth(&g));
    g = deep;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_int_equal(g.out[FV__DEPTH], 3);
    assert_true(fv__geometry_has_depth(&g));
    assert_int_equal(fv__geometry_macs(&g),
                     2 * (3 * 3 * 5) * 6 * (4 * 3 * 3) * 2);
    g.in[FV__DEPTH] = 2;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 4x3x3 dilated by 2x1x1 spans 7x3x3, more than the "
            "padded input 5x5x7 (depth x height x width)");
    g.dilation[FV__DEPTH] = 1;
    g.begin[FV__DEPTH] = 0;
    g.end[FV__DEPTH] = 1;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 4x3x3 exceeds input 2x5x7 (depth x height x width, "
            "padding 0x0x0 before, 1x0x0 after)");
    g = plain(2, 2, 3);
    g.in[FV__DEPTH] = 2;
    g.kernel[FV__DEPTH] = 3;
    g.stride[FV__DEPTH] = g.dilation[FV__DEPTH] = 1;
    refused(g, false, FV_MISUSE,
            "conv1: kernel 3x3x3 exceeds input 2x2x2 (padding 0)");
    g = deep;
    g.stride[FV__DEPTH] = 0;
    refused(g, false, FV_MISUSE, "conv1: stride 0 is below 1");
    g = deep;
    g.in[FV__DEPTH] = 0;
    refused(g, false, FV_MISUSE, "conv1: input 0 is below 1");
    g = deep;
    g.begin[FV__DEPTH] = -1;
    refused(g, false, FV_MISUSE, "conv1: padding -1 is below 0");
    g = deep;
    g.in[FV__DEPTH] = (int64_t)1 << 46;
    refused(g, false, FV_LIMIT,
            "conv1: input 2x70368744177664x5x7x4 has over 140737488355327 "
            "elements");
}

static void below_least(void **state)
{
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    g.stride[1] = 0;
    refused(g, false, FV_MISUSE, "conv1: stride 0 is below 1");
    g = plain(5, 7, 3);
    g.dilation[0] = -2;
    refused(g, false, FV_MISUSE, "conv1: dilation -2 is below 1");
    refused(plain(5, 0, 3), false, FV_MISUSE, "conv1: input 0 is below 1");
    refused(plain(5, 7, 0), false, FV_MISUSE, "conv1: kernel 0 is below 1");
    g = plain(5, 7, 3);
    g.batch = -1;
    refused(g, false, FV_MISUSE, "conv1: batch -1 is below 0");
    g = plain(5, 7, 3);
    g.channels = 0;
    refused(g, false, FV_MISUSE, "conv1: channels 0 is below 1");
    g = plain(5, 7, 3);
    g.filters = 0;
    refused(g, false, FV_MISUSE, "conv1: filters 0 is below 1");
    g = plain(5, 7, 3);
    g.begin[1] = -1;
    refused(g, false, FV_MISUSE, "conv1: padding -1 is below 0");
}

static void group_counts(void **state)
{
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    g.groups = 0;
    refused(g, false, FV_MISUSE, "conv1: groups 0 is below 1");
    g.groups = 3;
    refused(g, false, FV_MISUSE, "conv1: groups 3 does not divide channels 4");
    g.groups = 4;
    refused(g, false, FV_MISUSE, "conv1: groups 4 does not divide filters 6");
    g.groups = 2;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
}

static void pools(void **state)
{
    fv__geometry g = plain(6, 6, 2);

    (void)state;
    g.filters = g.groups = 0;
    g.stride[0] = g.stride[1] = 2;
    assert_int_equal(fv__geometry_check(context, "pool1", true, &g), FV_OK);
    assert_int_equal(g.out[0], 3);
    g.end[1] = 2;
    refused(g, true, FV_MISUSE, "conv1: padding 2 is not below kernel 2");
    g.end[1] = 0;
    g.begin[0] = 3;
    refused(g, true, FV_MISUSE, "conv1: padding 3 is not below kernel 2");
}

static void too_many(void **state)
{
    const int64_t huge = INT64_MAX;
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    g.end[0] = huge;
    refused(g, false, FV_LIMIT,
            "conv1: padding 9223372036854775807 is over 140737488355327");
    g = plain(5, 7, 3);
    g.dilation[0] = (int64_t)1 << 46;
    g.kernel[0] = 5;
    refused(g, false, FV_LIMIT,
            "conv1: kernel 5 dilated by 70368744177664 spans over "
            "140737488355327");
    g = plain((int64_t)1 << 24, (int64_t)1 << 23, 1);
    refused(g, false, FV_LIMIT,
            "conv1: input 2x16777216x8388608x4 has over 140737488355327 "
            "elements");
    g = plain(5, 7, 1);
    g.begin[0] = g.begin[1] = (int64_t)1 << 24;
    refused(g, false, FV_LIMIT,
            "conv1: output 2x16777221x16777223x6 has over 140737488355327 "
            "elements");
    g.kernel[0] = g.kernel[1] = ((int64_t)1 << 24) + 5;
    refused(g, false, FV_LIMIT,
            "conv1: weight 6x16777221x16777221x4 has over 140737488355327 "
            "elements");
}

static void first_error_stays(void **state)
{
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    fv_fail(context, FV_IO, "before");
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_IO);
    assert_int_equal(g.out[0], 0);
    assert_error(context, "before");
    assert_int_equal(fv__geometry_check(NULL, "g", false, &g), FV_NO_MEMORY);
}

static void macs(void **state)
{
    fv__geometry g = plain(28, 28, 5);

    (void)state;
    g.groups = 2;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_int_equal(fv__geometry_macs(&g), 2 * 24 * 24 * 6 * 25 * 2);
    g.out[0] = g.out[1] = (int64_t)1 << 40;
    assert_true(fv__geometry_macs(&g) == INT64_MAX);
}

static const fv__conv_algorithm *choose(fv_context *ctx, const char *who,
                                        int algorithm, const fv__geometry *g)
{
    const fv__conv_request request = { .algorithm = algorithm };

    return fv__conv_choose(ctx, who, &request, g, FV__FORWARD);
}

static void algorithm_numbers(void **state)
{
    fv__geometry g = plain(5, 7, 3);

    (void)state;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_ptr_equal(choose(context, "g", FV_CONV_REFERENCE, &g),
                     &fv__conv_reference);
    assert_ptr_equal(choose(context, "g", FV_CONV_IM2COL_GEMM, &g),
                     &fv__conv_im2col);
    assert_ptr_equal(choose(context, "g", FV_CONV_AUTO, &g), &fv__conv_direct);
    assert_ok(context);
    assert_null(choose(context, "conv1", 99, &g));
    assert_int_equal(fv_failed(context), FV_MISUSE);
    assert_null(choose(context, "conv1", FV_CONV_AUTO, &g));
    assert_error(context, "conv1: algorithm 99 is unknown (0 to 7)");
    assert_null(choose(context, "conv1", -1, &g));
    assert_error(context, "conv1: algorithm -1 is unknown (0 to 7)");
    assert_null(choose(NULL, "conv1", 0, &g));
}

/* Less workspace, then none: other algorithms, and refusals if forced. */
static void workspace_is_limited(void **state)
{
    fv__geometry g = plain(8, 8, 3);
    fv__conv_request request = { .max_workspace = FV_OFF };

    (void)state;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_ptr_equal(fv__conv_choose(context, "g", &request, &g, FV__FORWARD),
                     &fv__conv_reference);
    request.max_workspace = 1 << 24;
    assert_ptr_equal(fv__conv_choose(context, "g", &request, &g, FV__FORWARD),
                     &fv__conv_direct);
    assert_ok(context);
    request =
        (fv__conv_request){ .algorithm = FV_CONV_DIRECT, .max_workspace = 100 };
    assert_null(fv__conv_choose(context, "g", &request, &g, FV__FORWARD));
    assert_int_equal(fv_failed(context), FV_LIMIT);
    assert_true(strstr(fv_error(context), "max_workspace is 100"));
    fv_clear_error(context);
}

/* A column matrix that no memory holds: the forced algorithm refuses, the
 * choice falls on the other. */
static void algorithm_refuses(void **state)
{
    const int64_t side = 1500000;
    fv__geometry g = plain(1, 1, side);

    (void)state;
    g.filters = 1;
    g.begin[0] = g.begin[1] = side - 1;
    assert_int_equal(fv__geometry_check(context, "g", false, &g), FV_OK);
    assert_null(choose(context, "conv1", FV_CONV_IM2COL_GEMM, &g));
    assert_int_equal(fv_failed(context), FV_UNSUPPORTED);
    assert_error(context, "conv1: algorithm im2col cannot do kernel "
                          "1500000x1500000 with 4 channels");
    fv__geometry groups = plain(5, 5, 3);
    groups.groups = 2;
    assert_int_equal(fv__geometry_check(context, "g", false, &groups), FV_OK);
    assert_null(choose(context, "conv1", FV_CONV_DEPTHWISE, &groups));
    assert_error(context, "conv1: algorithm depthwise cannot do kernel 3x3 "
                          "with 4 channels in 2 groups");
    assert_ptr_equal(choose(context, "g", FV_CONV_AUTO, &g),
                     &fv__conv_reference);
    assert_ok(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_rule),
        cmocka_unit_test(empty_batch),
        cmocka_unit_test(kernel_too_large),
        cmocka_unit_test(with_depth),
        cmocka_unit_test(below_least),
        cmocka_unit_test(group_counts),
        cmocka_unit_test(pools),
        cmocka_unit_test(too_many),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(macs),
        cmocka_unit_test(algorithm_numbers),
        cmocka_unit_test(workspace_is_limited),
        cmocka_unit_test(algorithm_refuses),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
