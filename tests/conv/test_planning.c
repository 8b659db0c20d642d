/* Planning a convolution takes no longer than the problem is large: no loop
 * over the taps for each phase of the stride, or over all pairs of phases. Each
 * of these shapes would take minutes to hours otherwise, which is more than the
 * time limit of a test. */
#include "support.h"

#include "conv/shared.h"

#include <fovea/function.h>

enum { LARGE = 65536, LONG = 1000003 };

/* All that is asked about a convolution before it runs. */
static void plan_all(fv_context *context, fv__geometry g)
{
    const fv__conv_request request = { .algorithm = FV_CONV_AUTO };

    assert_int_equal(fv__geometry_check(context, "conv", false, &g), FV_OK);
    for (int d = FV__FORWARD; d <= FV__BACKWARD_WEIGHTS; d++) {
        const fv__direction direction = (fv__direction)d;

        for (int i = FV_CONV_AUTO + 1; i <= FV_CONV_GROUPED; i++) {
            const fv__conv_candidate c =
                fv__conv_consider(context, i, &request, &g, direction);

            assert_non_null(c.algorithm);
            if (c.verdict != FV__CONV_CAN) continue;
            assert_true(c.cost >= 0);
            assert_true(
                c.algorithm->packed(fv__conv_target_of(context), &g, direction)
                != 1);
            assert_true(
                c.algorithm->scratch(fv__conv_target_of(context), &g, direction)
                != 1);
        }
        assert_non_null(
            fv__conv_choose(context, "conv", &request, &g, direction));
    }
    assert_ok(context);
}

static void large_shapes(void **state)
{
    /* batch, in, channels, out (derived), filters, kernel, stride, dilation,
     * padding before and after, groups */
    /* clang-format off */
    static const fv__geometry all[] = {
        /* kernel = stride, along one axis and along both */
        { 1, {LARGE,1}, 1, {0,0}, 1, {LARGE,1}, {LARGE,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {1,LARGE}, 2, {0,0}, 2, {1,LARGE}, {1,LARGE}, {1,1}, {0,0}, {0,0}, 2, false },
        { 2, {LARGE,LARGE}, 1, {0,0}, 1, {LARGE,LARGE}, {LARGE,LARGE}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {LONG,LARGE}, 2, {0,0}, 2, {1,1}, {LONG,LARGE}, {1,1}, {0,0}, {0,0}, 2, false },
        /* a stride that has few divisors, and a dilation that has others */
        { 1, {4096,1}, 8, {0,0}, 8, {LONG,1}, {4093,1}, {1,1}, {LONG,0}, {LONG,0}, 1, false },
        { 1, {1,4096}, 8, {0,0}, 16, {1,LONG}, {1,4093}, {1,4092}, {0,2*LONG}, {0,4093L*LONG}, 8, false },
        { 1, {63,62}, 4, {0,0}, 4, {LARGE,LARGE}, {63,64}, {65,66}, {66*LARGE,66*LARGE}, {0,0}, 4, false },
        /* dilation, padding, long kernels */
        { 1, {33,33}, 4, {0,0}, 4, {3,3}, {1,1}, {LARGE,LARGE}, {LARGE,LARGE}, {LARGE,LARGE}, 1, false },
        { 1, {33,33}, 4, {0,0}, 4, {3,3}, {1,1}, {LARGE,LARGE}, {LARGE,LARGE}, {LARGE,LARGE}, 4, false },
        { 1, {33,33}, 4, {0,0}, 8, {3,3}, {2,2}, {LARGE,LARGE}, {LARGE,LARGE}, {LARGE,LARGE}, 4, false },
        { 1, {5,5}, 1, {0,0}, 1, {3,3}, {1,1}, {1,1}, {LONG,LONG}, {LONG,LONG}, 1, false },
        { 1, {5,5}, 4, {0,0}, 8, {3,3}, {1,1}, {1,1}, {LONG,LONG}, {LONG,LONG}, 4, false },
        { 1, {1,LONG}, 1, {0,0}, 1, {1,LONG}, {1,1}, {1,1}, {0,LONG-1}, {0,0}, 1, false },
        { 1, {1,LONG}, 4, {0,0}, 4, {1,LONG}, {1,1}, {1,1}, {0,LONG-1}, {0,0}, 4, false },
        { 1, {LONG,1}, 4, {0,0}, 8, {LONG,1}, {1,1}, {1,1}, {LONG-1,0}, {0,0}, 4, false },
        /* groups */
        { 1, {7,7}, LARGE, {0,0}, LARGE, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, LARGE, false },
        { 1, {7,7}, LARGE, {0,0}, 2 * LARGE, {3,3}, {2,2}, {1,1}, {1,1}, {1,1}, LARGE, false },
    };
    /* clang-format on */
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 2));

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        plan_all(context, all[i]);
    fv_context_free(context);
}

/* Each tap that the definition sums over an input is in the sweep of its phase,
 * at the place and in the order that it says, and no other is. */
static void taps_of_phases(void **state)
{
    fv_context *context = fv_context_new(NULL);

    (void)state;
    for (int64_t stride = 1; stride < 10; stride++)
        for (int64_t dilation = 1; dilation < 14; dilation++)
            for (int64_t kernel = 1; kernel < 12; kernel += 2)
                for (int64_t pad = 0; pad < 8; pad += 3) {
                    fv__geometry g = { .batch = 1,
                                       .in = { 1, 160 },
                                       .channels = 1,
                                       .filters = 1,
                                       .kernel = { 1, kernel },
                                       .stride = { 1, stride },
                                       .dilation = { 1, dilation },
                                       .begin = { 0, pad },
                                       .groups = 1 };

                    fv__geometry_check(context, "conv", false, &g);
                    assert_ok(context);
                    for (int64_t p = 0; p < fv__min(stride, 160); p++) {
                        const fv__subconv s =
                            fv__subconv_of(&g, FV__BACKWARD_DATA, p);
                        int64_t n = 0;

                        for (int64_t t = kernel; t-- > 0;) {
                            const int64_t from = p + pad - t * dilation;

                            if (from % stride) continue;
                            assert_int_equal(s.weight_at + n * s.weight_tap[1],
                                             t);
                            assert_int_equal(s.first[1] + n * s.step[1],
                                             from / stride);
                            n++;
                        }
                        assert_int_equal(s.taps[1], n);
                    }
                }
    fv_context_free(context);
}

/* Direct convolution counts the pixels that a sweep and its taps reach, with a
 * line more of channels: 2^20 + 2^18 along each axis and 16 + 64 are just below
 * 2^47, 2^20 + 2^19 are not. */
static void reach_of_direct(void **state)
{
    const fv__conv_request wish = { .algorithm = FV_CONV_DIRECT };
    fv_context *context = fv_context_new(NULL);

    (void)state;
    for (int i = 0; i < 2; i++) {
        const int64_t in = 1 << 20, dilation = in >> (i ? 1 : 2);
        fv__geometry g = { .batch = 1,
                           .in = { in, in },
                           .channels = 16,
                           .filters = 16,
                           .kernel = { 2, 2 },
                           .stride = { 1, 1 },
                           .dilation = { dilation, dilation },
                           .groups = 1 };

        assert_int_equal(fv__geometry_check(context, "conv", false, &g), FV_OK);
        assert_int_equal(
            fv__conv_consider(context, FV_CONV_DIRECT, &wish, &g, FV__FORWARD)
                .verdict,
            i ? FV__CONV_CANNOT : FV__CONV_CAN);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_shapes),
        cmocka_unit_test(taps_of_phases),
        cmocka_unit_test(reach_of_direct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
