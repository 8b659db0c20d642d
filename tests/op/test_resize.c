/* Tests of the operator resize. */
#include "operands.h"

enum { MOST = 64 };

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_resize_of(at[0], user);
}

/* The second gradient is added to the first. */
static fv_variable *apply_twice(const void *user, fv_variable *const at[])
{
    return fv_mul(apply(user, at), apply(user, at));
}

/* ---- values by hand ------------------------------------------------------ */

static const double ramp[] = { 1, 2, 3, 4 };

/* A row of four pixels, resized. */
static void check_row(fv_resizing resizing, int64_t out, const double *expected)
{
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        resizing.sizes[0] = out;
        fv_variable *y = fv_resize_of(LEAF(context, ramp, 1, 4, 1), &resizing);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->shape[1], out);
        assert_numbers(fv_variable_value(y), expected,
                       dtype == FV_F64 ? 1e-15 : 1e-6);
        fv_context_free(context);
    }
}

#define ROW(out, how, ...)                                                     \
    check_row((fv_resizing)how, (out), (const double[]){ __VA_ARGS__ })
#define HOW(...)                                                               \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

static void test_values(void **state)
{
    (void)state;
    ROW(8, HOW(.mode = FV_RESIZE_LINEAR), 1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75,
        4);
    ROW(2, HOW(.mode = FV_RESIZE_LINEAR), 1.5, 3.5);
    ROW(7,
        HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_ALIGN_CORNERS),
        1, 1.5, 2, 2.5, 3, 3.5, 4);
    ROW(8, HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_ASYMMETRIC),
        1, 1.5, 2, 2.5, 3, 3.5, 4, 4);
    ROW(1,
        HOW(.mode = FV_RESIZE_LINEAR,
            .coordinates = FV_RESIZE_PYTORCH_HALF_PIXEL),
        1);
    ROW(1, HOW(.mode = FV_RESIZE_LINEAR), 2.5);
    ROW(1,
        HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_ALIGN_CORNERS),
        1);
    ROW(2, HOW(.mode = FV_RESIZE_LINEAR, .antialias = 1), 3 / 1.75,
        5.75 / 1.75);
    /* coordinates -1/6, 1/2, 7/6, 11/6, 5/2, 19/6 */
    ROW(6, HOW(.rounding = FV_RESIZE_ROUND_PREFER_FLOOR), 1, 1, 2, 3, 3, 4);
    ROW(6, HOW(.rounding = FV_RESIZE_ROUND_PREFER_CEIL), 1, 2, 2, 3, 4, 4);
    ROW(6, HOW(.rounding = FV_RESIZE_FLOOR), 1, 1, 2, 2, 3, 4);
    ROW(6, HOW(.rounding = FV_RESIZE_CEIL), 1, 2, 3, 3, 4, 4);
    /* weights -0.09375, 0.59375, 0.59375, -0.09375; the border is repeated */
    ROW(4, HOW(.mode = FV_RESIZE_CUBIC), 1, 2, 3, 4);
    ROW(2, HOW(.mode = FV_RESIZE_CUBIC), 1.40625, 3.59375);
    ROW(2, HOW(.mode = FV_RESIZE_LINEAR, .antialias = FV_RESIZE_SMOOTH_BORDER),
        (0.25 + 0.75 + 2 * 0.75 + 3 * 0.25) / 2,
        (2 * 0.25 + 3 * 0.75 + 4 * 0.75 + 4 * 0.25) / 2);
    ROW(8,
        HOW(.coordinates = FV_RESIZE_TF_HALF_PIXEL,
            .rounding = FV_RESIZE_FLOOR),
        1, 1, 2, 2, 3, 3, 4, 4);
    ROW(4,
        HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_TF_HALF_PIXEL),
        1.5, 2.5, 3.5, 4);
    /* coordinates 1.5 to 3.75, of which 3.75 and what follows is outside */
    ROW(4,
        HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_CROP,
            .region_begin = { 0.5 }, .region_end = { 1.25 }),
        2.5, 3.25, 4, 0);
    ROW(1,
        HOW(.mode = FV_RESIZE_LINEAR, .coordinates = FV_RESIZE_CROP,
            .region_begin = { 0 }, .region_end = { 1 }),
        2.5);
}

static void check_scaled(double scale, fv_resizing how, int64_t count,
                         const double *expected)
{
    fv_context *context = context_of(FV_F64);
    how.scales[0] = scale;
    fv_variable *y = fv_resize_of(LEAF(context, ramp, 1, 4, 1), &how);
    assert_ok(context);
    assert_int_equal(fv_variable_value(y)->shape[1], count);
    assert_numbers(fv_variable_value(y), expected, 1e-15);
    fv_context_free(context);
}

/* Three pixels instead of 3.2: the middle one is in the middle. */
static void test_symmetric(void **state)
{
    (void)state;
    check_scaled(0.8,
                 (fv_resizing){ .mode = FV_RESIZE_LINEAR,
                                .coordinates = FV_RESIZE_SYMMETRIC },
                 3, (const double[]){ 1.25, 2.5, 3.75 });
    check_scaled(2,
                 (fv_resizing){ .mode = FV_RESIZE_LINEAR,
                                .coordinates = FV_RESIZE_SYMMETRIC },
                 8,
                 (const double[]){ 1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4 });
}

static void check_fit(fv_resize_fit fit, int64_t rows, int64_t columns,
                      int64_t expected_rows, int64_t expected_columns)
{
    fv_context *context = context_of(FV_F32);
    const double pixels[8] = { 0 };
    const fv_resizing how = { .sizes = { rows, columns }, .fit = fit };
    fv_variable *y = fv_resize_of(LEAF(context, pixels, 1, 2, 4, 1), &how);
    assert_ok(context);
    assert_int_equal(fv_variable_value(y)->shape[1], expected_rows);
    assert_int_equal(fv_variable_value(y)->shape[2], expected_columns);
    fv_context_free(context);
}

static void test_fits(void **state)
{
    (void)state;
    check_fit(FV_RESIZE_STRETCH, 3, 3, 3, 3);
    check_fit(FV_RESIZE_NOT_LARGER, 3, 3, 2, 3); /* 1.5 rounded up */
    check_fit(FV_RESIZE_NOT_SMALLER, 3, 3, 3, 6);
    check_fit(FV_RESIZE_NOT_LARGER, 7, FV_OPEN, 7, 4);
    check_fit(FV_RESIZE_STRETCH, FV_OPEN, 7, 2, 7);
    check_fit(FV_RESIZE_NOT_LARGER, 9, 1, 1, 1); /* half a pixel is one */
}

/* ---- the definition ------------------------------------------------------ */

static double weight_of(const fv_resizing *r, double x)
{
    const double a = r->cubic_coefficient != 0 ? r->cubic_coefficient
                     : r->antialias            ? -0.5
                                               : -0.75;
    x = fabs(x);
    if (r->mode == FV_RESIZE_LINEAR) return fmax(0, 1 - x);
    if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
    if (x >= 2) return 0;
    return a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a;
}

static int64_t limited(double i, int64_t in)
{
    return (int64_t)fmin(fmax(i, 0), (double)(in - 1));
}

static double place_of(const fv_resizing *r, int64_t o, int64_t in, int64_t out,
                       double scale)
{
    const double s = scale > 0 ? scale : (double)out / (double)in;
    switch (r->coordinates) {
    case FV_RESIZE_ALIGN_CORNERS:
        return out == 1 ? 0 : (double)(o * (in - 1)) / (double)(out - 1);
    case FV_RESIZE_ASYMMETRIC:
        return (double)o / s;
    case FV_RESIZE_TF_HALF_PIXEL:
        return ((double)o + 0.5) / s;
    case FV_RESIZE_SYMMETRIC: {
        const double adjust = (double)out / (s * (double)in);
        return (double)in / 2 * (1 - adjust) + ((double)o + 0.5) / s - 0.5;
    }
    default:
        if (r->coordinates == FV_RESIZE_PYTORCH_HALF_PIXEL && out == 1)
            return 0;
        return ((double)o + 0.5) / s - 0.5;
    }
}

/* The weights of all inputs in output o. */
static void weights(const fv_resizing *r, int64_t o, int64_t in, int64_t out,
                    double scale, double *weight)
{
    const double x = place_of(r, o, in, out, scale);
    const double shrink =
        r->antialias ? fmax(1, scale > 0 ? 1 / scale : (double)in / (double)out)
                     : 1;
    double total = 0;
    for (int64_t i = 0; i < in; i++) weight[i] = 0;
    for (double i = -MOST; i < 2 * MOST; i++) {
        const bool outside = i < 0 || i >= (double)in;
        const bool border = r->antialias == FV_RESIZE_SMOOTH_BORDER;
        const bool left_out = r->antialias ? !border : r->exclude_outside;
        if (outside && left_out) continue;
        /* the window of pixels is cut by rounding */
        const double reach = shrink * (r->mode == FV_RESIZE_LINEAR ? 1 : 2);
        if (r->antialias
            && (i < floor(x + 0.5 - reach + 0.5)
                || i >= floor(x + 0.5 + reach + 0.5)))
            continue;
        const double w = weight_of(r, (i - x) / shrink);
        weight[limited(i, in)] += w;
        total += w;
    }
    for (int64_t i = 0; i < in; i++)
        if (r->antialias || r->exclude_outside) weight[i] /= total;
}

/* One axis of x [outer][in][inner] by the definition, in place. */
static void resize_axis(const fv_resizing *r, int64_t outer, int64_t in,
                        int64_t out, double scale, int64_t inner, double *x)
{
    double *y = calloc((size_t)(outer * out * inner), sizeof *y), w[MOST];
    assert_non_null(y);
    for (int64_t o = 0; o < out; o++) {
        weights(r, o, in, out, scale, w);
        for (int64_t n = 0; n < outer; n++)
            for (int64_t i = 0; i < in; i++)
                for (int64_t j = 0; j < inner; j++)
                    y[(n * out + o) * inner + j] +=
                        w[i] * x[(n * in + i) * inner + j];
    }
    memcpy(x, y, (size_t)(outer * out * inner) * sizeof *y);
    free(y);
}

static subject random_subject(fv_resizing *r, uint64_t seed)
{
    const int32_t axes = (int32_t)pick(seed, 0, 1, 3);
    const int64_t most = axes == 1 ? 20 : axes == 2 ? 9 : 5;
    subject s = { .apply = apply, .user = r, .seed = seed, .count = 1 };
    operand *x = &s.operands[0];
    *r = (fv_resizing){ .mode = (fv_resize_mode)pick(seed, 1, 1, 2),
                        .coordinates =
                            (fv_resize_coordinates)pick(seed, 2, 0, 5),
                        .exclude_outside = (int32_t)pick(seed, 3, 0, 1),
                        .antialias = (fv_resize_antialias)pick(seed, 4, 0, 2),
                        .cubic_coefficient = pick(seed, 5, 0, 1) ? -0.6 : 0 };
    if (axes == 3) r->mode = FV_RESIZE_LINEAR;
    if (r->antialias) r->coordinates = FV_RESIZE_HALF_PIXEL;
    *x = (operand){ .rank = axes + 2, .low = -1, .high = 1 };
    x->shape[0] = pick(seed, 6, 1, 2);
    for (int32_t i = 0; i < axes; i++) {
        x->shape[i + 1] = pick(seed, 10 + i, 1, most);
        if (pick(seed, 7, 0, 2))
            r->sizes[i] = pick(seed, 20 + i, 1, most);
        else
            r->scales[i] = (double)pick(seed, 20 + i, 8, 20) / 8;
    }
    x->shape[axes + 1] = pick(seed, 8, 1, 5);
    return s;
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        fv_resizing r;
        const subject s = random_subject(&r, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&r, at));
        assert_ok(context);
        double *all = calloc(1 << 16, sizeof *all);
        assert_non_null(all);
        fv__load_doubles(x->dtype, x->data, 1, fv_tensor_count(x), all);
        for (int32_t i = 1; i <= x->rank - 2; i++)
            resize_axis(&r, fv__product(i, y->shape), x->shape[i], y->shape[i],
                        r.scales[i - 1],
                        fv__product(x->rank - i - 1, x->shape + i + 1), all);
        for (int64_t i = 0; i < fv_tensor_count(y); i++)
            if (!(fabs(number_at(y, i) - all[i]) < (seed % 2 ? 1e-13 : 1e-5)))
                fail_msg("seed %llu: %.17g, expected %.17g",
                         (unsigned long long)seed, number_at(y, i), all[i]);
        free(all);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 230; seed++) {
        fv_resizing r;
        const subject s = random_subject(&r, seed);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
        if (seed % 3) continue;
        const subject twice = { apply_twice, &r, seed, 1, { s.operands[0] } };
        assert_gradients(&twice);
    }
    fv_resizing nearest = { .sizes = { 5, 3 } };
    subject s = { apply, &nearest, 7, 1, { { 4, { 2, 3, 4, 3 }, -1, 1, 0 } } };
    assert_gradients(&s);
    nearest.sizes[0] = 3; /* one axis, then none */
    assert_gradients(&s);
    nearest.sizes[1] = 4;
    assert_gradients(&s);
    s.apply = apply_twice;
    assert_gradients(&s);
}

/* The last has so many terms in its gradient that the sum is cut. */
static void test_same_bits(void **state)
{
    (void)state;
    fv_resizing large = { .sizes = { 67, 45 }, .mode = FV_RESIZE_CUBIC };
    fv_resizing small = { .scales = { 0.3 },
                          .mode = FV_RESIZE_LINEAR,
                          .antialias = 1 };
    fv_resizing spread = { .sizes = { 6000 }, .mode = FV_RESIZE_LINEAR };
    const subject subjects[] = {
        { apply, &large, 1, 1, { { 4, { 2, 21, 30, 19 }, -1, 1, 0 } } },
        { apply, &small, 2, 1, { { 4, { 3, 40, 31, 1 }, -1, 1, 0 } } },
        { apply, &spread, 3, 1, { { 3, { 1, 2, 3 }, -1, 1, 0 } } },
    };
    for (int i = 0; i < 3; i++) assert_same_bits(&subjects[i]);
    assert_single(&subjects[2], 1e-5);
    assert_alone(&subjects[0], FV_F32, 1);
}

/* ---- refusals ------------------------------------------------------------ */

static void test_refused(void **state)
{
    static const struct {
        fv_resizing how;
        const char *sentence;
    } cases[] = {
        { { .mode = FV_RESIZE_LINEAR },
          "resize: neither size nor scale is given" },
        { { .sizes = { 2 }, .scales = { 1 } },
          "resize: both size and scale are given" },
        { { .sizes = { 4, -2 } }, "resize: size -2 is below 1" },
        { { .sizes = { 4, INT64_C(4294967296) } },
          "resize: size 4294967296 is over 2147483647" },
        { { .scales = { 1, -2 } },
          "resize: scale -2 is not above 0 and "
          "finite" },
        { { .scales = { 0.2 } },
          "resize: scale 0.2 leaves nothing of 2 "
          "pixels" },
        { { .sizes = { 2 }, .mode = (fv_resize_mode)3 },
          "resize: mode 3 is unknown (0 to 2)" },
        { { .sizes = { 2 }, .coordinates = (fv_resize_coordinates)7 },
          "resize: coordinates 7 is unknown (0 to 6)" },
        { { .sizes = { 2 }, .fit = (fv_resize_fit)3 },
          "resize: fit 3 is unknown (0 to 2)" },
        { { .sizes = { 2 }, .antialias = (fv_resize_antialias)3 },
          "resize: antialias 3 is unknown (0 to 2)" },
        { { .sizes = { 2 }, .region_end = { 0, (double)INFINITY } },
          "resize: the region 0 to inf is not finite" },
        { { .sizes = { 2 }, .rounding = (fv_resize_rounding)4 },
          "resize: rounding 4 is unknown (0 to 3)" },
        { { .sizes = { 2 }, .antialias = 1 },
          "resize: antialias is for linear and cubic, not for nearest" },
        { { .sizes = { 2 },
            .antialias = 1,
            .mode = FV_RESIZE_LINEAR,
            .coordinates = FV_RESIZE_ASYMMETRIC },
          "resize: antialias is for the coordinates half_pixel alone" },
    };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, ramp, 1, 2, 2, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_resize_of(x, &cases[i].how));
        assert_error(context, cases[i].sentence);
    }
    fv_resizing how = { .sizes = { 2 }, .mode = FV_RESIZE_CUBIC };
    assert_null(fv_resize_of(LEAF(context, ramp, 1, 2, 2, 1, 1), &how));
    assert_error(context, "resize: cubic is for 1 or 2 axes, input "
                          "[1, 2, 2, 1, 1] has 3");
    assert_null(fv_resize_of(LEAF(context, ramp, 2, 2), &how));
    assert_error(context, "resize: input [2, 2] has rank 2, expected 3 to 5");
    assert_null(fv_resize_of(LEAF(context, ramp, 1, 0, 2, 1), &how));
    assert_error(context, "resize: input [1, 0, 2, 1] has no pixels");
    how.cubic_coefficient = (double)INFINITY;
    assert_null(fv_resize_of(x, &how));
    assert_error(context, "resize: cubic_coefficient inf is not finite");
    how.cubic_coefficient = 0;
    fv_variable *y = fv_resize_of(LEAF(context, ramp, 0, 2, 3, 1), &how);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_fits),      cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
