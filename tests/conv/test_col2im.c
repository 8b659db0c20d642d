/* The input gradient by columns: exact on integers, near on others, and the
 * same bits on every table, for any number of threads and any batch. */
#include "conv/convolution.h"

enum { INPUT = 1 << FV__BACKWARD_DATA };

static fv__geometry draw_geometry(uint64_t *state)
{
    fv__geometry g = { .batch = draw_in(state, 1, 3),
                       .groups = draw(state) % 3 ? 1 : draw_in(state, 1, 3) };

    g.channels = draw(state) % 3 ? g.groups * draw_in(state, 1, 20) : g.groups;
    g.filters = g.groups * draw_in(state, 1, 40);
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = draw_in(state, 1, 5);
        g.stride[i] = draw_in(state, 1, 3);
        g.dilation[i] = draw_in(state, 1, 2);
        g.in[i] = draw_in(state, 9, 17);
        g.begin[i] = draw_in(state, 0, 4);
        g.end[i] = draw_in(state, 0, 4);
    }
    return g;
}

/* One band and several, one block of columns and several, images of one channel
 * and several, items of one image and several. */
static const struct {
    int64_t batch, rows, columns, channels, filters, kernel, groups;
} sizes[] = {
    { 1, 130, 21, 3, 20, 3, 1 }, { 1, 101, 40, 1, 6, 5, 1 },
    { 2, 70, 9, 8, 10, 2, 2 },   { 1, 12, 13, 30, 70, 5, 1 },
    { 1, 90, 31, 1, 33, 4, 1 },  { 41, 7, 6, 7, 11, 5, 1 },
    { 25, 4, 5, 6, 4, 3, 2 },
};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Stride and padding differ between axes and sides. */
static fv__geometry shifted(int64_t rows, int64_t columns, int64_t channels,
                            int64_t filters, int64_t kernel)
{
    fv__geometry g =
        geometry_of(1, rows, columns, channels, filters, 1, kernel, 2, 1);

    g.stride[1] = 1;
    g.begin[1] = g.end[0] = 2;
    return g;
}

static fv__geometry large(int i)
{
    fv__geometry g = shifted(sizes[i].rows, sizes[i].columns, sizes[i].channels,
                             sizes[i].filters, sizes[i].kernel);

    g.batch = sizes[i].batch;
    g.groups = sizes[i].groups;
    return g;
}

static void exact_on_integers(void **state)
{
    uint64_t seed = 5;

    (void)state;
    values_only();
    for (int i = 0; i < 60; i++)
        for (int t = 0; t < TABLES; t++) {
            fv_context *context = context_of(tables[t], dtypes[i % 2], 1);

            if (!context) continue;
            problem p = problem_new(context, i < SIZES ? large(i)
                                                       : draw_geometry(&seed));
            problem_draw(&p, seed, true);
            p.directions = INPUT;
            p.overwrite = i / 2 % 2;
            p.there = -2;
            problem_begin(&p);
            problem q = problem_again(context, &p);
            run_all(context, &fv__conv_reference, &p);
            run_all(context, &fv__conv_col2im, &q);
            same_array("dx", p.dx, q.dx);
            problem_free(&q);
            problem_free(&p);
            fv_context_free(context);
        }
}

static void same_bits(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 30; i++)
        check_same_bits(&fv__conv_col2im, &fv__conv_col2im,
                        i < SIZES ? large(i) : draw_geometry(&seed), INPUT,
                        dtypes[i / 2 % 2], (uint64_t)i);
}

static void image_alone(void **state)
{
    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < SIZES; i++) {
        fv__geometry g = large(i);

        if (g.batch == 1) g.batch = 9;
        same_alone(&fv__conv_col2im, g, dtypes[i % 2]);
    }
}

/* A chain over filters, and a sum over the outputs that meet the input. */
static void near(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv_context *wide = context_of("ref", FV_F64, 1);

    (void)state;
    values_only();
    for (int i = 0; i < SIZES; i++) {
        problem p = problem_new(context, large(i));
        const double terms =
            (double)(p.g.filters / p.g.groups + p.g.kernel[0] * p.g.kernel[1]);

        problem_draw(&p, 11, false);
        p.directions = INPUT;
        run_all(context, &fv__conv_col2im, &p);
        problem value = exact(wide, &p, false), size = exact(wide, &p, true);
        for (size_t j = 0; j < p.dx.n; j++) {
            const double error =
                fabs(array_get(p.dx, j) - array_get(value.dx, j));

            assert_true(error <= terms * 0x1p-24 * array_get(size.dx, j));
        }
        problem_free(&value);
        problem_free(&size);
        problem_free(&p);
    }
    fv_context_free(wide);
    fv_context_free(context);
}

/* Few channels under a wide window take it; many do not. */
static void chosen(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv__geometry narrow = shifted(28, 28, 1, 20, 5);
    fv__geometry deep = shifted(28, 28, 128, 128, 3);
    const fv__conv_request any = { 0 }, strict = { .strict = true };

    (void)state;
    fv__geometry_check(context, "narrow", false, &narrow);
    fv__geometry_check(context, "deep", false, &deep);
    assert_ptr_equal(
        fv__conv_choose(context, "c", &any, &narrow, FV__BACKWARD_DATA),
        &fv__conv_col2im);
    assert_ptr_equal(
        fv__conv_choose(context, "c", &strict, &narrow, FV__BACKWARD_DATA),
        &fv__conv_direct);
    assert_ptr_equal(
        fv__conv_choose(context, "c", &any, &deep, FV__BACKWARD_DATA),
        &fv__conv_direct);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_on_integers),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(image_alone),
        cmocka_unit_test(near),
        cmocka_unit_test(chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
