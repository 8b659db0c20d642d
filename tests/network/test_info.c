/* Facts of known networks: parameters, multiply-accumulates, shapes, receptive
 * fields, names. */
#include "nets.h"

static fv_network *load(fv_context *ctx, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/nets/%s.net", FOVEA_TEST_DATA, name);
    fv_network *net = fv_network_load(ctx, path);
    assert_ok(ctx);
    return net;
}

static void test_known_networks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
        double macs, tolerance; /* in billions */
        int64_t field, classes;
    } known[] = {
        { "resnet50", 25557032, 4.089, 0.001, 0, 1000 },
        { "mobilenet_v2", 3504872, 0.3008, 0.0005, 0, 1000 },
        { "vgg16", 138357544, 15.47, 0.01, 0, 1000 },
        { "lenet5", 61706, 416520e-9, 1e-9, 0, 10 },
        { "numcr_mnist", 0, 0, 0, 0, 10 },
        { "vgg_small", 0, 0, 0, 0, 10 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fv_context *ctx = fv_context_new(NULL);
        fv_network *net = load(ctx, known[i].name);
        fv_layer_info info = fv_network_info(net);
        double macs = (double)info.multiply_accumulates / 1e9;
        if (known[i].parameters) {
            assert_int_equal(info.parameters, known[i].parameters);
            if (!(fabs(macs - known[i].macs) < known[i].tolerance))
                fail_msg("%s: %.4f G", known[i].name, macs);
        }
        assert_int_equal(info.receptive_field[0], known[i].field);
        fv_shape out = fv_network_output_shape(net);
        assert_int_equal(out.rank, 1);
        assert_int_equal(out.extent[0], known[i].classes);
        assert_int_equal(fv_context_memory(ctx).data_bytes < (size_t)(1 << 16),
                         1);
        fv_context_free(ctx);
    }
}

/* num.cr's MNIST network by hand: 20 * 26 + 20 * 501 + 10 * 321 + 110. */
static void test_numbers_by_hand(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = load(ctx, "numcr_mnist");
    fv_layer_info info = fv_network_info(net);
    assert_int_equal(info.parameters, 520 + 10020 + 3210 + 110);
    assert_int_equal(info.multiply_accumulates,
                     24 * 24 * 20 * 25 + 8 * 8 * 20 * 500 + 3200 + 100);
    info = fv_network_layer_info(net, 1);
    assert_string_equal(info.name, "conv1");
    assert_string_equal(info.kind, "conv2d");
    assert_int_equal(info.parameters, 520);
    assert_int_equal(info.output_bytes, 24 * 24 * 20 * 4);
    assert_int_equal(info.output_shape.extent[0], 24);
    assert_int_equal(info.receptive_field[0], 5);
    assert_int_equal(info.convolution, 1);
    assert_int_equal(fv_network_layer_info(net, 2).convolution, 0);
    fv_variables list = fv_network_variables(net);
    assert_int_equal(list.count, 8);
    fv_context_free(ctx);
}

static void check_field(const char *text, int64_t rows, int64_t columns)
{
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    fv_layer_info info = fv_network_info(net);
    assert_int_equal(info.receptive_field[0], rows);
    assert_int_equal(info.receptive_field[1], columns);
    fv_context_free(ctx);
}

static void test_receptive_fields(void **state)
{
    (void)state;
    check_field("input 64 64 1\nconv2d 1 3 3\nconv2d 1 3 3\n", 5, 5);
    check_field("input 64 64 1\nconv2d 1 3 3 stride=2\nconv2d 1 3 3\n", 7, 7);
    check_field("input 64 64 1\nconv2d 1 3 3 dilation=2\nrelu\n", 5, 5);
    check_field("input 64 64 1\nconv2d 1 5 3\nmaxpool 2 2\nconv2d 1 5 1\n", 14,
                4);
    check_field("input 64 64 1\nrelu name=a\nconv2d 1 7 7 padding=3 name=b\n"
                "conv2d 1 3 3 padding=1 from=a name=c\nadd from=b,c\n",
                7, 7);
    check_field("input 64 64 1\nconv2d 1 3 3\nglobal_average_pool\nrelu\n", 0,
                0);
    check_field("input 64 64 4\nconv2d 4 3 3\nlayernorm\nlrn 3\nbatchnorm\n", 3,
                3);
    check_field("input 64 64 4\nlayernorm 3\nconv2d 4 3 3\n", 0, 0);
    check_field("input 64 64 4\ngroupnorm 2\nconv2d 4 3 3\n", 0, 0);
    check_field("input 64 64 4\nbatchnorm track=no\nconv2d 4 3 3\n", 0, 0);
    /* VGG16 before its linear layers: 212 */
    check_field("input 224 224 3\nconv2d 1 3 3 padding=1\n"
                "conv2d 1 3 3 padding=1\nmaxpool 2 2\nconv2d 1 3 3 padding=1\n"
                "conv2d 1 3 3 padding=1\nmaxpool 2 2\nconv2d 1 3 3 padding=1\n"
                "conv2d 1 3 3 padding=1\nconv2d 1 3 3 padding=1\nmaxpool 2 2\n"
                "conv2d 1 3 3 padding=1\nconv2d 1 3 3 padding=1\n"
                "conv2d 1 3 3 padding=1\nmaxpool 2 2\nconv2d 1 3 3 padding=1\n"
                "conv2d 1 3 3 padding=1\nconv2d 1 3 3 padding=1\nmaxpool 2 2\n",
                212, 212);
}

static void test_names(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(ctx,
                                       "input 8 8 3\nconv2d 2 1 1\nrelu\n"
                                       "conv2d 2 1 1 name=own\n"
                                       "conv2d 2 1 1\nrelu6\nflatten\n"
                                       "linear 2\nmse\n",
                                       "t");
    static const char *const names[] = { "input1",   "conv1",   "relu1",
                                         "own",      "conv3",   "relu61",
                                         "flatten1", "linear1", "mse1" };
    assert_ok(ctx);
    for (size_t i = 0; i < 9; i++) {
        assert_string_equal(fv_layer_name(fv_network_layer(net, i)), names[i]);
        assert_string_equal(fv_network_layer_info(net, i).name, names[i]);
    }
    assert_null(fv_network_layer(net, 9));
    assert_error(ctx, "network: layer 9 of 9, counted from 0");
    assert_null(fv_network_layer(NULL, 0));
    fv_layer_info none = fv_network_layer_info(net, 9);
    assert_string_equal(none.name, "");
    assert_int_equal(none.output_shape.rank, -1);
    fv_context_free(ctx);
}

/* No network, an empty one, and a layer that is not there: nothing is known. */
static void test_nothing_to_tell(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *nets[] = { NULL, fv_network_new(ctx, NULL, 0) };
    assert_ok(ctx);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(fv_network_count(nets[n]), 0);
        assert_int_equal(fv_network_input_shape(nets[n]).rank, -1);
        assert_int_equal(fv_network_output_shape(nets[n]).rank, -1);
        for (int whole = 0; whole < 2; whole++) {
            fv_layer_info info = whole ? fv_network_info(nets[n])
                                       : fv_network_layer_info(nets[n], 0);
            assert_string_equal(info.name, "");
            assert_string_equal(info.kind, whole ? "network" : "");
            assert_int_equal(info.output_shape.rank, -1);
            assert_int_equal(info.parameters, 0);
            assert_int_equal(info.multiply_accumulates, 0);
            assert_int_equal(info.receptive_field[0], 0);
            assert_int_equal(info.receptive_field[1], 0);
            assert_int_equal(info.output_bytes, 0);
        }
        assert_ok(ctx);
    }
    fv_network_add(nets[1], fv_input(ctx, 5)); /* an input is a layer */
    assert_int_equal(fv_network_count(nets[1]), 1);
    assert_int_equal(fv_network_input_shape(nets[1]).rank, 1);
    assert_int_equal(fv_network_output_shape(nets[1]).extent[0], 5);
    assert_string_equal(fv_network_info(nets[1]).name, "input1");
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_layouts(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.layout = FV_NCHW);
    fv_network *net = fv_network_parse(
        ctx, "input 8 6 3\nconv2d 5 3 3\nglobal_average_pool\nmse\n", "t");
    assert_ok(ctx);
    fv_shape in = fv_network_input_shape(net);
    assert_true(in.extent[0] == 3 && in.extent[1] == 8 && in.extent[2] == 6);
    fv_shape conv = fv_network_layer_info(net, 1).output_shape;
    assert_true(conv.extent[0] == 5 && conv.extent[1] == 6
                && conv.extent[2] == 4);
    fv_shape out = fv_network_output_shape(net);
    assert_true(out.extent[0] == 5 && out.extent[1] == 1);
    /* the text is the same whatever the layout */
    assert_string_equal(fv_network_text(net),
                        "input 8 6 3\nconv2d 5 3 3\nglobal_average_pool\n"
                        "mse\n");
    fv_context_free(ctx);
}

/* Extents that fit, times a batch, are more elements than a tensor may have.
 */
static void test_too_large_a_batch(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
        int64_t batch;
    } nets[] = {
        { "input 5000000000000\nrelu\nlinear 2\nmse\n",
          "network: a batch of 32 images [5000000000000] has too many elements",
          32 },
        { "input 28 28 1\nflatten\nlinear 2\nmse\n",
          "network: a batch of 1099511627776 images [28, 28, 1] has too many "
          "elements",
          (int64_t)1 << 40 },
        { "input 28 28 1\nflatten\nlinear 2\nmse\n",
          "network: a batch of 9223372036854775807 images [28, 28, 1] has too "
          "many elements",
          INT64_MAX },
        { "input 1\nlinear 1048576\nmse\n",
          "linear1: result [134217728, 1048576] has too many elements",
          1 << 27 },
        { "input 4096 4096 1\nconv2d 1024 1\n",
          "conv1: output 32768x4096x4096x1024 has over 140737488355327 "
          "elements",
          1 << 15 },
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        for (int training = 0; training < 2; training++) {
            fv_context *ctx = fv_context_new(NULL);
            fv_network *net = fv_network_parse(ctx, nets[i].text, "t");
            assert_ok(ctx);
            if (training && fv_network_count(net) < 3) {
                fv_context_free(ctx); /* it has no loss */
                break;
            }
            const size_t small = fv_network_planned_bytes(net, 1, training);
            assert_true(small > 0);
            assert_int_equal(
                fv_network_planned_bytes(net, nets[i].batch, training), 0);
            assert_int_equal(fv_failed(ctx), FV_LIMIT);
            assert_error(ctx, nets[i].sentence);
            assert_true(fv_network_planned_bytes(net, 1, training) == small);
            fv_context_free(ctx);
        }
}

/* What is too much to count is the largest number, and so is a sum with it. */
static void test_saturated_counts(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(
        ctx,
        "input 4096 4096 1024\nconv2d 1024 1024 1024 padding=same\n"
        "conv2d 1024 1024 1024 padding=same\nconv2d 1 1\n",
        "t");
    assert_ok(ctx);
    assert_true(fv_network_layer_info(net, 1).multiply_accumulates
                == INT64_MAX);
    const fv_layer_info info = fv_network_info(net);
    assert_true(info.multiply_accumulates == INT64_MAX);
    assert_int_equal(info.parameters,
                     2 * (((int64_t)1 << 40) + 1024) + 1024 + 1);
    net = fv_network_parse(ctx,
                           "input 1 1 1\n"
                           "avgpool 140737488355327 stride=2147483648 "
                           "padding=140737488355326\n"
                           "avgpool 140737488355327 stride=2147483648 "
                           "padding=140737488355326\n"
                           "avgpool 140737488355327 stride=2147483648 "
                           "padding=140737488355326\n"
                           "avgpool 140737488355327 stride=2147483648 "
                           "padding=140737488355326\n",
                           "t");
    fv_network_info(net);
    assert_ok(ctx);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_networks),
        cmocka_unit_test(test_numbers_by_hand),
        cmocka_unit_test(test_receptive_fields),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_too_large_a_batch),
        cmocka_unit_test(test_saturated_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
