/* Tests of the operator grid_sample. */
#include "operands.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_grid_sample_of(at[0], at[1], user);
}

/* ---- values by hand ------------------------------------------------------ */

/* A row of three pixels 1, 2, 4, in its middle, at some x. */
static void check_row(fv_sampling how, int64_t count, const double *x,
                      const double *expected)
{
    const double pixels[] = { 1, 2, 4 };
    double grid[16] = { 0 };
    for (int64_t i = 0; i < count; i++) grid[2 * i] = x[i];
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        const fv_tensor *y = fv_variable_value(
            fv_grid_sample_of(LEAF(context, pixels, 1, 1, 3, 1),
                              LEAF(context, grid, 1, 1, count, 2), &how));
        assert_ok(context);
        assert_numbers(y, expected, 1e-6);
        fv_context_free(context);
    }
}

#define ROW(how, ...)                                                          \
    check_row((fv_sampling)how, 6, points, (const double[]){ __VA_ARGS__ })
#define HOW(...)                                                               \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

static void test_values(void **state)
{
    /* pixels -0.5, 0.25, 1, 2.5, 3.25 and -8 */
    const double points[] = { -1, -0.5, 0, 1, 1.5, -6 };
    (void)state;
    ROW(HOW(.mode = FV_SAMPLE_BILINEAR), 0.5, 1.25, 2, 2, 0, 0);
    ROW(HOW(.padding = FV_SAMPLE_BORDER), 1, 1.25, 2, 4, 4, 1);
    ROW(HOW(.padding = FV_SAMPLE_REFLECTION), 1, 1.25, 2, 4, 3.5, 2);
    ROW(HOW(.mode = FV_SAMPLE_NEAREST), 1, 1, 2, 4, 0, 0);
    /* pixels 0, 0.5, 1, 2, 2.5 and -5; halves to even */
    ROW(HOW(.align_corners = 1), 1, 1.5, 2, 4, 2, 0);
    ROW(HOW(.align_corners = 1, .mode = FV_SAMPLE_NEAREST), 1, 1, 2, 4, 4, 0);
    ROW(HOW(.align_corners = 1, .padding = FV_SAMPLE_REFLECTION), 1, 1.5, 2, 4,
        3, 2);
    /* weights -0.09375, 0.59375, 0.59375, -0.09375 between two pixels */
    ROW(HOW(.align_corners = 1, .mode = FV_SAMPLE_BICUBIC), 1,
        0.59375 * 3 - 0.09375 * 4, 2, 4, 0.59375 * 4 - 0.09375 * 2, 0);
    ROW(HOW(.align_corners = 1, .mode = FV_SAMPLE_BICUBIC,
            .padding = FV_SAMPLE_BORDER),
        1, 0.59375 * 3 - 0.09375 * 5, 2, 4, 0.59375 * 8 - 0.09375 * 6, 1);
}

/* What is no place reads zeros, and has no gradient. */
static void test_not_finite(void **state)
{
    const double image[] = { 1, 2, 4, 8 }, zeros[8] = { 0 };
    const double grid[] = { (double)NAN, 0,    0, (double)INFINITY,
                            1e300,       1e30, 0, (double)-INFINITY };
    (void)state;
    for (int mode = 0; mode <= FV_SAMPLE_BICUBIC; mode++) {
        const fv_sampling how = { .mode = (fv_sample_mode)mode };
        fv_context *context = context_of(FV_F64);
        fv_variable *x = LEAF(context, image, 1, 2, 2, 1);
        fv_variable *at = LEAF(context, grid, 1, 2, 2, 2);
        fv_variable *y = fv_grid_sample_of(x, at, &how);
        assert_ok(context);
        assert_numbers(fv_variable_value(y), zeros, 0);
        fv_backprop(y);
        assert_numbers(fv_variable_grad(x), zeros, 0);
        assert_numbers(fv_variable_grad(at), zeros, 0);
        fv_context_free(context);
    }
}

/* ---- the definition ------------------------------------------------------ */

/* The coordinate, mirrored step by step, or clipped. */
static double padded(const fv_sampling *how, double at, int64_t extent)
{
    const double low = how->align_corners ? 0 : -0.5;
    const double high =
        how->align_corners ? (double)extent - 1 : (double)extent - 0.5;
    if (how->padding == FV_SAMPLE_REFLECTION && low == high) return 0;
    while (how->padding == FV_SAMPLE_REFLECTION && (at < low || at > high))
        at = at < low ? 2 * low - at : 2 * high - at;
    if (how->padding == FV_SAMPLE_ZEROS) return at;
    return fmin(fmax(at, 0), (double)extent - 1);
}

static double weight_of(fv_sample_mode mode, double x)
{
    x = fabs(x);
    if (mode == FV_SAMPLE_BILINEAR) return fmax(0, 1 - x);
    if (x <= 1) return 1.25 * x * x * x - 2.25 * x * x + 1;
    return x < 2 ? -0.75 * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
}

/* The weights of all pixels of an axis. */
static void weights(const fv_sampling *how, double x, int64_t extent,
                    double *weight)
{
    const double size = (double)extent;
    double at = how->align_corners ? (x + 1) / 2 * (size - 1)
                                   : ((x + 1) * size - 1) / 2;
    for (int64_t i = 0; i < extent; i++) weight[i] = 0;
    if (how->mode != FV_SAMPLE_BICUBIC) at = padded(how, at, extent);
    for (double i = floor(at) - 2; i < at + 3; i++) {
        const double pixel =
            how->mode == FV_SAMPLE_BICUBIC ? padded(how, i, extent) : i;
        if (pixel < 0 || pixel >= size) continue;
        weight[(int64_t)pixel] += how->mode == FV_SAMPLE_NEAREST
                                      ? (double)(i == nearbyint(at))
                                      : weight_of(how->mode, i - at);
    }
}

static subject random_subject(fv_sampling *how, uint64_t seed)
{
    const int64_t n = pick(seed, 0, 1, 3);
    *how = (fv_sampling){
        .mode = (fv_sample_mode)(seed % 3),
        .padding = (fv_sample_padding)(seed / 3 % 3),
        .align_corners = (int32_t)(seed / 9 % 2),
    };
    return (subject){
        apply,
        how,
        seed,
        2,
        { { 4,
            { n, pick(seed, 1, 1, 5), pick(seed, 2, 1, 5),
              pick(seed, 3, 1, 20) },
            -1,
            1,
            0 },
          { 4, { n, pick(seed, 4, 1, 4), pick(seed, 5, 1, 4), 2 }, -2, 2, 0 } }
    };
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 90; seed++) {
        fv_sampling how;
        const subject s = random_subject(&how, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *grid = fv_variable_value(at[1]);
        const fv_tensor *y = fv_variable_value(apply(&how, at));
        assert_ok(context);
        const int64_t c = x->shape[3], h = x->shape[1], w = x->shape[2];
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            const int64_t point = i / c;
            const int64_t n = point / (grid->shape[1] * grid->shape[2]);
            double across[8], down[8], sum = 0;
            weights(&how, number_at(grid, 2 * point), w, across);
            weights(&how, number_at(grid, 2 * point + 1), h, down);
            for (int64_t k = 0; k < h * w; k++)
                sum += down[k / w] * across[k % w]
                       * number_at(x, (n * h * w + k) * c + i % c);
            if (!(fabs(number_at(y, i) - sum) < (seed % 2 ? 1e-13 : 1e-5)))
                fail_msg("seed %llu: %.17g, expected %.17g",
                         (unsigned long long)seed, number_at(y, i), sum);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 136; seed++) {
        fv_sampling how;
        const subject s = random_subject(&how, seed);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int mode = 0; mode <= FV_SAMPLE_BICUBIC; mode++) {
        const fv_sampling how = { .mode = (fv_sample_mode)mode,
                                  .padding = (fv_sample_padding)mode };
        const subject s = { apply,
                            &how,
                            5,
                            2,
                            { { 4, { 2, 9, 7, 135 }, -1, 1, 0 },
                              { 4, { 2, 31, 19, 2 }, -1.5, 1.5, 0 } } };
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double x[16] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *image = LEAF(context, x, 1, 2, 2, 3);
    fv_variable *grid = LEAF(context, x, 1, 2, 2, 2);
    fv_sampling how = { .mode = (fv_sample_mode)3 };
    assert_null(fv_grid_sample_of(image, grid, &how));
    assert_error(context, "grid_sample: mode 3 is unknown (0 to 2)");
    how = (fv_sampling){ .padding = (fv_sample_padding)3 };
    assert_null(fv_grid_sample_of(image, grid, &how));
    assert_error(context, "grid_sample: padding 3 is unknown (0 to 2)");
    assert_null(fv_grid_sample_of(image, LEAF(context, x, 2, 1, 2, 2), NULL));
    assert_error(context, "grid_sample: grid [2, 1, 2, 2] is for 2 images, "
                          "input [1, 2, 2, 3] has 1");
    assert_null(fv_grid_sample_of(image, LEAF(context, x, 1, 2, 2, 3), NULL));
    assert_error(context, "grid_sample: grid [1, 2, 2, 3] has 3 numbers for "
                          "each point, expected 2");
    assert_null(fv_grid_sample_of(image, LEAF(context, x, 2, 2), NULL));
    assert_error(context, "grid_sample: grid [2, 2] has rank 2, expected 4");
    assert_null(fv_grid_sample_of(LEAF(context, x, 1, 0, 2, 3), grid, NULL));
    assert_error(context, "grid_sample: input [1, 0, 2, 3] has no pixels");
    fv_variable *y =
        fv_grid_sample_of(image, LEAF(context, x, 1, 0, 2, 2), NULL);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
