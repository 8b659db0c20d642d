/* Layers that resize and rearrange images, read them at points or drop parts of
 * them: each computes what its function does, in both layouts; its options and
 * their defaults in the text. */
#include "nets.h"

#include "layer/layer.h"

enum { ROWS = 6, COLUMNS = 4, CHANNELS = 8, IMAGES = 2 };

static fv_variable *resize(fv_variable *x, fv_resizing how)
{
    return fv_resize_of(x, &how);
}

static fv_variable *apply(int which, fv_variable *x)
{
    switch (which) {
    case 0:
        return resize(x, (fv_resizing){ .sizes = { 9, 5 } });
    case 1:
        return resize(
            x, (fv_resizing){ .scales = { 1.5 }, .mode = FV_RESIZE_LINEAR });
    case 2:
        return resize(x,
                      (fv_resizing){ .sizes = { 7 },
                                     .mode = FV_RESIZE_LINEAR,
                                     .coordinates = FV_RESIZE_ALIGN_CORNERS });
    case 3:
        return resize(x, (fv_resizing){ .sizes = { 9, 7 },
                                        .coordinates = FV_RESIZE_ASYMMETRIC,
                                        .rounding = FV_RESIZE_CEIL });
    case 4:
        return resize(x, (fv_resizing){ .sizes = { 2, 3 },
                                        .mode = FV_RESIZE_LINEAR,
                                        .antialias = 1 });
    case 5:
        return resize(x, (fv_resizing){ .sizes = { 8, 3 },
                                        .mode = FV_RESIZE_CUBIC,
                                        .exclude_outside = 1,
                                        .cubic_coefficient = -0.5 });
    case 6:
        return resize(x, (fv_resizing){ .scales = { 1.5, 0.5 } });
    case 7:
        return resize(x, (fv_resizing){ .sizes = { 9, FV_OPEN },
                                        .coordinates = FV_RESIZE_CROP,
                                        .region_begin = { -0.25, 0 },
                                        .region_end = { 1, 0.5 } });
    case 8:
        return resize(x, (fv_resizing){ .sizes = { 9, 7 },
                                        .mode = FV_RESIZE_LINEAR,
                                        .fit = FV_RESIZE_NOT_SMALLER });
    case 9:
        return fv_pixel_shuffle_of(x, 2, FV_DEPTH_CRD);
    case 10:
        return fv_pixel_shuffle_of(x, 2, FV_DEPTH_DCR);
    case 11:
        return fv_pixel_unshuffle_of(x, 2, FV_DEPTH_CRD);
    case 12:
        return fv_pixel_unshuffle_of(x, 2, FV_DEPTH_DCR);
    case 13:
        return fv_channel_shuffle_of(x, 4);
    case 14:
        return fv_spatial_dropout_of(x, 0.5);
    case 15:
        return fv_stochastic_depth_of(x, 0.25, FV_STOCHASTIC_DEPTH_BATCH);
    case 16:
        return fv_alpha_dropout_of(x, 0.2);
    default:
        return fv_gaussian_noise_of(x, 0.2);
    }
}

/* As the network writes it, and a longer form of the same. */
static const struct {
    const char *text, *longer;
} table[] = {
    { "resize 9 5", "resize 9 5 mode=nearest coordinates=half_pixel "
                    "rounding=round_prefer_floor antialias=no "
                    "exclude_outside=no cubic_coefficient=0 scale=0" },
    { "resize scale=1.5 mode=linear", "resize scale=1.5 mode=linear" },
    { "resize 7 mode=linear coordinates=align_corners",
      "resize mode=linear coordinates=align_corners size=7" },
    { "resize 9 7 coordinates=asymmetric rounding=ceil",
      "resize 9 7 coordinates=asymmetric rounding=ceil" },
    { "resize 2 3 mode=linear antialias=yes",
      "resize 2 3 mode=linear antialias=yes" },
    { "resize 8 3 mode=cubic exclude_outside=yes cubic_coefficient=-0.5",
      "resize 8 3 mode=cubic exclude_outside=yes cubic_coefficient=-0.5" },
    { "resize scales=1.5,0.5", "resize scales=1.5,0.5 fit=stretch" },
    { "resize 9 ? region=-0.25,0,1,0.5 coordinates=crop",
      "resize size=9,? coordinates=crop region=-0.25,0,1,0.5" },
    { "resize 9 7 mode=linear fit=not_smaller",
      "resize 9 7 mode=linear fit=not_smaller" },
    { "pixel_shuffle 2", "pixel_shuffle factor=2 order=crd" },
    { "pixel_shuffle 2 order=dcr", "pixel_shuffle 2 order=dcr" },
    { "pixel_unshuffle 2", "pixel_unshuffle factor=2 order=crd" },
    { "pixel_unshuffle 2 order=dcr", "pixel_unshuffle 2 order=dcr" },
    { "channel_shuffle 4", "channel_shuffle groups=4" },
    { "spatial_dropout", "spatial_dropout probability=0.5" },
    { "stochastic_depth 0.25 mode=batch",
      "stochastic_depth probability=0.25 mode=batch" },
    { "alpha_dropout 0.2", "alpha_dropout probability=0.2" },
    { "gaussian_noise 0.2", "gaussian_noise deviation=0.2" },
};
enum { LINES = sizeof table / sizeof *table };

static fv_variable *image_of(fv_context *ctx, int64_t n, int64_t h, int64_t w,
                             int64_t c)
{
    const int64_t shape[] = { n, h, w, c };
    fv_tensor x = fv_tensor_new(ctx, FV_F64, 4, shape);
    for (int64_t i = 0; i < fv_tensor_count(&x); i++)
        ((double *)x.data)[i] = net_number(i);
    return fv_variable_new(ctx, &x);
}

static void check_equal(fv_variable *a, fv_variable *b)
{
    const fv_tensor *x = fv_variable_value(a), *y = fv_variable_value(b);
    assert_non_null(x);
    assert_non_null(y);
    assert_true(fv_tensor_same_shape(x, y));
    assert_memory_equal(x->data, y->data, net_bytes(x));
}

static const int32_t inside[] = { 0, 2, 3, 1 }, outside[] = { 0, 3, 1, 2 };

static fv_network *network_of(fv_context *ctx, const char *line)
{
    char text[200];
    snprintf(text, sizeof text, "input 6 4 8\n%s\n", line);
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    return net;
}

/* What is drawn is that of the first call in a context. */
static void test_values(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LINES; i++) {
        const bool first = i % 2;
        fv_context *ctx =
            NET_CONTEXT(.dtype = FV_F64, .layout = first ? FV_NCHW : FV_NHWC,
                        .threads = 1);
        fv_context *other = NET_CONTEXT(.dtype = FV_F64, .threads = 1);
        fv_variable *x = image_of(ctx, IMAGES, ROWS, COLUMNS, CHANNELS);
        fv_network *net = network_of(ctx, table[i / 2].text);
        const fv_shape shape = fv_network_output_shape(net);
        fv_variable *y = fv_layer_forward(fv_network_layer(net, 1),
                                          first ? fv_permute(x, outside) : x);
        if (first) y = fv_permute(y, inside);
        assert_ok(ctx);
        fv_variable *expected =
            apply(i / 2, image_of(other, IMAGES, ROWS, COLUMNS, CHANNELS));
        assert_ok(other);
        if (i / 2 < 14) check_equal(y, expected);
        assert_true(fv_tensor_same_shape(fv_variable_value(y),
                                         fv_variable_value(expected)));
        for (int32_t k = 0; k < 3; k++)
            assert_int_equal(
                shape.extent[k],
                fv_variable_value(y)->shape[first ? outside[k + 1] : k + 1]);
        fv_context_free(ctx);
        fv_context_free(other);
    }
}

static void test_texts(void **state)
{
    (void)state;
    for (int i = 0; i < LINES; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        char expected[200];
        snprintf(expected, sizeof expected, "input 6 4 8\n%s\n", table[i].text);
        assert_string_equal(fv_network_text(network_of(ctx, table[i].text)),
                            expected);
        const char *again = fv_network_text(network_of(ctx, table[i].longer));
        assert_string_equal(again, expected);
        fv_context_free(ctx);
    }
}

/* A spatial transformer: a grid from six numbers, and the image at its points.
 */
static void test_points(void **state)
{
    const double numbers[] = { 0.5, -0.5, 0.25, 0.5, 0.75, 0,
                               1,   0,    0,    0,   -1,   0.5 };
    const fv_sampling how = { .mode = FV_SAMPLE_BICUBIC,
                              .padding = FV_SAMPLE_REFLECTION,
                              .align_corners = 1 };
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_variable *x = image_of(ctx, 2, ROWS, COLUMNS, CHANNELS);
    double copy[12];
    memcpy(copy, numbers, sizeof copy);
    const fv_tensor six = FV_TENSOR(copy, FV_F64, 2, 6);
    fv_variable *theta = fv_variable_new(ctx, &six);
    fv_layer *grid = fv_affine_grid(ctx, 5, 3, .align_corners = 1);
    fv_layer *sample = fv_grid_sample(
        ctx, .mode = how.mode, .padding = how.padding, .align_corners = 1);
    fv_variable *points = fv_layer_forward(grid, theta);
    fv_variable *y =
        fv_layer_forward_n(sample, 2, (fv_variable *const[]){ x, points });
    assert_ok(ctx);
    const int64_t matrix[] = { 2, 2, 3 };
    fv_variable *same =
        fv_affine_grid_of(fv_reshape(theta, 3, matrix), 5, 3, 1);
    check_equal(points, same);
    check_equal(y, fv_grid_sample_of(x, same, &how));
    fv_context_free(ctx);
    ctx = NET_CONTEXT(.threads = 1);
    const char *text = "input 6 4 8 name=image\n"
                       "flatten\n"
                       "linear 6\n"
                       "affine_grid 5 3 name=grid\n"
                       "grid_sample mode=nearest padding_mode=border "
                       "align_corners=yes from=image,grid\n";
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    const fv_shape shape = fv_network_output_shape(net);
    assert_int_equal(shape.extent[0], 5);
    assert_int_equal(shape.extent[1], 3);
    assert_int_equal(shape.extent[2], 8);
    fv_context_free(ctx);
}

/* Height and width of the image may be open. */
static void test_open(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net =
        fv_network_parse(ctx, "input ? ? 3\nresize scale=2\nresize 8 4\n", "t");
    assert_ok(ctx);
    const fv_shape twice = fv_network_layer_info(net, 1).output_shape,
                   fixed = fv_network_output_shape(net);
    assert_int_equal(twice.extent[0], FV_OPEN);
    assert_int_equal(fixed.extent[0], 8);
    assert_int_equal(fixed.extent[1], 4);
    fv_context_free(ctx);
}

/* Sizes and scales that are computed from an image of any size. */
static void test_computed(void **state)
{
    static const char *const texts[] = {
        "input ? ? 3 name=x\n"
        "shape name=s\n"
        "slice starts=1 stops=3 axes=0 name=half\n"
        "div 2 name=small\n"
        "resize mode=linear from=x,small name=y\n"
        "resize mode=linear from=y,half\n",
        "input ? ? 3 name=x\n"
        "shape name=s\n"
        "slice starts=1 stops=3 axes=0 name=half\n"
        "cast type=real name=size\n"
        "div from=size,size name=one\n"
        "div 2 name=small\n"
        "resize mode=linear from=x,small name=y\n"
        "resize mode=linear scale=2\n",
    };
    (void)state;
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_network *net = fv_network_parse(ctx, texts[i], "t");
        assert_ok(ctx);
        for (int64_t n = 4; n <= 8; n += 2) {
            float numbers[8 * 10 * 3];
            for (int k = 0; k < 8 * 10 * 3; k++)
                numbers[k] = (float)net_number(k);
            const fv_named_tensor x = { NULL, FV_TENSOR(numbers, FV_F32, 1, n,
                                                        n + 2, 3) };
            fv_named_tensor y = { .name = NULL };
            fv_network_run(net, 1, &x, 1, &y);
            assert_ok(ctx);
            assert_true(fv_tensor_same_shape(&x.tensor, &y.tensor));
        }
        fv_context_free(ctx);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        { "resize", "t:2:1: resize1: neither size nor scale is given" },
        { "resize 0", "t:2:8: size 0 is below 1" },
        { "resize 1 2 3", "t:2:1: resize1: 3 sizes are given, the input has 2 "
                          "axes besides channels" },
        { "resize scale=-1",
          "t:2:1: resize1: scale -1 is not a number of at least 0" },
        { "resize 4 mode=area",
          "t:2:15: mode \"area\" is none of nearest, linear, cubic" },
        { "pixel_shuffle 3",
          "t:2:1: pixel_shuffle1: 8 channels are no multiple of 3x3" },
        { "channel_shuffle 3", "t:2:1: channel_shuffle1: groups 3 does not "
                               "divide channels 8" },
        { "spatial_dropout 1.5",
          "t:2:1: spatial_dropout1: probability 1.5 is not in 0..1" },
        { "gaussian_noise -1", "t:2:1: gaussian_noise1: deviation -1 is not a "
                               "number of at least 0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        char text[200];
        snprintf(text, sizeof text, "input 6 4 8\n%s\n", cases[i].line);
        assert_null(fv_network_parse(ctx, text, "t"));
        assert_error(ctx, cases[i].sentence);
        fv_context_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_points),   cmocka_unit_test(test_open),
        cmocka_unit_test(test_computed), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
