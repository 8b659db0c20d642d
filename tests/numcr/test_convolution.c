/* num.cr's convolutions, restated for the layer: cases A to D with complete
 * numbers, in both layouts and by every algorithm. Faults of docs/num_cr.md
 * whose absence this shows: D20, D21 (stride by every algorithm), D22 (padding
 * and stride). */
#include "numcr.h"

/* ---- the numbers -------------------------------------------------------- */

static const char a_x[] = "1 2 0 0 / 5 3 0 4 / 0 0 0 7 / 9 3 0 0";
static const char a_w[] = "1 1 1 / 1 1 0 / 1 0 0";
static const char a_y[] = "1 8 5 0 / 8 11 5 4 / 8 17 10 11 / 9 12 10 7";
static const char a_ones_dx[] = "4 5 5 3 / 5 6 6 3 / 5 6 6 3 / 3 3 3 1";
static const char a_ones_dw[] = "11 22 16 / 23 34 19 / 20 31 17";
static const char a_dx[] =
    "14 23 28 19 / 32 46 52 31 / 52 70 76 43 / 37 40 43 16";
static const char a_dw[] = "103 252 186 / 230 323 161 / 142 194 91";

static const char b_x[] =
    "2 2 0 2 1 / 0 1 1 0 2 / 1 2 1 2 1 / 2 2 0 0 2 / 2 1 1 1 2 "
    "2 0 1 1 1 / 2 2 0 0 2 / 2 2 1 0 0 / 1 1 2 2 0 / 2 1 1 1 0 "
    "0 1 2 2 0 / 1 1 1 1 0 / 2 1 2 2 0 / 0 2 2 2 1 / 0 0 2 2 1 ";
static const char b_w[] = "-1 -1 -1 / 1 0 1 / 0 -1 0 "
                          "1 0 -1 / 1 -1 1 / 0 1 0 "
                          "0 0 1 / -1 -1 -1 / -1 0 0 "
                          "0 1 0 / 1 -1 -1 / 1 1 -1 "
                          "-1 0 1 / -1 -1 1 / 1 1 0 "
                          "0 1 1 / -1 1 -1 / -1 -1 0 ";
static const char b_y[] = "2 -2 0 / -3 2 -5 / -2 -1 0 "
                          "-7 1 0 / 3 -3 2 / 1 3 -2";
static const char b_ones_dx[] =
    "-1 2 -1 2 -1 / 0 -2 0 -2 0 / -1 2 -1 2 -1 / 0 -2 0 -2 0 / -1 2 -1 2 -1 "
    "-2 2 -2 2 -2 / 2 1 2 1 2 / -2 2 -2 2 -2 / 2 1 2 1 2 / -2 2 -2 2 -2 "
    "0 -4 0 -4 0 / 0 0 0 0 0 / 0 -4 0 -4 0 / 0 0 0 0 0 / 0 -4 0 -4 0 ";
static const char b_ones_dw[] = "3 7 3 / 10 11 10 / 3 7 3 "
                                "5 7 5 / 5 10 5 / 5 7 5 "
                                "6 5 6 / 8 9 8 / 6 5 6 "
                                "3 7 3 / 10 11 10 / 3 7 3 "
                                "5 7 5 / 5 10 5 / 5 7 5 "
                                "6 5 6 / 8 9 8 / 6 5 6 ";
static const char b_dx[] =
    "-10 4 -11 6 -12 / 18 -8 18 -10 18 / -13 10 -14 12 -15 / "
    "18 -14 18 -16 18 / -16 16 -17 18 -18 "
    "-11 2 -13 4 -15 / 11 11 13 12 15 / -17 8 -19 10 -21 / "
    "17 14 19 15 21 / -23 14 -25 16 -27 "
    "9 -24 9 -28 9 / 3 4 3 4 3 / 9 -36 9 -40 9 / 3 4 3 4 3 / 9 -48 9 -52 9 ";
static const char b_dw[] = "21 49 18 / 49 60 39 / 12 28 9 "
                           "36 43 31 / 30 42 25 / 21 22 16 "
                           "45 34 39 / 43 47 35 / 27 19 21 "
                           "48 112 45 / 139 159 129 / 39 91 36 "
                           "81 106 76 / 75 132 70 / 66 85 61 "
                           "99 79 93 / 115 128 107 / 81 64 75 ";
static const char c_x[] =
    "-2 5 1 -3 4 / 0 -4 3 -1 -5 / 2 -2 5 1 -3 / 4 0 -4 3 -1 "
    "-5 2 -2 5 1 / -3 4 0 -4 3 / -1 -5 2 -2 5 / 1 -3 4 0 -4 "
    "3 -1 -5 2 -2 / 5 1 -3 4 0 / -4 3 -1 -5 2 / -2 5 1 -3 4 "
    "0 -4 3 -1 -5 / 2 -2 5 1 -3 / 4 0 -4 3 -1 / -5 2 -2 5 1 "
    "-3 4 0 -4 3 / -1 -5 2 -2 5 / 1 -3 4 0 -4 / 3 -1 -5 2 -2 "
    "5 1 -3 4 0 / -4 3 -1 -5 2 / -2 5 1 -3 4 / 0 -4 3 -1 -5 ";
static const char c_w[] = "-2 3 1 / -1 -3 2 / 0 -2 3 "
                          "1 -1 -3 / 2 0 -2 / 3 1 -1 "
                          "-3 2 0 / -2 3 1 / -1 -3 2 "
                          "0 -2 3 / 1 -1 -3 / 2 0 -2 "
                          "3 1 -1 / -3 2 0 / -2 3 1 "
                          "-1 -3 2 / 0 -2 3 / 1 -1 -3 ";
static const char c_y[] =
    "-11 -32 -7 -4 -11 / 17 13 -53 13 17 / 1 -31 -9 -9 -22 / 6 14 11 -25 20 "
    "-39 19 -9 -4 1 / -11 -50 35 21 46 / -28 -32 42 -38 -2 / 27 0 -29 8 -10 "
    "13 5 -25 11 5 / 1 -31 -9 -9 -22 / 18 35 13 -53 38 / 34 -1 -4 -7 -4 "
    "-12 -22 27 10 34 / -28 -32 42 -38 -2 / 43 -25 -50 35 -6 / "
    "3 -24 -31 17 -9 ";
static const char c_dy[] =
    "-1 2 -2 1 -3 / 0 3 -1 2 -2 / 1 -3 0 3 -1 / 2 -2 1 -3 0 "
    "3 -1 2 -2 1 / -3 0 3 -1 2 / -2 1 -3 0 3 / -1 2 -2 1 -3 "
    "0 3 -1 2 -2 / 1 -3 0 3 -1 / 2 -2 1 -3 0 / 3 -1 2 -2 1 "
    "-3 0 3 -1 2 / -2 1 -3 0 3 / -1 2 -2 1 -3 / 0 3 -1 2 -2 ";
static const char c_dx[] =
    "-3 -10 -2 13 5 / 13 -21 11 -20 18 / 15 6 17 -21 24 / -1 15 -18 19 5 "
    "13 -2 2 -8 -1 / 13 -24 23 -14 -8 / -12 -6 20 -24 6 / -28 11 -5 0 5 "
    "-13 20 -29 34 -28 / 13 -20 0 13 -6 / 24 -25 23 -20 16 / 15 0 8 -12 12 "
    "13 -12 3 -10 5 / 15 6 17 -21 24 / 10 5 2 6 16 / -5 11 -22 15 -22 "
    "-3 -17 15 -2 -5 / -12 -6 20 -24 6 / -23 5 -4 -6 6 / -22 15 -22 11 -5 "
    "16 -8 -8 20 -22 / 24 -25 23 -20 16 / 21 -16 25 -25 24 / 10 -2 13 0 5 ";
static const char c_dw[] = "-18 45 -38 / 62 -31 -1 / 10 -9 51 "
                           "-38 -2 -50 / -46 35 19 / 44 -39 5 "
                           "-25 39 -7 / 22 -20 -38 / -10 -47 25 "
                           "44 -36 -3 / -46 -23 1 / -38 28 -24 "
                           "10 -21 56 / 62 24 -9 / -18 -5 11 "
                           "31 -28 5 / -17 -39 58 / -31 72 -31 ";
static const char c_ones_dx[] =
    "-5 -2 -2 -2 0 / -5 -1 -1 -1 -1 / -5 -1 -1 -1 -1 / -4 -4 -4 -4 -6 "
    "5 -1 -1 -1 -4 / 10 4 4 4 0 / 10 4 4 4 0 / 6 4 4 4 4 "
    "-6 0 0 0 6 / -10 -5 -5 -5 1 / -10 -5 -5 -5 1 / -5 -2 -2 -2 0 "
    "-5 -2 -2 -2 0 / -5 -1 -1 -1 -1 / -5 -1 -1 -1 -1 / -4 -4 -4 -4 -6 "
    "5 -1 -1 -1 -4 / 10 4 4 4 0 / 10 4 4 4 0 / 6 4 4 4 4 "
    "-6 0 0 0 6 / -10 -5 -5 -5 1 / -10 -5 -5 -5 1 / -5 -2 -2 -2 0 ";
static const char c_ones_dw[] = "12 -1 -7 / 15 2 -3 / 16 4 -3 "
                                "-16 -3 9 / -15 -8 0 / -12 -9 -9 "
                                "0 6 3 / -1 4 3 / -7 0 7 "
                                "12 -1 -7 / 15 2 -3 / 16 4 -3 "
                                "-16 -3 9 / -15 -8 0 / -12 -9 -9 "
                                "0 6 3 / -1 4 3 / -7 0 7 ";
static const char d_x[] =
    "-2 5 1 -3 / 4 0 -4 3 / -1 -5 2 -2 / 5 1 -3 4 / 0 -4 3 -1 "
    "-5 2 -2 5 / 1 -3 4 0 / -4 3 -1 -5 / 2 -2 5 1 / -3 4 0 -4 ";
static const char d_w[] = "-2 3 / 1 -1 / -3 2 "
                          "0 -2 / 3 1 / -1 -3 "
                          "2 0 / -2 3 / 1 -1 "
                          "-3 2 / 0 -2 / 3 1 ";
static const char d_y[] = "-23 -8 18 / -15 -40 23 / -3 -15 17 "
                          "17 -6 -18 / -14 36 -13 / -22 33 -22 ";
static const char d_dx[] =
    "-19 9 10 33 / 25 27 29 12 / -22 12 13 39 / 19 33 35 24 / -25 15 16 45 "
    "3 -13 -11 -21 / -10 14 11 21 / 12 -7 -5 -24 / -13 5 2 15 / 21 -1 1 -27 ";
static const char d_dw[] = "8 17 / -11 -37 / -1 14 "
                           "56 43 / -3 -18 / 35 28 "
                           "35 26 / -20 -73 / 26 23 "
                           "119 88 / -57 0 / 98 73 ";

/* ---- a case ------------------------------------------------------------- */

/* Extents are n, c, h, w and filters, c, kh, kw. */
typedef struct numbered {
    int64_t x_shape[4], w_shape[4], y_shape[4];
    int64_t padding[2], stride[2];
    const char *x, *w, *b, *y;
} numbered;

/* One upstream gradient and what comes of it; dy NULL: ones, "": 1, 2, ... */
typedef struct upstream {
    const char *dy, *dx, *dw, *db;
} upstream;

static const numbered case_a = {
    .x_shape = { 1, 1, 4, 4 },
    .w_shape = { 1, 1, 3, 3 },
    .y_shape = { 1, 1, 4, 4 },
    .padding = { 1, 1 },
    .stride = { 1, 1 },
    .x = a_x,
    .w = a_w,
    .b = "0",
    .y = a_y,
};
static const numbered case_b = {
    .x_shape = { 1, 3, 5, 5 },
    .w_shape = { 2, 3, 3, 3 },
    .y_shape = { 1, 2, 3, 3 },
    .padding = { 1, 1 },
    .stride = { 2, 2 },
    .x = b_x,
    .w = b_w,
    .b = "1 0",
    .y = b_y,
};
static const numbered case_c = {
    .x_shape = { 2, 3, 4, 5 },
    .w_shape = { 2, 3, 3, 3 },
    .y_shape = { 2, 2, 4, 5 },
    .padding = { 1, 1 },
    .stride = { 1, 1 },
    .x = c_x,
    .w = c_w,
    .b = "1 -2",
    .y = c_y,
};
static const numbered case_d = {
    .x_shape = { 1, 2, 5, 4 },
    .w_shape = { 2, 2, 3, 2 },
    .y_shape = { 1, 2, 3, 3 },
    .padding = { 1, 0 },
    .stride = { 2, 1 },
    .x = d_x,
    .w = d_w,
    .b = "1 -2",
    .y = d_y,
};

static fv_layer *layer_of(fv_context *ctx, const numbered *c,
                          fv_algorithm algorithm)
{
    const int64_t *x = c->x_shape, *w = c->w_shape;
    fv_layer *layer = fv_convolutional(
        ctx, .in_shape = { EXTENTS(ctx, x[1], x[2], x[3]) },
        .num_filters = w[0], .kernel = { w[2], w[3] },
        .padding = { c->padding[0], c->padding[1] },
        .stride = { c->stride[0], c->stride[1] }, .algorithm = algorithm);
    fv_variables parameters = fv_layer_variables(layer);
    assert_ok(ctx);
    assert_int_equal(parameters.count, 2);
    assign(parameters.at[0], numbers(ctx, c->w, 4, w));
    assign(parameters.at[1], numbers(ctx, c->b, 1, &w[0]));
    return layer;
}

static fv_tensor upstream_of(fv_context *ctx, const numbered *c, const char *dy)
{
    if (!dy) return formula(ctx, 0, 1, 2, 0, 1, 4, c->y_shape);
    if (!*dy) return formula(ctx, 1, 1, 1000, 0, 1, 4, c->y_shape);
    return numbers(ctx, dy, 4, c->y_shape);
}

static void check(fv_context *ctx, const numbered *c, const upstream *u,
                  fv_algorithm algorithm)
{
    fv_layer *layer = layer_of(ctx, c, algorithm);
    fv_shape shape = fv_layer_output_shape(layer);
    const int64_t *s = c->y_shape;
    const int64_t expected[] = { EXTENTS(ctx, s[1], s[2], s[3]) };
    assert_int_equal(shape.rank, 3);
    assert_memory_equal(shape.extent, expected, sizeof expected);
    fv_variable *x = leaf(ctx, numbers(ctx, c->x, 4, c->x_shape));
    fv_variable *y = fv_layer_forward(layer, x);
    assert_images(ctx, "y", fv_variable_value(y),
                  numbers(ctx, c->y, 4, c->y_shape), 0);
    backprop_with(y, upstream_of(ctx, c, u->dy));
    fv_variables parameters = fv_layer_variables(layer);
    assert_images(ctx, "dx", fv_variable_grad(x),
                  numbers(ctx, u->dx, 4, c->x_shape), 0);
    assert_weights(ctx, "dW", fv_variable_grad(parameters.at[0]),
                   numbers(ctx, u->dw, 4, c->w_shape), 0);
    assert_weights(ctx, "db", fv_variable_grad(parameters.at[1]),
                   numbers(ctx, u->db, 1, &c->w_shape[0]), 0);
}

static void check_all(fv_context *ctx, const numbered *c, const upstream *u)
{
    check(ctx, c, u, FV_CONV_AUTO);
    check(ctx, c, u, FV_CONV_REFERENCE);
    check(ctx, c, u, FV_CONV_IM2COL_GEMM);
}

static void one_plane(fv_context *ctx)
{
    check_all(ctx, &case_a, &(upstream){ NULL, a_ones_dx, a_ones_dw, "16" });
    check_all(ctx, &case_a, &(upstream){ "", a_dx, a_dw, "136" });
}

static void stride_two(fv_context *ctx)
{
    check_all(ctx, &case_b, &(upstream){ NULL, b_ones_dx, b_ones_dw, "9 9" });
    check_all(ctx, &case_b, &(upstream){ "", b_dx, b_dw, "45 126" });
}

static void batch_of_two(fv_context *ctx)
{
    check_all(ctx, &case_c, &(upstream){ NULL, c_ones_dx, c_ones_dw, "40 40" });
    check_all(ctx, &case_c, &(upstream){ c_dy, c_dx, c_dw, "0 -1" });
}

static void everything_unequal(fv_context *ctx)
{
    check_all(ctx, &case_d, &(upstream){ "", d_dx, d_dw, "45 126" });
}

/* num.cr's own form of C: uniform numbers against central differences. */
static fv_variable *convolve(void *user, fv_variables at)
{
    fv_convolution geometry = { .padding_begin = { 1, 1 },
                                .padding_end = { 1, 1 },
                                .algorithm = *(const fv_algorithm *)user };
    return fv_conv2d(at.at[0], at.at[1], at.at[2], &geometry);
}

static void test_differences(void **state)
{
    (void)state;
    const fv_algorithm algorithms[] = { FV_CONV_REFERENCE,
                                        FV_CONV_IM2COL_GEMM };
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = context_of(FV_F64, FV_NHWC);
        const double scale = 1 / 997.0;
        fv_tensor x = formula(ctx, 571, 3, 997, 0, scale, SHAPE(2, 4, 5, 3));
        fv_tensor w = formula(ctx, 347, 1, 997, 0, scale, SHAPE(2, 3, 3, 3));
        fv_tensor b = formula(ctx, 123, 7, 997, 0, scale, SHAPE(2));
        fv_variable *at[] = { fv_variable_new(ctx, &x),
                              fv_variable_new(ctx, &w),
                              fv_variable_new(ctx, &b) };
        fv_algorithm algorithm = algorithms[i];
        double error = fv_gradcheck(convolve, &algorithm,
                                    (fv_variables){ 3, at }, 1e-5, 0);
        assert_ok(ctx);
        assert_true(error < 1e-6);
        fv_context_free(ctx);
    }
}

static void test_one_plane(void **state)
{
    (void)state;
    everywhere(one_plane);
}

static void test_stride_two(void **state)
{
    (void)state;
    everywhere(stride_two);
}

static void test_batch_of_two(void **state)
{
    (void)state;
    everywhere(batch_of_two);
}

static void test_everything_unequal(void **state)
{
    (void)state;
    everywhere(everything_unequal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_plane),
        cmocka_unit_test(test_stride_two),
        cmocka_unit_test(test_batch_of_two),
        cmocka_unit_test(test_everything_unequal),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
