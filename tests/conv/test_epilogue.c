/* The epilogue of outputs and of input gradients: what each algorithm makes
 * without it, and then the bias, the residual and the clamp, each rounded. */
#include "conv/convolution.h"

static const fv__conv_algorithm *const all_algorithms[] = {
    &fv__conv_reference, &fv__conv_im2col, &fv__conv_direct, &fv__conv_winograd,
    &fv__conv_depthwise, &fv__conv_col2im, &fv__conv_grouped
};
enum { ALL = sizeof all_algorithms / sizeof *all_algorithms };

static double rounded(fv_dtype dtype, double value)
{
    return dtype == FV_F64 ? value : (double)(float)value;
}

/* Applies an epilogue of `columns` columns to what was made without it. */
static void apply(array y, const fv__epilogue *e, array bias, array residual)
{
    for (size_t i = 0; i < y.n; i++) {
        double value = array_get(y, i);

        if (e->bias)
            value = rounded(y.dtype, value + array_get(bias, i % bias.n));
        if (e->residual)
            value = rounded(y.dtype, value + array_get(residual, i));
        if (e->clamp)
            value = value < e->low ? e->low : value > e->high ? e->high : value;
        array_set(y, i, value);
    }
}

/* The forward pass or the input gradient with the epilogue that the bits of
 * `which` say: bias, residual, clamp. */
static void check(const fv__conv_algorithm *algorithm, const problem *operands,
                  fv__direction direction, unsigned which)
{
    fv_context *first = context_of("ref", operands->x.dtype, 1);
    problem p = problem_again(first, operands);
    const bool forward = direction == FV__FORWARD;
    const array like = forward ? p.y : p.dx;
    const int64_t columns = forward ? p.g.filters : p.g.channels;
    uint64_t seed = which + 10;
    array bias = array_new(like.dtype, (size_t)columns, 0);
    array residual = array_new(like.dtype, like.n, 0);
    fv__epilogue e = { .bias = which & 1 ? bias.at : NULL,
                       .residual = which & 2 ? residual.at : NULL,
                       .residual_row = (size_t)columns,
                       .low = -0.5,
                       .high = 0.75,
                       .clamp = which & 4 };

    array_draw(bias, &seed, false);
    array_draw(residual, &seed, false);
    p.directions = 1u << direction;
    run_definition(first, algorithm, &p);
    if (forward || p.overwrite) apply(like, &e, bias, residual);
    *(forward ? &p.epilogue : &p.epilogue_dx) = e;
    same_in_all_tables(algorithm, &p);
    free(bias.at);
    free(residual.at);
    problem_free(&p);
    fv_context_free(first);
}

static void check_all(const fv__conv_algorithm *algorithm, fv__geometry g,
                      fv_dtype dtype)
{
    fv_context *context = context_of("ref", dtype, 1);
    problem p = problem_new(context, g);

    problem_draw(&p, 3, false);
    problem_without_bias(&p);
    p.there = 0.25;
    const bool applicable = algorithm->applicable(&p.g);
    for (unsigned which = 1; applicable && which < 8;
         which += which < 4 ? 1 : 3) {
        p.overwrite = true;
        check(algorithm, &p, FV__FORWARD, which);
        check(algorithm, &p, FV__BACKWARD_DATA, which);
    }
    p.overwrite = false; /* dx that is added to has none */
    if (applicable) check(algorithm, &p, FV__BACKWARD_DATA, 7);
    problem_free(&p);
    fv_context_free(context);
}

static void every_algorithm(void **state)
{
    /* batch, in, channels, out (derived), filters, kernel, stride, dilation,
     * padding before and after, groups */
    /* clang-format off */
    static const fv__geometry all[] = {
        { 1, {9,7}, 19, {0,0}, 35, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {9,18}, 5, {0,0}, 20, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {9,11}, 20, {0,0}, 9, {3,3}, {2,2}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {15,13}, 3, {0,0}, 17, {7,7}, {2,2}, {1,1}, {3,3}, {3,3}, 1, false },
        { 1, {13,12}, 40, {0,0}, 33, {1,1}, {1,1}, {1,1}, {0,0}, {0,0}, 1, false },
        { 3, {9,10}, 36, {0,0}, 21, {1,1}, {2,2}, {1,1}, {0,0}, {0,0}, 1, false },
        { 1, {11,20}, 1, {0,0}, 6, {5,5}, {1,1}, {1,1}, {2,2}, {2,2}, 1, false },
        { 1, {8,35}, 3, {0,0}, 20, {3,3}, {1,1}, {5,5}, {5,5}, {5,5}, 1, false },
        { 1, {3,4}, 34, {0,0}, 260, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 1, false },
        { 1, {15,16}, 3, {0,0}, 260, {3,3}, {1,1}, {4,4}, {4,4}, {4,4}, 1, false },
        { 2, {9,10}, 8, {0,0}, 16, {3,3}, {1,1}, {1,1}, {1,1}, {1,1}, 4, false },
        { 1, {9,11}, 6, {0,0}, 4, {2,1}, {3,3}, {1,1}, {0,0}, {0,0}, 2, false },
        { 1, {9,10}, 64, {0,0}, 64, {3,3}, {2,2}, {1,1}, {1,1}, {1,1}, 2, false },
        { 1, {11,13}, 35, {0,0}, 35, {3,3}, {1,1}, {2,1}, {2,1}, {2,1}, 35, false },
        { 1, {10,12}, 19, {0,0}, 19, {3,3}, {2,3}, {1,1}, {1,1}, {1,1}, 19, false },
        { 1, {11,13}, 19, {0,0}, 19, {9,9}, {1,1}, {1,1}, {4,4}, {4,4}, 19, false },
    };
    /* clang-format on */

    (void)state;
    if (FOREIGN) skip();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int a = 0; a < ALL; a++)
            for (int d = 0; d < 2; d++)
                check_all(all_algorithms[a], all[i], dtypes[d]);
}

/* Input gradients that go past the caches. */
static void past_the_caches(void **state)
{
    static const fv__geometry g = { 3,        { 30, 29 }, 80,       { 0, 0 },
                                    4,        { 1, 2 },   { 1, 1 }, { 1, 1 },
                                    { 0, 0 }, { 0, 0 },   1,        false };

    (void)state;
    if (FOREIGN) skip();
    for (int d = 0; d < 2; d++) check_all(&fv__conv_direct, g, dtypes[d]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm),
        cmocka_unit_test(past_the_caches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
