/* Convolutions and pools of one and three axes as layers: their kind, weights
 * in files, and what a plan makes of them. */
#include "folder.h"
#include "nets.h"

#include "io/io.h"

static void assert_extents(fv_shape shape, int32_t rank, const int64_t *extents)
{
    assert_int_equal(shape.rank, rank);
    for (int32_t i = 0; i < rank; i++)
        assert_int_equal(shape.extent[i], extents[i]);
}

#define EXTENTS(...)                                                           \
    (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),           \
        (const int64_t[])                                                      \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

/* in_shape tells the number of axes, or else the input of a network. */
static void test_input_decides(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        fv_context *ctx = NET_CONTEXT(.layout = first ? FV_NCHW : FV_NHWC);
        fv_layer *one = fv_convolutional(
            ctx, .in_shape = { first ? 4 : 9, first ? 9 : 4 }, .num_filters = 6,
            .kernel = { 3 }, .auto_pad = FV_AUTO_PAD_CAUSAL);
        assert_string_equal(fv_layer_name(one), "conv1d");
        if (first)
            assert_extents(fv_layer_output_shape(one), EXTENTS(6, 9));
        else
            assert_extents(fv_layer_output_shape(one), EXTENTS(9, 6));
        fv_network *net = fv_network_new(ctx, NULL, 0);
        if (first)
            fv_network_add(net, fv_input(ctx, 2, 7, 6, 5));
        else
            fv_network_add(net, fv_input(ctx, 7, 6, 5, 2));
        fv_layer *layer =
            fv_convolutional(ctx, .num_filters = 3, .kernel = { 3, 2 },
                             .padding = { 0, 1 }, .stride = { 2 });
        fv_network_add(net, layer);
        fv_network_add(
            net, fv_convolutional(ctx, .num_filters = 2, .kernel = { 1 }));
        assert_ok(ctx);
        assert_string_equal(fv_layer_kind(layer), "conv3d");
        assert_string_equal(fv_layer_name(layer), "conv1");
        if (first)
            assert_extents(fv_layer_output_shape(layer), EXTENTS(3, 3, 4, 2));
        else
            assert_extents(fv_layer_output_shape(layer), EXTENTS(3, 4, 2, 3));
        assert_non_null(strstr(fv_network_text(net),
                               "conv3d 3 3 2 3 stride=2 padding=0,1,0\n"
                               "conv3d 2 1 1 1\n"));
        fv_layer *back = fv_conv_transpose(ctx, .num_filters = 4,
                                           .kernel = { 2 }, .stride = { 2 });
        fv_network_add(net, back);
        assert_ok(ctx);
        assert_string_equal(fv_layer_kind(back), "conv_transpose3d");
        assert_string_equal(fv_layer_name(back), "conv_transpose1");
        fv_conv *planned = fv_conv_of_layer(layer, 2, 0);
        assert_ok(ctx);
        fv_shape a = fv_conv_output_shape(planned);
        fv_shape b = fv_layer_output_shape(layer);
        assert_memory_equal(&a, &b, sizeof a);
        fv_context_free(ctx);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "input 8 8 3\nconv1d 4 3\n",
          "n.net:2:1: conv1: input [8, 8, 3] is not a sequence of positions "
          "and channels" },
        { "input 8 8 3\nconv3d 4 3\n",
          "n.net:2:1: conv1: input [8, 8, 3] is not a volume of planes, rows, "
          "columns and channels" },
        { "input 8 3\nconv1d 4 3 3\n",
          "n.net:2:12: conv1d takes no further \"3\"" },
        { "input 8 8 3\nconv2d 4 3 padding=causal\n",
          "n.net:2:20: padding \"causal\" is none of valid, same, same_lower" },
        { "input 8 4\nconv1d 4 3 depthwise=yes groups=2\n",
          "n.net:2:1: conv1: groups 2 are given, but depthwise is a group for "
          "each channel" },
        { "input 8 4\nconv1d 6 3 depthwise=yes\n",
          "n.net:2:1: conv1: groups 4 does not divide filters 6" },
        { "input 3 4\nconv1d 6 3 padding=3 padding_mode=reflect\n",
          "n.net:2:1: conv1: 3 mirrored elements are more than the 2 that axis "
          "1 of 3 allows" },
    };
    fv_context *ctx = fv_context_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_network_parse(ctx, cases[i].text, "n.net"));
        assert_error(ctx, cases[i].sentence);
    }
    fv_context_free(ctx);
}

/* ---- networks ------------------------------------------------------------ */

static const char *const nets[] = {
    "input 9 4\n"
    "conv1d 6 3 padding=causal padding_mode=replicate bias=no\n"
    "batchnorm\n"
    "relu\n"
    "maxpool1d 2 stride=1\n"
    "conv1d 5 2 stride=2 groups=1\n"
    "relu\n"
    "avgpool1d 3 stride=1 padding=1\n"
    "flatten\n"
    "linear 4\n"
    "softmax_cross_entropy\n",
    "input 4 5 6 2\n"
    "conv3d 4 3 2 3 padding=1 padding_mode=reflect\n"
    "batchnorm\n"
    "relu6\n"
    "maxpool3d 2 3 2 stride=1 padding=1\n"
    "conv3d 4 1 groups=2\n"
    "relu\n"
    "lppool3d 2 ceil_mode=yes\n"
    "flatten\n"
    "linear 4\n"
    "softmax_cross_entropy\n",
    "input 4 5 2\n"
    "conv_transpose2d 4 3 4 stride=2 padding=1 output_padding=1 groups=2\n"
    "relu\n"
    "conv_transpose2d 3 1 bias=no\n"
    "relu6\n"
    "flatten\n"
    "linear 4\n"
    "softmax_cross_entropy\n",
};
enum { NETS = sizeof nets / sizeof *nets, IMAGES = 3 };

static fv_tensor images_of(fv_context *ctx, fv_network *net)
{
    const fv_shape in = fv_network_layer_info(net, 0).output_shape;
    int64_t shape[FV_MAX_RANK] = { IMAGES };
    for (int32_t i = 0; i < in.rank; i++) shape[1 + i] = in.extent[i];
    fv_tensor images = fv_tensor_new(ctx, FV_F64, in.rank + 1, shape);
    for (int64_t i = 0; i < fv_tensor_count(&images); i++)
        ((double *)images.data)[i] = net_number(i);
    return images;
}

/* What a plan for evaluation fuses gives what the layers give one by one. */
static void test_plan(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 2);
        fv_network *net = fv_network_parse(ctx, nets[n], "net");
        const fv_tensor images = images_of(ctx, net);
        const fv_tensor labels = net_labels(ctx, IMAGES);
        double out[IMAGES * NET_CLASSES];
        fv_tensor y = FV_TENSOR(out, FV_F64, IMAGES, NET_CLASSES);
        for (int i = 0; i < 3; i++)
            fv_train_step(net, fv_sgd(net, 0.1), &images, &labels);
        fv_network_predict(net, &images, &y);
        assert_ok(ctx);
        fv_training(ctx, 0);
        fv_no_grad(ctx, 1);
        fv_variable *value = fv_constant(ctx, &images);
        const size_t count = fv_network_count(net);
        for (size_t i = 1; i + 1 < count; i++)
            value = fv_layer_forward(fv_network_layer(net, i), value);
        assert_ok(ctx);
        for (int i = 0; i < IMAGES * NET_CLASSES; i++)
            assert_near(out[i],
                        ((const double *)fv_variable_value(value)->data)[i],
                        1e-12);
        fv_context_free(ctx);
    }
}

/* Files have filters as PyTorch does, whatever the number of axes. */
static void test_files(void **state)
{
    (void)state;
    needs(JANSSON);
    for (int n = 0; n < NETS; n++) {
        fv_context *ctx = NET_CONTEXT(.seed = 4);
        fv_network *net = fv_network_parse(ctx, nets[n], "net");
        assert_int_equal(fv_network_save(net, path), FV_OK);
        const fv_tensor *w = fv_variable_value(
            fv_layer_variables(fv_network_layer(net, 1)).at[0]);
        fv__archive *archive = fv__safetensors_read(ctx, path);
        assert_ok(ctx);
        const fv_tensor *stored = fv__archive_find(
            archive, n < 2 ? "conv1.weight" : "conv_transpose1.weight");
        assert_int_equal(stored->rank, w->rank);
        assert_int_equal(stored->shape[0], w->shape[0]);
        assert_int_equal(stored->shape[1], w->shape[w->rank - 1]);
        for (int32_t i = 2; i < w->rank; i++)
            assert_int_equal(stored->shape[i], w->shape[i - 1]);
        /* the second tap of the first filter, of its first channel */
        assert_true(((const float *)stored->data)[1]
                    == ((const float *)w->data)[w->shape[w->rank - 1]]);
        fv__archive_free(archive);
        const uint64_t digest = net_digest(net);
        assert_true(net_digest(fv_network_load(ctx, path)) == digest);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

/* A separable convolution is the two convolutions that it is made of, bit for
 * bit, and has the gradients of their weights. */
static void test_separable(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 6);
    fv_network *net =
        fv_network_parse(ctx,
                         "input 6 7 3\nseparable_conv2d 5 3 2 stride=2,1 "
                         "padding=1 padding_end=0,1 dilation=1,2 "
                         "multiplier=2\nflatten\nlinear 4\n"
                         "softmax_cross_entropy\n",
                         "net");
    assert_ok(ctx);
    fv_variables v = fv_layer_variables(fv_network_layer(net, 1));
    assert_int_equal(v.count, 3);
    const fv_tensor images = images_of(ctx, net);
    const fv_convolution first = { .stride = { 2, 1 },
                                   .dilation = { 1, 2 },
                                   .padding_begin = { 1, 1 },
                                   .padding_end = { 0, 1 },
                                   .groups = 3 };
    fv_variable *y =
        fv_layer_forward(fv_network_layer(net, 1), fv_constant(ctx, &images));
    fv_variable *other =
        fv_conv2d(fv_constant(ctx, &images), v.at[0], NULL, &first);
    other = fv_conv2d(other, v.at[1], v.at[2], NULL);
    assert_ok(ctx);
    const fv_tensor *a = fv_variable_value(y), *b = fv_variable_value(other);
    assert_true(fv_tensor_same_shape(a, b));
    assert_memory_equal(a->data, b->data, net_bytes(a));
    fv_forget(ctx);
    const double error = fv_network_gradcheck(net, 2);
    assert_ok(ctx);
    assert_near(error, 0, 1e-6);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_decides), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_plan),          cmocka_unit_test(test_files),
        cmocka_unit_test(test_separable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
