/* Pools as layers: what decides along how many axes, options, and refusals. */
#include "nets.h"

#include "layer/layer.h"

static void assert_extents(fv_layer *layer, const char *kind, int32_t rank,
                           const int64_t *extents)
{
    const fv_shape shape = fv_layer_output_shape(layer);
    assert_ok(layer->context);
    assert_string_equal(fv_layer_kind(layer), kind);
    assert_int_equal(shape.rank, rank);
    for (int32_t i = 0; i < rank; i++)
        assert_int_equal(shape.extent[i], extents[i]);
}

#define EXTENTS(layer, kind, ...)                                              \
    assert_extents(                                                            \
        (layer), (kind),                                                       \
        (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),       \
        (const int64_t[]){ __VA_ARGS__ })

/* in_shape tells the number of axes, or else the first input. */
static void test_input_decides(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.layout = FV_NHWC);
    fv_context *first = NET_CONTEXT(.layout = FV_NCHW);
    EXTENTS(fv_maxpool(ctx, .in_shape = { 9, 4 }, .kernel = { 3 }), "maxpool1d",
            3, 4);
    EXTENTS(fv_maxpool(first, .in_shape = { 4, 9 }, .kernel = { 3 }),
            "maxpool1d", 4, 3);
    EXTENTS(fv_avgpool(ctx, .in_shape = { 7, 8, 9, 4 }, .kernel = { 2, 3, 4 },
                       .ceil_mode = 1),
            "avgpool3d", 4, 3, 3, 4);
    EXTENTS(fv_lppool(first, .in_shape = { 4, 7, 8, 9 }, .kernel = { 2, 3, 4 },
                      .padding = { 0, 1 }),
            "lppool3d", 4, 3, 3, 2);
    EXTENTS(fv_lppool(ctx, .in_shape = { 8, 9, 4 }, .kernel = { 2 },
                      .dilation = { 3 }, .stride = { 1 }),
            "lppool", 5, 6, 4);
    EXTENTS(fv_adaptive_avgpool(first, .in_shape = { 4, 9, 7 },
                                .output = { FV_OPEN, 3 }),
            "adaptive_avgpool", 4, 9, 3);
    EXTENTS(
        fv_adaptive_maxpool(ctx, .in_shape = { 5, 6, 7, 4 }, .output = { 2 }),
        "adaptive_maxpool", 2, 2, 2, 4);
    EXTENTS(fv_global_max_pool(first, .in_shape = { 4, 9 }), "global_max_pool",
            4, 1);
    EXTENTS(fv_global_average_pool(ctx, .in_shape = { 5, 6, 7, 4 }),
            "global_average_pool", 1, 1, 1, 4);
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 9, 8, 7, 2), fv_maxpool(ctx, .kernel = { 2, 3, 1 }),
        fv_avgpool(ctx, .kernel = { 2 }, .exclude_padding = 1,
                   .padding = { 1, 0, 1 }),
        fv_lppool(ctx, .kernel = { 1 }, .p = 3),
        fv_adaptive_avgpool(ctx, .output = { FV_OPEN, 2, 2 }));
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net),
                        "input 9 8 7 2\n"
                        "maxpool3d 2 3 1\n"
                        "avgpool3d 2 2 2 padding=1,0,1 count_padding=no\n"
                        "lppool3d 1 1 1 p=3\n"
                        "adaptive_avgpool ? 2 2\n");
    assert_string_equal(fv_layer_name(fv_network_layer(net, 1)), "maxpool1");
    fv_context_free(ctx);
    fv_context_free(first);
}

static const char *const round_trip =
    "input 5 4 1\n"
    "maxpool_indices 2 stride=2,1 padding=1,0 ceil_mode=yes name=m\n"
    "max_unpool 2 stride=2,1 padding=1,0 size=5,4 from=m,m:1\n"
    "output name=y\n"
    "output name=at from=m:1\n";

/* A network of both outputs and the layer that takes them. */
static void test_indices(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_parse(ctx, round_trip, "n.net");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), round_trip);
    double x[20];
    for (int i = 0; i < 20; i++) x[i] = 1 + i % 4;
    const int64_t shape[] = { 1, 5, 4, 1 };
    const fv_named_tensor input = { NULL, fv_tensor_of(x, FV_F64, 4, shape) };
    fv_named_tensor outputs[] = { { .name = "y" }, { .name = "at" } };
    assert_int_equal(fv_network_run(net, 1, &input, 2, outputs), FV_OK);
    const double *y = outputs[0].tensor.data;
    const int64_t *at = outputs[1].tensor.data;
    assert_int_equal(fv_tensor_count(&outputs[0].tensor), 20);
    assert_int_equal(fv_tensor_count(&outputs[1].tensor), 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(at[i], (i / 3 ? i / 3 * 2 - 1 : 0) * 4 + i % 3 + 1);
    for (int i = 0; i < 20; i++)
        assert_true(y[i] == ((i / 4 == 0 || i / 4 % 2) && i % 4 ? x[i] : 0));
    fv_context_free(ctx);
}

/* Regions of two images, twice the size of their pixels. */
static void test_regions(void **state)
{
    static const char *const text =
        "input 4 5 1 name=x\n"
        "input 4 name=regions\n"
        "input type=i64 name=images\n"
        "roi_align 2 2 samples=1 scale=0.5 aligned=yes from=x,regions,images\n"
        "output name=y\n";
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    double x[40], regions[] = { 2, 2, 6, 4, 0, 0, 8, 8 };
    int64_t images[] = { 1, 0 };
    for (int i = 0; i < 40; i++) x[i] = i;
    const fv_named_tensor inputs[] = {
        { "x", FV_TENSOR(x, FV_F64, 2, 4, 5, 1) },
        { "regions", FV_TENSOR(regions, FV_F64, 2, 4) },
        { "images", FV_TENSOR(images, FV_I64, 2) }
    };
    fv_named_tensor y = { .name = "y" };
    assert_int_equal(fv_network_run(net, 3, inputs, 1, &y), FV_OK);
    /* rows 0.75 and 1.25, columns 1 and 2; rows and columns 0.5 and 2.5 */
    const double expected[] = { 24.75, 25.75, 27.25, 28.25, 3, 5, 13, 15 };
    for (int i = 0; i < 8; i++)
        assert_near(((const double *)y.tensor.data)[i], expected[i], 1e-12);
    fv_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "input 8 8 3\nmaxpool1d 3\n",
          "n.net:2:1: maxpool1: input [8, 8, 3] is not a sequence of positions "
          "and channels" },
        { "input 8 3\navgpool3d 3\n",
          "n.net:2:1: avgpool1: input [8, 3] is not a volume of planes, rows, "
          "columns and channels" },
        { "input 8 3\nlppool 3 p=0\n", "n.net:2:12: p 0 is not above 0" },
        { "input 8 3\nadaptive_avgpool 2 2\n",
          "n.net:2:1: adaptive_avgpool1: 2 sizes of the output, but the image "
          "has 1 axis" },
        { "input 8 8 3\nadaptive_maxpool\n",
          "n.net:2:1: adaptive_maxpool1: no size of the output is given" },
        { "input 8\nglobal_max_pool\n",
          "n.net:2:1: global_max_pool1: input [8] is not an image of rows, "
          "columns and channels" },
        { "input 8 8 3\nmaxpool_indices 2 stride=1,2,3\n",
          "n.net:2:1: maxpool_indices1: stride has 3 numbers, the image 2 "
          "axes" },
        { "input 8 8 3\nmaxpool_indices 2 stride=0\n",
          "n.net:2:1: maxpool_indices1: stride 0 is below 1" },
        { "input 8 8 3\nmaxpool_indices\n",
          "n.net:2:1: maxpool_indices1: no kernel is given" },
    };
    fv_context *ctx = fv_context_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_network_parse(ctx, cases[i].text, "n.net"));
        assert_error(ctx, cases[i].sentence);
    }
    assert_null(fv_layer_forward(
        fv_maxpool(ctx, .kernel = { 2 }, .auto_pad = FV_AUTO_PAD_CAUSAL),
        NULL));
    assert_error(ctx, "maxpool: auto_pad 4 is unknown (0 to 3)");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_decides),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
