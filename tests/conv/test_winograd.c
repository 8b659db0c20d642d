/* Winograd's convolution: every table, number of threads and batch gives the
 * bits of the plain table on one thread; and the error against plain sums is
 * bounded. */
#include "conv/winograd/winograd.h"

#include "conv/convolution.h"

static fv__geometry square(int64_t batch, int64_t rows, int64_t columns,
                           int64_t channels, int64_t filters, int64_t groups,
                           int64_t padding)
{
    return geometry_of(batch, rows, columns, channels, filters, groups, 3, 1,
                       padding);
}

/* The geometry with a 5x5 kernel. */
static fv__geometry five(fv__geometry g)
{
    g.kernel[0] = g.kernel[1] = 5;
    return g;
}

/* The geometry with stride 2. */
static fv__geometry strided(fv__geometry g)
{
    g.stride[0] = g.stride[1] = 2;
    return g;
}

/* The geometry with a 7x7 kernel of stride 2 or an 11x11 kernel of stride 4. */
static fv__geometry large(fv__geometry g, int64_t kernel)
{
    g.kernel[0] = g.kernel[1] = kernel;
    g.stride[0] = g.stride[1] = kernel == 7 ? 2 : 4;
    return g;
}

static fv__geometry draw_geometry(uint64_t *state)
{
    fv__geometry g = square(draw_in(state, 1, 3), draw_in(state, 3, 13),
                            draw_in(state, 3, 13), 0, 0, 1, 0);
    const int64_t least = g.in[0] < g.in[1] ? g.in[0] : g.in[1];
    const uint64_t kind = draw(state) % 6;

    if (kind == 0) g = strided(g);
    if (kind == 1 && least >= 5) g = five(g);
    if (kind == 2 && least >= 7) g = large(g, 7);
    if (kind == 3 && least >= 11) g = large(g, 11);
    if (kind == 4 && least >= 5) g = strided(five(g));
    g.groups = draw(state) % 3 ? 1 : draw_in(state, 1, 3);
    g.channels = g.groups * draw_in(state, 1, 40);
    g.filters = g.groups * draw_in(state, 1, 40);
    for (int i = 0; i < 2; i++) {
        g.begin[i] = draw_in(state, 0, 3);
        g.end[i] = draw_in(state, 0, 3);
    }
    return g;
}

/* ---- the same bits ------------------------------------------------------ */

/* Winograd's convolution is its own definition, on the plain table. */
static void check_bits(fv__geometry g, fv_dtype dtype, uint64_t seed)
{
    check_same_bits(&fv__conv_winograd, &fv__conv_winograd, g, 0, dtype, seed);
}

static void bits_of_small_geometries(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 60; i++)
        check_bits(draw_geometry(&seed), dtypes[i % 2], (uint64_t)i);
}

/* Sizes at which every loop is divided: several blocks of tiles, with a shared
 * input and without, one block more than tiles fill, several blocks of filters,
 * and several blocks and parts of the weight gradient. */
static void bits_of_large_geometries(void **state)
{
    const fv__geometry all[] = {
        square(1, 61, 55, 3, 70, 1, 1),
        square(3, 41, 37, 17, 9, 1, 0),
        square(2, 23, 26, 11, 44, 1, 1),
        square(1, 40, 44, 7, 37, 1, 1),
        square(9, 5, 6, 9, 70, 1, 1),
        square(1, 9, 10, 130, 140, 1, 1),
        square(2, 29, 30, 22, 34, 2, 1),
        square(1, 12, 12, 300, 150, 1, 1),
        square(1, 204, 236, 12, 5, 1, 1),
        five(square(1, 41, 35, 5, 70, 1, 2)),
        five(square(3, 27, 25, 9, 34, 1, 0)),
        five(square(1, 12, 13, 140, 44, 1, 2)),
        five(square(2, 19, 18, 22, 34, 2, 1)),
        strided(square(1, 75, 69, 5, 70, 1, 1)),
        strided(square(3, 57, 58, 17, 34, 1, 0)),
        strided(square(1, 24, 25, 140, 44, 1, 1)),
        strided(square(2, 39, 38, 22, 34, 2, 2)),
        strided(five(square(1, 74, 61, 3, 70, 1, 2))),
        strided(five(square(2, 35, 36, 22, 34, 2, 1))),
        strided(five(square(1, 22, 27, 140, 44, 1, 0))),
        large(square(1, 97, 92, 3, 70, 1, 3), 7),
        large(square(2, 41, 38, 22, 34, 2, 2), 7),
        large(square(1, 24, 25, 90, 44, 1, 3), 7),
        large(square(1, 227, 115, 3, 40, 1, 2), 11),
        large(square(2, 59, 67, 14, 34, 2, 5), 11),
        large(square(1, 51, 52, 70, 36, 1, 0), 11),
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_bits(all[i], dtypes[i % 2], i);
}

/* Every scheme with every epilogue, with pixels that are whole cache lines, and
 * with few channels and more. */
static void epilogues(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++)
        for (int i = 0; i < 4; i++) {
            const fv_dtype dtype = dtypes[i % 2];
            const int64_t channels = i < 2 ? 3 : 18;
            const int64_t filters = seed % 3 ? 32 : 21;
            const fv__geometry g = square(2, 13, 14, channels, filters, 1, 2);

            check_bits(g, dtype, seed);
            check_bits(square(2, 6, 5, channels, filters, 1, 1), dtype, seed);
            check_bits(five(g), dtype, seed);
            check_bits(strided(g), dtype, seed);
            check_bits(strided(five(g)), dtype, seed);
            check_bits(large(g, 7), dtype, seed);
            check_bits(large(g, 11), dtype, seed);
        }
}

/* Outputs that exceed the small caches of the contexts with four threads and
 * are stored without caching, of few channels and of more. */
static void bits_of_nontemporal_outputs(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        check_bits(square(3, 30, 29, 3, 80, 1, 1), dtypes[d], 1);
        check_bits(square(3, 30, 29, 12, 80, 1, 1), dtypes[d], 1);
    }
}

/* Each image of a batch has the bits that it has alone. */
static void images_are_independent(void **state)
{
    const fv__geometry geometries[] = {
        square(9, 20, 19, 5, 35, 1, 1),
        square(9, 6, 5, 20, 7, 1, 1),
        five(square(9, 10, 9, 20, 7, 1, 2)),
        strided(square(9, 20, 19, 5, 35, 1, 1)),
        large(square(9, 29, 31, 3, 35, 1, 3), 7),
        large(square(9, 41, 45, 3, 35, 1, 2), 11)
    };

    (void)state;
    for (int i = 0; i < 12; i++)
        same_alone(&fv__conv_winograd, geometries[i / 2], dtypes[i % 2]);
}

/* ---- rounding errors ---------------------------------------------------- */

/* On small integers, with weights and gradients of outputs that are multiples
 * of four, F(2, 3) does not round. */
static void small_tiles_are_exact(void **state)
{
    uint64_t seed = 4;

    (void)state;
    values_only();
    for (int i = 0; i < 20; i++) {
        fv_context *context = context_of(NULL, dtypes[i % 2], 1);
        problem p = problem_new(
            context, square(draw_in(&seed, 1, 3), draw_in(&seed, 5, 6),
                            draw_in(&seed, 5, 6), draw_in(&seed, 1, 40),
                            draw_in(&seed, 1, 40), 1, 1));
        assert_int_equal(fv__winograd_tiling_of(&p.g, FV__FORWARD).points, 16);
        problem_draw(&p, seed, true);
        for (size_t j = 0; j < p.weight.n; j++)
            array_set(p.weight, j, 4 * array_get(p.weight, j));
        for (size_t j = 0; j < p.dy.n; j++)
            array_set(p.dy, j, 4 * array_get(p.dy, j));
        problem q = problem_again(context, &p);
        run_all(context, &fv__conv_winograd, &p);
        run_all(context, &fv__conv_reference, &q);
        check_multiple("y", p.y, 1, q.y);
        check_multiple("dx", p.dx, 1, q.dx);
        check_multiple("dweight", p.dweight, 1, q.dweight);
        problem_free(&q);
        problem_free(&p);
        fv_context_free(context);
    }
}

/* ||got - want|| <= bound ||want||, in the Euclidean norm. */
static void check_norm(const char *what, array got, array want, double bound)
{
    double error = 0, size = 0;

    for (size_t i = 0; i < got.n; i++) {
        double d = array_get(got, i) - array_get(want, i);

        error += d * d;
        size += array_get(want, i) * array_get(want, i);
    }
    if (!(error <= bound * bound * size))
        fail_msg("%s: relative error %g exceeds %g", what, sqrt(error / size),
                 bound);
}

/* The scale of an output's error: the sum over channels of the largest |x| of
 * the tile times the sum of |w|. */
static double tile_size(const problem *p, const fv__winograd_tiling *w,
                        int64_t tile, int64_t filter)
{
    const fv__geometry *g = &p->g;
    const fv__pixel at = fv__winograd_tile_input(w, tile);
    double sum = 0;

    for (int64_t c = 0; c < g->channels; c++) {
        double most = 0, weights = 0;

        for (int64_t i = 0; i < w->in_side * w->in_side; i++) {
            int64_t row = at.row + i / w->in_side;
            int64_t column = at.column + i % w->in_side;
            int64_t line = at.image * g->in[0] + row;

            if (row < 0 || row >= g->in[0] || column < 0 || column >= g->in[1])
                continue;
            most = fmax(most,
                        fabs(array_get(p->x, (size_t)((line * g->in[1] + column)
                                                          * g->channels
                                                      + c))));
        }
        for (int64_t tap = 0; tap < w->taps; tap++)
            weights += fabs(array_get(
                p->weight,
                (size_t)((filter * w->taps + tap) * g->channels + c)));
        sum += most * weights;
    }
    return sum;
}

/* |got - want| <= bound tile_size() for every output. */
static void check_each(const problem *got, const problem *want, double bound)
{
    const fv__geometry *g = &got->g;
    const fv__winograd_tiling w = fv__winograd_tiling_of(g, FV__FORWARD);

    for (int64_t tile = 0; tile < w.all_tiles; tile++)
        for (int64_t f = 0; f < g->filters; f++) {
            const fv__pixel at = fv__winograd_tile_output(&w, tile);
            double most = bound * tile_size(got, &w, tile, f);

            for (int64_t i = 0; i < w.out_step * w.out_step; i++) {
                int64_t row = at.row + i / w.out_step;
                int64_t column = at.column + i % w.out_step;

                if (row >= g->out[0] || column >= g->out[1]) continue;
                size_t n =
                    (size_t)(((at.image * g->out[0] + row) * g->out[1] + column)
                                 * g->filters
                             + f);
                double d = array_get(got->y, n) - array_get(want->y, n);

                if (!(fabs(d) <= most))
                    fail_msg("y[%zu]: error %g exceeds %g", n, fabs(d), most);
            }
        }
}

static void errors_are_bounded(void **state)
{
    const fv__geometry all[] = {
        square(1, 16, 16, 1, 8, 1, 1),
        square(1, 15, 17, 64, 20, 1, 1),
        square(1, 8, 8, 512, 12, 1, 1),
        square(2, 14, 14, 20, 200, 1, 1),
        square(2, 6, 5, 64, 40, 1, 1),
        square(1, 5, 6, 512, 10, 1, 1),
        square(1, 80, 72, 24, 20, 1, 1),
        five(square(1, 15, 17, 64, 20, 1, 2)),
        five(square(1, 8, 8, 512, 12, 1, 2)),
        five(square(2, 27, 28, 20, 50, 1, 0)),
        strided(square(1, 31, 30, 64, 20, 1, 1)),
        strided(square(1, 16, 16, 512, 12, 1, 1)),
        strided(square(2, 27, 28, 20, 50, 1, 0)),
        strided(five(square(1, 31, 30, 64, 20, 1, 2))),
        strided(five(square(1, 16, 18, 512, 12, 1, 2))),
        large(square(1, 62, 61, 3, 20, 1, 3), 7),
        large(square(1, 27, 26, 300, 12, 1, 3), 7),
        large(square(1, 115, 119, 3, 20, 1, 2), 11),
        large(square(1, 51, 52, 90, 12, 1, 2), 11),
    };

    (void)state;
    values_only();
    for (size_t i = 0; i < 2 * sizeof all / sizeof *all; i++) {
        fv_context *context = context_of(NULL, dtypes[i % 2], 2);
        fv_context *plain = context_of("ref", FV_F64, 2);
        problem p = problem_new(context, all[i / 2]);
        const bool small =
            fv__winograd_tiling_of(&p.g, FV__FORWARD).points == 16;
        const double unit = i % 2 ? 0x1p-53 : 0x1p-24;
        const double norm = i % 2 ? 1e-13 : small ? 2e-6 : 8e-6;

        problem_draw(&p, i, false);
        for (size_t j = 0; j < p.x.n && i % 4 > 1; j++) /* after a ReLU */
            array_set(p.x, j, fmax(0, array_get(p.x, j)));
        problem q = exact(plain, &p, false);
        run_all(context, &fv__conv_winograd, &p);
        check_each(&p, &q, (small ? 4 : 64) * unit);
        check_norm("y", p.y, q.y, norm);
        check_norm("dx", p.dx, q.dx, norm);
        check_norm("dweight", p.dweight, q.dweight, 2 * norm);
        check_norm("dbias", p.dbias, q.dbias, 2 * norm);
        problem_free(&q);
        problem_free(&p);
        fv_context_free(plain);
        fv_context_free(context);
    }
}

/* An input that is not finite reaches the tiles that read it and no other. */
static void not_a_number_stays_in_its_tiles(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    problem p = problem_new(context, square(1, 16, 16, 3, 4, 1, 1));

    (void)state;
    values_only();
    problem_draw(&p, 5, false);
    array_set(p.x, (6 * 16 + 6) * 3 + 1, (double)NAN); /* of tile (1, 1) only */
    run_one(context, &fv__conv_winograd, &p, FV__FORWARD);
    for (size_t i = 0; i < p.y.n; i++) {
        size_t row = i / 4 / 16, column = i / 4 % 16;

        assert_int_equal(isnan(array_get(p.y, i)),
                         row / 4 == 1 && column / 4 == 1);
    }
    problem_free(&p);
    fv_context_free(context);
}

/* ---- epilogue and accumulation ------------------------------------------ */

/* Bias, residual and clamp give the bits of separate passes over outputs. */
static void epilogue_is_applied(void **state)
{
    (void)state;
    values_only();
    for (int i = 0; i < 8; i++) {
        fv_context *context = context_of(NULL, dtypes[i % 2], 1);
        problem p = problem_new(context, square(2, i % 4 > 1 ? 5 : 11, 14, 6,
                                                44, i > 3 ? 1 : 2, 1));
        uint64_t seed = 6;

        problem_draw(&p, seed, false);
        problem q = problem_again(context, &p);
        memset(q.bias.at, 0, array_bytes(q.bias));
        run_one(context, &fv__conv_winograd, &q, FV__FORWARD);
        array residual = array_new(p.y.dtype, p.y.n, 0);
        array_draw(residual, &seed, false);
        p.epilogue = (fv__epilogue){
            .residual = residual.at, .low = -0.5, .high = 0.75, .clamp = true
        };
        run_one(context, &fv__conv_winograd, &p, FV__FORWARD);
        for (size_t j = 0; j < p.y.n; j++) {
            array_set(q.y, j, array_get(q.y, j) + array_get(p.bias, j % 44));
            array_set(q.y, j, array_get(q.y, j) + array_get(residual, j));
            array_set(q.y, j, fmin(fmax(array_get(q.y, j), -0.5), 0.75));
        }
        same_array("y", p.y, q.y);
        free(residual.at);
        problem_free(&q);
        problem_free(&p);
        fv_context_free(context);
    }
}

static void gradients_overwrite_or_accumulate(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < 20; i++) {
        fv__geometry g = draw_geometry(&seed);

        check_sums(&fv__conv_winograd, g, i, seed, false);
    }
}

/* Bytes that a second to eighth thread need for a weight gradient. */
static size_t more_for_threads(fv__geometry g)
{
    size_t bytes[2];

    for (int i = 0; i < 2; i++) {
        fv_context *context = context_of(NULL, FV_F32, i ? 8 : 1);

        fv__geometry_check(context, "conv2d", false, &g);
        bytes[i] =
            fv__winograd_weight_grad_scratch(fv__conv_target_of(context), &g);
        fv_context_free(context);
    }
    return bytes[1] - bytes[0];
}

/* Tiles of small weights are cut into parts, each thread with its own points;
 * sums of many weights would take too much memory. */
static void parts_of_weight_gradients(void **state)
{
    const fv__geometry small = square(16, 32, 32, 16, 16, 1, 1);
    const fv__geometry large_one = square(16, 32, 32, 512, 512, 1, 1);

    (void)state;
    assert_true(more_for_threads(small) > 0);
    assert_int_equal(more_for_threads(large_one), 0);
}

static void refuses_other_geometries(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv__geometry g = square(1, 9, 9, 4, 4, 1, 1);

    (void)state;
    assert_true(fv__conv_winograd.applicable(&g));
    g.stride[1] = 2;
    assert_false(fv__conv_winograd.applicable(&g));
    g.stride[0] = 2;
    assert_true(fv__conv_winograd.applicable(&g));
    g.stride[0] = g.stride[1] = 3;
    assert_false(fv__conv_winograd.applicable(&g));
    g = strided(five(square(1, 9, 9, 4, 4, 1, 1)));
    assert_true(fv__conv_winograd.applicable(&g));
    g.stride[0] = g.stride[1] = 3;
    assert_false(fv__conv_winograd.applicable(&g));
    g = large(square(1, 19, 19, 4, 4, 1, 1), 7);
    assert_true(fv__conv_winograd.applicable(&g));
    g.kernel[0] = g.kernel[1] = 11;
    assert_false(fv__conv_winograd.applicable(&g));
    g = large(g, 11);
    assert_true(fv__conv_winograd.applicable(&g));
    g = square(1, 9, 9, 4, 4, 1, 1), g.dilation[0] = 2;
    assert_false(fv__conv_winograd.applicable(&g));
    g = square(1, 9, 9, 4, 4, 1, 1), g.kernel[0] = 1;
    assert_false(fv__conv_winograd.applicable(&g));
    g.kernel[0] = 5;
    assert_false(fv__conv_winograd.applicable(&g));
    g.kernel[1] = 5;
    assert_true(fv__conv_winograd.applicable(&g));
    g.kernel[0] = g.kernel[1] = 4;
    assert_false(fv__conv_winograd.applicable(&g));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_of_small_geometries),
        cmocka_unit_test(bits_of_large_geometries),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(bits_of_nontemporal_outputs),
        cmocka_unit_test(images_are_independent),
        cmocka_unit_test(small_tiles_are_exact),
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(not_a_number_stays_in_its_tiles),
        cmocka_unit_test(epilogue_is_applied),
        cmocka_unit_test(gradients_overwrite_or_accumulate),
        cmocka_unit_test(parts_of_weight_gradients),
        cmocka_unit_test(refuses_other_geometries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
