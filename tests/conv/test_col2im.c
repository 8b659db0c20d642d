/* The input gradient by columns: exact on integers, near on others, and the
 * same bits on every table, for any number of threads and any batch. */
#include "conv/convolution.h"

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

static fv__geometry square(int64_t batch, int64_t rows, int64_t columns,
                           int64_t channels, int64_t filters, int64_t kernel,
                           int64_t groups)
{
    return (fv__geometry){ .batch = batch,
                           .in = { rows, columns },
                           .channels = channels,
                           .filters = filters,
                           .kernel = { kernel, kernel },
                           .stride = { 2, 1 },
                           .dilation = { 1, 1 },
                           .begin = { 1, 2 },
                           .end = { 2, 1 },
                           .groups = groups };
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

static fv__geometry large(int i)
{
    return square(sizes[i].batch, sizes[i].rows, sizes[i].columns,
                  sizes[i].channels, sizes[i].filters, sizes[i].kernel,
                  sizes[i].groups);
}

static void run(fv_context *context, const fv__conv_algorithm *algorithm,
                problem *p)
{
    if (p->overwrite)
        memset(p->dx.at, 0xff, array_bytes(p->dx));
    else
        for (size_t i = 0; i < p->dx.n; i++)
            array_set(p->dx, i, (double)(i % 7) - 3);
    run_one(context, algorithm, p, FV__BACKWARD_DATA);
}

static void exact_on_integers(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 60; i++)
        for (int t = 0; t < TABLES; t++) {
            fv_context *context = context_of(tables[t], dtypes[i % 2], 1);

            if (!context) continue;
            problem p = problem_new(context, i < SIZES ? large(i)
                                                       : draw_geometry(&seed));
            problem_draw(&p, seed, true);
            p.overwrite = i / 2 % 2;
            problem q = problem_again(context, &p);
            run(context, &fv__conv_reference, &p);
            run(context, &fv__conv_col2im, &q);
            same_array("dx", p.dx, q.dx);
            problem_free(&q);
            problem_free(&p);
            fv_context_free(context);
        }
}

static void check_bits(fv__geometry g, fv_dtype dtype, uint64_t seed)
{
    const int32_t threads[] = { 1, 2, 4 };
    fv_context *first = context_of("ref", dtype, 1);
    problem p = problem_new(first, g);

    problem_draw(&p, seed, false);
    p.overwrite = seed % 2;
    run(first, &fv__conv_col2im, &p);
    for (int t = 0; t < TABLES; t++)
        for (int n = 0; n < 3; n++) {
            fv_context *context = context_of(tables[t], dtype, threads[n]);

            if (!context) continue;
            problem q = problem_again(context, &p);
            run(context, &fv__conv_col2im, &q);
            same_array("dx", p.dx, q.dx);
            problem_free(&q);
            fv_context_free(context);
        }
    problem_free(&p);
    fv_context_free(first);
}

static void same_bits(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 30; i++)
        check_bits(i < SIZES ? large(i) : draw_geometry(&seed), dtypes[i % 2],
                   (uint64_t)i);
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

static void copy_to(array to, array from, bool absolute)
{
    for (size_t i = 0; i < to.n; i++) {
        const double value = array_get(from, i);

        array_set(to, i, absolute ? fabs(value) : value);
    }
}

/* The gradient in f64 of the same operands, or of their absolute values. */
static array exact(fv_context *wide, const problem *p, bool absolute)
{
    problem q = problem_new(wide, p->g);
    array dx;

    copy_to(q.weight, p->weight, absolute);
    copy_to(q.dy, p->dy, absolute);
    q.overwrite = true;
    run(wide, &fv__conv_reference, &q);
    dx = array_copy(q.dx);
    problem_free(&q);
    return dx;
}

/* A chain over filters, and a sum over the outputs that meet the input. */
static void near(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv_context *wide = context_of("ref", FV_F64, 1);

    (void)state;
    for (int i = 0; i < SIZES; i++) {
        problem p = problem_new(context, large(i));
        const double terms =
            (double)(p.g.filters / p.g.groups + p.g.kernel[0] * p.g.kernel[1]);
        array value, size;

        problem_draw(&p, 11, false);
        p.overwrite = true;
        run(context, &fv__conv_col2im, &p);
        value = exact(wide, &p, false);
        size = exact(wide, &p, true);
        for (size_t j = 0; j < p.dx.n; j++) {
            const double error = fabs(array_get(p.dx, j) - array_get(value, j));

            assert_true(error <= terms * 0x1p-24 * array_get(size, j));
        }
        free(value.at);
        free(size.at);
        problem_free(&p);
    }
    fv_context_free(wide);
    fv_context_free(context);
}

/* Few channels under a wide window take it; many do not. */
static void chosen(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    fv__geometry narrow = square(1, 28, 28, 1, 20, 5, 1);
    fv__geometry deep = square(1, 28, 28, 128, 128, 3, 1);
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
