/* Chains that are cut into blocks: where, that every algorithm cuts them alike,
 * to the last bit, and what errors are left. */
#include "conv/shared.h"
#include "conv/convolution.h"

/* ---- where -------------------------------------------------------------- */

/* Blocks fill the chain; they are whole rows, or inside one, whole columns, or
 * inside one, and neither short nor long where there is more than one. */
static void check_blocks(fv__chain c)
{
    const int64_t terms = fv__chain_terms(c), row = c.columns * c.channels;
    int64_t count = 0;

    for (int64_t at = 0, n; at < terms; at += n, count++) {
        n = fv__chain_block(c, at);
        assert_true(n > 0 && at + n <= terms);
        assert_true((at % row == 0 && n % row == 0) || at % row + n <= row);
        assert_true((at % c.channels == 0 && n % c.channels == 0)
                    || at % c.channels + n <= c.channels);
        assert_true(terms < 2 * FV__BLOCK_TERMS || 2 * n > FV__BLOCK_TERMS);
        assert_true(n < 2 * FV__BLOCK_TERMS);
    }
    assert_int_equal(count > 1, fv__chain_is_cut(c));
    if (terms < 2 * FV__BLOCK_TERMS) assert_false(fv__chain_is_cut(c));
}

static void blocks_of_any_chain(void **state)
{
    uint64_t seed = 1;

    (void)state;
    values_only();
    for (int i = 0; i < 20000; i++)
        check_blocks(
            (fv__chain){ draw_in(&seed, 1, 1 << draw_in(&seed, 0, 5)),
                         draw_in(&seed, 1, 1 << draw_in(&seed, 0, 6)),
                         draw_in(&seed, 1, 1 << draw_in(&seed, 0, 12)) });
    assert_int_equal(fv__chain_block((fv__chain){ 3, 0, 5 }, 0), 0);
}

/* Lengths of the first blocks, 0 behind the last. */
static void lengths_that_stay(void **state)
{
    static const struct {
        fv__chain chain;
        int64_t lengths[4];
    } all[] = {
        { { 1, 1, 2047 }, { 2047 } },
        { { 1, 1, 2048 }, { 1024, 1024 } },
        { { 1, 1, 3100 }, { 1024, 1024, 1052 } },
        { { 3, 3, 227 }, { 2043 } },
        { { 3, 3, 256 }, { 768, 768, 768 } },
        { { 3, 3, 512 }, { 1536, 1536, 1536 } },
        { { 1, 3, 900 }, { 900, 900, 900 } },
        { { 7, 5, 64 }, { 960, 1280 } },
        { { 70, 30, 1 }, { 1020, 1080 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int64_t at = 0, j = 0; at < fv__chain_terms(all[i].chain); j++) {
            const int64_t n = fv__chain_block(all[i].chain, at);

            assert_int_equal(n, all[i].lengths[j]);
            at += n;
        }
}

/* The number of blocks is limited: they become longer. */
static void blocks_of_very_long_chains(void **state)
{
    const int64_t most = (int64_t)FV__BLOCK_TERMS * FV__MOST_BLOCKS;

    (void)state;
    assert_int_equal(fv__chain_block((fv__chain){ 1, 1, most }, 0),
                     FV__BLOCK_TERMS);
    assert_int_equal(fv__chain_block((fv__chain){ 1, 1, most + 1 }, 0),
                     2 * FV__BLOCK_TERMS);
    assert_int_equal(fv__chain_block((fv__chain){ 1, 1, 5 * most }, 0),
                     5 * FV__BLOCK_TERMS);
}

/* So is the number of blocks of a part of a weight's gradient. */
static void parts_of_many_pixels(void **state)
{
    fv__geometry g = { .batch = 1,
                       .in = { 131072, 300, 1 },
                       .channels = 1,
                       .out = { 131072, 300, 1 },
                       .filters = 1,
                       .kernel = { 1, 1, 1 },
                       .stride = { 1, 1, 1 },
                       .dilation = { 1, 1, 1 },
                       .groups = 1 };

    (void)state;
    assert_int_equal(fv__conv_sizes_of(&g).parts, 8);
    g.batch = 5;
    assert_int_equal(fv__conv_sizes_of(&g).parts, 40);
    g.filters = 1 << 22;
    assert_int_equal(fv__conv_sizes_of(&g).parts, 40);
    g.batch = 1;
    assert_int_equal(fv__conv_sizes_of(&g).parts, 8);
}

/* ---- the same bits ------------------------------------------------------- */

static void check_bits(const fv__geometry *g, fv_dtype dtype, bool overwrite)
{
    fv_context *first = context_of("ref", dtype, 1);
    problem p = problem_new(first, *g);

    problem_draw(&p, (uint64_t)g->channels, false);
    p.overwrite = overwrite;
    p.there = 0.7;
    problem_begin(&p);
    run_definition(first, &fv__conv_reference, &p);
    for (int a = 1; a < ALGORITHMS; a++) same_in_all_tables(algorithms[a], &p);
    if (fv__conv_depthwise.applicable(g))
        same_in_all_tables(&fv__conv_depthwise, &p);
    if (fv__conv_grouped.applicable(g))
        same_in_all_tables(&fv__conv_grouped, &p);
    problem_free(&p);
    fv_context_free(first);
}

/* Gradients are added to what is there in one type, and replace it in the
 * other. */
static void check_all(const fv__geometry *all, size_t count)
{
    if (FOREIGN) skip();
    for (size_t i = 0; i < 2 * count; i++)
        check_bits(&all[i / 2], dtypes[i % 2], i % 2);
}

/* Blocks of whole rows of taps, of whole taps and inside them; of few filters,
 * which squares of pixels meet, and more; taps that are no neighbours in
 * memory; the chains of input gradients in all phases of a stride. */
static void bits_of_many_channels(void **state)
{
    /* clang-format off */
    static const fv__geometry all[] = {
        { 1, {3,4}, 240, {0,0}, 5, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {2,9}, 800, {0,0}, 2, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {2,9}, 2600, {0,0}, 3, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {1,5}, 3100, {0,0}, 35, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {5,4}, 500, {0,0}, 3, {3,2}, {1,1}, {2,2}, {2,1}, {2,1}, 1, false },
        { 1, {3,3}, 2, {0,0}, 1100, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {6,5}, 2, {0,0}, 530, {5,4}, {2,2}, {1,1}, {2,1}, {2,2}, 1, false },
        { 1, {3,4}, 500, {0,0}, 6, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 2, false },
        { 1, {3,3}, 6, {0,0}, 500, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 2, false },
    };
    /* clang-format on */

    (void)state;
    check_all(all, sizeof all / sizeof *all);
}

/* Of one channel, along rows; of each channel on its own; of groups of few. */
static void bits_of_large_kernels(void **state)
{
    /* clang-format off */
    static const fv__geometry all[] = {
        { 1, {52,46}, 1, {0,0}, 3, {50,44}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {2,2210}, 1, {0,0}, 2, {1,2200}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {47,46}, 3, {0,0}, 3, {46,45}, {1,1}, {1,1}, {1,0}, {0,1}, 3, false },
        { 1, {3,2055}, 2, {0,0}, 2, {1,2051}, {2,1}, {1,1}, {0,0}, {0,0}, 2, false },
        { 1, {25,24}, 12, {0,0}, 6, {23,23}, {1,1}, {1,1}, {0,0}, {0,0}, 3, false },
        { 1, {25,26}, 8, {0,0}, 8, {23,23}, {1,1}, {1,1}, {0,1}, {0,0}, 2, false },
        { 1, {25,47}, 8, {0,0}, 8, {23,23}, {1,1}, {1,2}, {0,0}, {0,0}, 2, false },
    };
    /* clang-format on */

    (void)state;
    check_all(all, sizeof all / sizeof *all);
    /* whole vectors of channels, and more */
    check_bits(&(fv__geometry){ .batch = 1,
                                .in = { 47, 46 },
                                .channels = 17,
                                .filters = 17,
                                .kernel = { 46, 45 },
                                .stride = { 1, 1 },
                                .dilation = { 1, 1 },
                                .groups = 17 },
               FV_F32, false);
}

/* Rows of outputs that are cut in the weights' gradient. */
static void bits_of_long_rows(void **state)
{
    /* clang-format off */
    static const fv__geometry all[] = {
        { 1, {2,2100}, 2, {0,0}, 3, {1,3}, {1,1}, {1,1}, {0,1}, {0,1}, 1, false },
        { 1, {1,3200}, 35, {0,0}, 2, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {2,2100}, 1, {0,0}, 34, {2,3}, {1,1}, {1,1}, {0,1}, {1,1}, 1, false },
        { 1, {2,2100}, 18, {0,0}, 18, {2,2}, {1,1}, {1,1}, {0,1}, {1,0}, 18, false },
        { 1, {1,2100}, 6, {0,0}, 4, {1,2}, {1,1}, {1,1}, {0,1}, {0,0}, 2, false },
    };
    /* clang-format on */

    (void)state;
    check_all(all, sizeof all / sizeof *all);
}

/* ---- errors -------------------------------------------------------------- */

/* Largest relative error of sums of positive terms; NaN if one is. */
static double largest_error(array got, array want)
{
    double largest = 0;

    for (size_t i = 0; i < got.n; i++) {
        const double error = fabs(array_get(got, i) / array_get(want, i) - 1);

        if (!(error <= largest)) largest = error;
    }
    return largest;
}

static void errors_of_positive_sums(void **state)
{
    const fv__geometry g = { .batch = 1,
                             .in = { 7, 7 },
                             .channels = 2048,
                             .filters = 4,
                             .kernel = { 7, 7 },
                             .stride = { 1, 1 },
                             .dilation = { 1, 1 },
                             .groups = 1 };
    fv_context *f32 = context_of(NULL, FV_F32, 1);
    fv_context *f64 = context_of(NULL, FV_F64, 1);
    problem p = problem_new(f32, g), q = problem_new(f64, g);
    uint64_t seed = 3;

    (void)state;
    values_only();
    if (FOREIGN) skip();
    for (size_t i = 0; i < p.x.n; i++)
        array_set(p.x, i, (double)draw_in(&seed, 1, 1 << 20) / (1 << 20));
    for (size_t i = 0; i < p.weight.n; i++)
        array_set(p.weight, i, (double)draw_in(&seed, 1, 1 << 20) / (1 << 20));
    for (size_t i = 0; i < p.x.n; i++) array_set(q.x, i, array_get(p.x, i));
    for (size_t i = 0; i < p.weight.n; i++)
        array_set(q.weight, i, array_get(p.weight, i));
    run_one(f32, &fv__conv_direct, &p, FV__FORWARD);
    run_one(f64, &fv__conv_direct, &q, FV__FORWARD);
    assert_true(largest_error(p.y, q.y) <= 1e-6);
    problem_free(&p);
    problem_free(&q);
    fv_context_free(f32);
    fv_context_free(f64);
}

/* A million pixels that give a tenth each. */
static void errors_of_many_pixels(void **state)
{
    enum { SIDE = 1000 };
    fv__geometry g = { .batch = 1,
                       .in = { SIDE, SIDE },
                       .channels = 2,
                       .filters = 2,
                       .kernel = { 1, 1 },
                       .stride = { 1, 1 },
                       .dilation = { 1, 1 },
                       .groups = 1 };
    const fv__conv_algorithm *const ways[] = { &fv__conv_im2col,
                                               &fv__conv_direct,
                                               &fv__conv_depthwise };
    const double sum = SIDE * SIDE * (double)0.1F;

    (void)state;
    values_only();
    for (int i = 0; i < 3; i++) {
        fv_context *context = context_of(NULL, FV_F32, 2);

        g.groups = i < 2 ? 1 : 2;
        problem p = problem_new(context, g);
        for (size_t j = 0; j < p.x.n; j++) array_set(p.x, j, 1);
        for (size_t j = 0; j < p.dy.n; j++) array_set(p.dy, j, (double)0.1F);
        run_one(context, ways[i], &p, FV__BACKWARD_WEIGHTS);
        for (size_t j = 0; j < p.dbias.n; j++)
            assert_true(fabs(array_get(p.dbias, j) / sum - 1) <= 3e-5);
        for (size_t j = 0; j < p.dweight.n; j++)
            assert_true(fabs(array_get(p.dweight, j) / sum - 1) <= 3e-5);
        problem_free(&p);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_any_chain),
        cmocka_unit_test(lengths_that_stay),
        cmocka_unit_test(blocks_of_very_long_chains),
        cmocka_unit_test(parts_of_many_pixels),
        cmocka_unit_test(bits_of_many_channels),
        cmocka_unit_test(bits_of_large_kernels),
        cmocka_unit_test(bits_of_long_rows),
        cmocka_unit_test(errors_of_positive_sums),
        cmocka_unit_test(errors_of_many_pixels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
