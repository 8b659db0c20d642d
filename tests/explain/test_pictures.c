/* Maps in colours, over pictures, and grids of channels and filters. */
#include "nets.h"

#define HOW(...) FV_OPTIONS(fv_explain_options, __VA_ARGS__)

static void assert_pixel(const fv_tensor *picture, int64_t row, int64_t column,
                         int red, int green, int blue)
{
    assert_non_null(picture->data);
    assert_int_equal(picture->dtype, FV_U8);
    assert_int_equal(picture->shape[2], 3);
    const unsigned char *at = picture->data;
    at += 3 * (row * picture->shape[1] + column);
    if (at[0] != red || at[1] != green || at[2] != blue)
        fail_msg("pixel %d, %d is %d %d %d, expected %d %d %d", (int)row,
                 (int)column, at[0], at[1], at[2], red, green, blue);
}

static void test_heat_map(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    /* of matplotlib: viridis(0), (0.25), (1/2), (1) within 2 */
    float values[] = { 0, 0.25F, 0.5F, 1, -3, 7, NAN, 0.5F + 1 / 64.F, 0 };
    const fv_tensor map = FV_TENSOR(values, FV_F32, 1, 9);
    const fv_tensor picture = fv_heat_map(ctx, &map);
    assert_ok(ctx);
    assert_int_equal(picture.shape[0], 1);
    assert_int_equal(picture.shape[1], 9);
    assert_pixel(&picture, 0, 0, 68, 1, 84);
    assert_pixel(&picture, 0, 1, 59, 82, 139);
    assert_pixel(&picture, 0, 2, 33, 144, 140);
    assert_pixel(&picture, 0, 3, 253, 231, 37);
    assert_pixel(&picture, 0, 4, 68, 1, 84);
    assert_pixel(&picture, 0, 5, 253, 231, 37);
    assert_pixel(&picture, 0, 6, 68, 1, 84);
    assert_pixel(&picture, 0, 7, 32, 148, 140);
    /* a view of doubles */
    double wide[] = { 1, 0, 0.25, 1 };
    const fv_tensor square = FV_TENSOR(wide, FV_F64, 2, 2);
    const int32_t axes[] = { 1, 0 };
    const fv_tensor turned = fv_tensor_permute(ctx, &square, axes);
    const fv_tensor other = fv_heat_map(ctx, &turned);
    assert_pixel(&other, 0, 1, 59, 82, 139);
    assert_pixel(&other, 1, 0, 68, 1, 84);
    fv_heat_map(ctx, &picture);
    assert_error(ctx, "heat_map: a map has rows and columns of real numbers, "
                      "not [1, 9, 3] of u8");
    assert_int_equal(fv_heat_map(NULL, &map).rank, -1);
    fv_context_free(ctx);
}

static void test_overlay(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    unsigned char bytes[4 * 4 * 3];
    for (int i = 0; i < 48; i++) bytes[i] = (unsigned char)(5 * i);
    const fv_tensor picture = FV_TENSOR(bytes, FV_U8, 4, 4, 3);
    float values[] = { 0, 1, 0, 1 };
    const fv_tensor map = FV_TENSOR(values, FV_F32, 2, 2);
    const fv_tensor bare = fv_overlay(ctx, &picture, &map, 0);
    assert_ok(ctx);
    assert_memory_equal(bare.data, bytes, sizeof bytes);
    /* the columns of the map lie at 0, 1/4, 3/4 and 1 between its two */
    const fv_tensor full = fv_overlay(ctx, &picture, &map, 1);
    for (int i = 0; i < 4; i++) {
        assert_pixel(&full, i, 0, 68, 1, 84);
        assert_pixel(&full, i, 1, 59, 82, 139);
        assert_pixel(&full, i, 3, 253, 231, 37);
    }
    const fv_tensor half = fv_overlay(ctx, &picture, &map, 0.5);
    assert_pixel(&half, 0, 0, 34, 3, 47);
    /* grey, a view */
    const fv_tensor grey = fv_tensor_slice(ctx, &picture, 2, 1, 2, 1);
    const fv_tensor plain = fv_overlay(ctx, &grey, &map, 0);
    assert_pixel(&plain, 1, 2, 5 * 19, 5 * 19, 5 * 19);
    assert_ok(ctx);
    fv_overlay(ctx, &picture, &map, 1.5);
    assert_error(ctx, "overlay: the opacity 1.5 is not from 0 to 1");
    fv_overlay(ctx, &picture, &map, (double)NAN);
    assert_error(ctx, "overlay: the opacity nan is not from 0 to 1");
    fv_overlay(ctx, &map, &map, 0.5);
    assert_error(ctx, "overlay: a picture has rows, columns and 1 or 3 "
                      "channels of u8, not [2, 2] of f32");
    fv_overlay(ctx, &picture, &picture, 0.5);
    assert_error(ctx, "overlay: a map has rows and columns of real numbers, "
                      "not [4, 4, 3] of u8");
    fv_context_free(ctx);
}

/* The layer adds 1 to its input: its channels are those of the image. */
static void test_feature_maps(void **state)
{
    (void)state;
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .layout = layout ? FV_NCHW : FV_NHWC);
        fv_network *net = fv_network_parse(
            ctx,
            "input 5 7 3\nadd 1 name=same\nconv2d 2 3 3 name=next\n"
            "flatten\nlinear 2\n",
            "net");
        assert_ok(ctx);
        float pixels[3 * 5 * 7]; /* channel c is rising, constant, falling */
        for (int i = 0; i < 105; i++) {
            const int c = layout ? i / 35 : i % 3;
            const int at = layout ? i % 35 : i / 3;
            pixels[i] = c == 0 ? (float)at : c == 1 ? 4 : (float)-at;
        }
        const fv_tensor image = layout ? FV_TENSOR(pixels, FV_F32, 3, 5, 7)
                                       : FV_TENSOR(pixels, FV_F32, 5, 7, 3);
        fv_decision d;
        const fv_tensor picture =
            fv_feature_maps(net, &image, HOW(.layer = "same", .decision = &d));
        assert_ok(ctx);
        assert_string_equal(d.layer, "same");
        assert_int_equal(d.class_index, FV_PREDICTED);
        /* two rows of two tiles, of 4 pixels for each of 5 x 7 */
        assert_int_equal(picture.shape[0], 2 * 20 + 1);
        assert_int_equal(picture.shape[1], 2 * 28 + 1);
        assert_pixel(&picture, 3, 3, 68, 1, 84);
        assert_pixel(&picture, 19, 27, 253, 231, 37);
        assert_pixel(&picture, 9, 15, 33, 144, 140); /* pixel 2, 3: a half */
        assert_pixel(&picture, 5, 28, 255, 255, 255);
        assert_pixel(&picture, 20, 5, 255, 255, 255);
        assert_pixel(&picture, 0, 29, 68, 1, 84);
        assert_pixel(&picture, 19, 56, 68, 1, 84);
        assert_pixel(&picture, 21, 0, 253, 231, 37);
        assert_pixel(&picture, 40, 27, 68, 1, 84);
        assert_pixel(&picture, 40, 56, 255, 255, 255); /* there is no fourth */
        const fv_tensor one =
            fv_feature_maps(net, &image, HOW(.layer = "same", .most = 1));
        assert_int_equal(one.shape[0], 20);
        assert_int_equal(one.shape[1], 28);
        fv_feature_maps(net, &image, HOW(.decision = &d));
        assert_ok(ctx);
        assert_string_equal(d.layer, "next");
        fv_feature_maps(net, &image, HOW(.most = -1));
        assert_error(ctx, "feature_maps: at most -1 of 2 are to be shown");
        fv_feature_maps(net, &image, HOW(.layer = "linear1"));
        assert_error(ctx, "feature_maps: linear1 computes [2], not rows and "
                          "columns of channels from the image");
        fv_context_free(ctx);
    }
}

static void test_filters(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(
        ctx,
        "input 9 9 3\nrelu\nconv2d 2 1 2 name=a\nconv2d 3 1 1 name=b\n"
        "flatten\nlinear 2\n",
        "net");
    const fv_variables all = fv_network_variables(net);
    assert_ok(ctx);
    /* [2, 1, 2, 3] and [3, 1, 1, 2] */
    double a[] = { 2, 0, -2, 1, -1, 0, 0, 0, 0, 0, 0, 0 };
    double b[] = { 1, -1, 0.5, 0, 0, 3 };
    const fv_tensor first = FV_TENSOR(a, FV_F64, 2, 1, 2, 3);
    const fv_tensor second = FV_TENSOR(b, FV_F64, 3, 1, 1, 2);
    fv_variable_assign(all.at[0], &first);
    fv_variable_assign(all.at[2], &second);
    /* two tiles of 16 pixels for each of 1 x 2, in colours */
    const fv_tensor colours = fv_filters(net, NULL);
    assert_ok(ctx);
    assert_int_equal(colours.shape[0], 16);
    assert_int_equal(colours.shape[1], 65);
    assert_pixel(&colours, 0, 15, 255, 128, 0);
    assert_pixel(&colours, 15, 16, 191, 64, 128);
    assert_pixel(&colours, 7, 32, 255, 255, 255);
    assert_pixel(&colours, 0, 33, 128, 128, 128);
    /* three rows of two, in grey */
    const fv_tensor grey = fv_filters(net, HOW(.layer = "b"));
    assert_ok(ctx);
    assert_int_equal(grey.shape[0], 3 * 33 - 1);
    assert_int_equal(grey.shape[1], 2 * 33 - 1);
    assert_pixel(&grey, 0, 0, 255, 255, 255);
    assert_pixel(&grey, 31, 33, 0, 0, 0);
    assert_pixel(&grey, 33, 0, 255, 255, 255);
    assert_pixel(&grey, 33, 33, 128, 128, 128);
    assert_pixel(&grey, 66, 31, 128, 128, 128);
    assert_pixel(&grey, 97, 64, 255, 255, 255);
    const fv_tensor few = fv_filters(net, HOW(.layer = "b", .most = 1));
    assert_int_equal(few.shape[0], 32);
    assert_int_equal(few.shape[1], 32);
    fv_filters(net, HOW(.layer = "relu1"));
    assert_error(ctx, "filters: relu1 is no convolution of rows and columns");
    fv_filters(net, HOW(.layer = "aa"));
    assert_error(ctx, "filters: the network has no layer \"aa\"");
    net = fv_network_parse(ctx, "input 4\nlinear 2\n", "net");
    fv_filters(net, NULL);
    assert_error(ctx,
                 "filters: the network has no convolution of rows and columns");
    assert_int_equal(fv_filters(NULL, NULL).rank, -1);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heat_map),
        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_feature_maps),
        cmocka_unit_test(test_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
