/* Networks whose input has open extents. */
#include "nets.h"

#include "network/network.h"

#define BODY                                                                   \
    "conv2d 6 3 3 stride=2 padding=same\n"                                     \
    "batchnorm\n"                                                              \
    "relu name=stem\n"                                                         \
    "maxpool 3 3 stride=2 padding=same\n"                                      \
    "conv2d 6 3 3 padding=1 name=main\n"                                       \
    "avgpool 3 stride=1 padding=1\n"                                           \
    "add from=main,avgpool1\n"                                                 \
    "global_average_pool\n"                                                    \
    "flatten\n"                                                                \
    "linear 4\n"                                                               \
    "softmax_cross_entropy\n"

static const char *const open_net = "input ? ? 3\n" BODY;

static fv_network *parse(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_ok(ctx);
    return net;
}

/* Images of any size in the layout of the context. */
static fv_tensor images_of(fv_context *ctx, int64_t n, int64_t h, int64_t w)
{
    const bool planes = ctx->layout == FV_NCHW;
    const int64_t shape[] = { n, planes ? 3 : h, planes ? h : w,
                              planes ? w : 3 };
    fv_tensor images = fv_tensor_new(ctx, FV_F32, 4, shape);
    for (int64_t i = 0; i < fv_tensor_count(&images); i++)
        ((float *)images.data)[i] = (float)net_number(i);
    return images;
}

static void copy_weights(fv_network *to, fv_network *from)
{
    fv_variables a = fv_network_variables(to), b = fv_network_variables(from);
    assert_int_equal(a.count, b.count);
    for (int64_t i = 0; i < a.count; i++)
        assert_int_equal(
            fv_variable_assign(a.at[i], fv_variable_value(b.at[i])), FV_OK);
}

/* Outputs, losses and weights after a step are those of the network that is
 * written for that size. */
static void test_any_size_as_if_written_for_it(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = { { 8, 8 },  { 9, 8 },  { 31, 17 },
                                        { 1, 40 }, { 64, 3 }, { 8, 8 } };
    for (int layout = FV_NHWC; layout <= FV_NCHW; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .layout = (fv_layout)layout);
        fv_network *open = parse(ctx, open_net);
        fv_optimizer *sgd = fv_sgd(open, 0.1);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const int64_t h = sizes[i][0], w = sizes[i][1];
            char text[1000];
            snprintf(text, sizeof text, "input %d %d 3\n" BODY, (int)h, (int)w);
            fv_network *closed = parse(ctx, text);
            copy_weights(closed, open);
            fv_tensor images = images_of(ctx, 3, h, w);
            float a[12], b[12];
            fv_tensor y = FV_TENSOR(a, FV_F32, 3, 4);
            assert_int_equal(fv_network_predict(open, &images, &y), FV_OK);
            y.data = b;
            const fv_variable *forward =
                fv_network_forward(open, fv_constant(ctx, &images));
            assert_ok(ctx);
            assert_int_equal(fv_tensor_copy(ctx, &y, &forward->value), FV_OK);
            int64_t classes[] = { 1, 3, 0 };
            const fv_tensor labels = FV_TENSOR(classes, FV_I64, 3);
            fv_optimizer *other = fv_sgd(closed, 0.1);
            const fv_metrics is = fv_train_step(open, sgd, &images, &labels);
            const fv_metrics expected =
                fv_train_step(closed, other, &images, &labels);
            assert_ok(ctx);
            assert_true(is.loss == expected.loss);
            size_t bytes, same;
            unsigned char *left =
                net_dump(fv_network_variables(open), 0, &bytes);
            unsigned char *right =
                net_dump(fv_network_variables(closed), 0, &same);
            assert_int_equal(bytes, same);
            assert_memory_equal(left, right, bytes);
            free(left);
            free(right);
            fv_tensor_free(ctx, &images);
            fv_network_free(closed);
        }
        fv_context_free(ctx);
    }
}

/* Memory depends on the largest size, not on the number of sizes. */
static void test_a_thousand_sizes(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, open_net);
    float numbers[4];
    const fv_tensor y = FV_TENSOR(numbers, FV_F32, 1, 4);
    size_t after_largest = 0;
    for (int64_t i = 0; i < 1000; i++) {
        const int64_t h = i ? 1 + i * 7 % 48 : 48, w = i ? 1 + i * 11 % 48 : 48;
        fv_tensor images = images_of(ctx, 1, h, w);
        assert_int_equal(fv_network_predict(net, &images, &y), FV_OK);
        fv_tensor_free(ctx, &images);
        if (i == 20) after_largest = fv_context_memory(ctx).bytes;
        if (i >= 20)
            assert_true(fv_context_memory(ctx).bytes
                        <= after_largest + after_largest / 4);
    }
    fv_context_free(ctx);
}

static void test_shapes_that_are_known(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, "input ? 12 3\nconv2d 4 3 stride=2\nrelu\n");
    const fv_shape in = fv_network_input_shape(net);
    const fv_shape out = fv_network_output_shape(net);
    assert_int_equal(in.extent[0], FV_OPEN);
    assert_int_equal(in.extent[1], 12);
    assert_int_equal(out.rank, 3);
    assert_int_equal(out.extent[0], FV_OPEN);
    assert_int_equal(out.extent[1], 5);
    assert_int_equal(out.extent[2], 4);
    assert_int_equal(fv_network_info(net).receptive_field[0], 3);
    assert_string_equal(fv_network_text(net),
                        "input ? 12 3\nconv2d 4 3 3 stride=2\nrelu\n");
    fv_context_free(ctx);
}

/* With a size given, everything is known that is known of a closed network. */
static void test_a_size_that_is_given(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, open_net);
    fv_network *closed = parse(ctx, "input 20 31 3\n" BODY);
    fv_shape shape = fv_network_input_shape(closed);
    assert_int_equal(fv_network_layer_info(net, 1).multiply_accumulates, 0);
    assert_int_equal(fv_network_set_input(net, &shape), FV_OK);
    assert_string_equal(fv_network_text(net), fv_network_text(closed));
    for (size_t i = 0; i < fv_network_count(net); i++) {
        const fv_layer_info is = fv_network_layer_info(net, i);
        const fv_layer_info expected = fv_network_layer_info(closed, i);
        assert_int_equal(is.multiply_accumulates,
                         expected.multiply_accumulates);
        assert_int_equal(is.output_bytes, expected.output_bytes);
        assert_memory_equal(&is.output_shape, &expected.output_shape,
                            sizeof is.output_shape);
    }
    assert_true(fv_network_planned_bytes(net, 2, 1) > 0);
    assert_ok(ctx);
    shape.extent[2] = 4;
    assert_int_equal(fv_network_set_input(net, &shape), FV_MISUSE);
    assert_error(ctx, "network: an input of [20, 31, 4], expected one of "
                      "[?, ?, 3]");
    shape.extent[0] = FV_OPEN;
    net = parse(ctx, open_net);
    assert_int_equal(fv_network_set_input(net, &shape), FV_MISUSE);
    assert_error(ctx, "network: an input of [?, 31, 4], expected one of "
                      "[?, ?, 3]");
    assert_int_equal(fv_network_set_input(net, NULL), FV_MISUSE);
    assert_error(ctx, "network: there is no shape for its input");
    fv_context_free(ctx);
}

/* A size that the text has may be replaced, until weights depend on it. */
static void test_another_size(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, "input 8 8 3\nflatten\nlinear 2\n");
    fv_shape shape = fv_network_input_shape(net);
    shape.extent[1] = 5;
    assert_int_equal(fv_network_set_input(net, &shape), FV_OK);
    assert_string_equal(fv_network_text(net),
                        "input 8 5 3\nflatten\nlinear 2\n");
    assert_int_equal(fv_network_info(net).parameters, 2 * 8 * 5 * 3 + 2);
    fv_network_variables(net);
    shape.extent[1] = 6;
    assert_int_equal(fv_network_set_input(net, &shape), FV_MISUSE);
    assert_error(ctx, "linear1: the size of weight depends on the size of the "
                      "input; put global_average_pool before it");
    fv_context_free(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_network_parse(ctx, "input ? 8 3\nflatten\nlinear 2\n", "n"));
    assert_error(ctx, "n:3:1: linear1: the size of weight depends on the size "
                      "of the input; put global_average_pool before it");
    assert_null(fv_network_parse(ctx, "input 8 8 ?\nrelu\n", "n"));
    assert_error(ctx, "n:1:1: input1: the number of channels cannot be open");
    assert_null(fv_network_parse(ctx, "input ?8 8 3\nrelu\n", "n"));
    assert_error(ctx, "n:1:7: shape \"?8\" is no whole number of at most 15 "
                      "digits");
    fv_network *net = parse(ctx, open_net);
    assert_int_equal(fv_network_planned_bytes(net, 1, 0), 0);
    assert_error(ctx, "network: the input [?, ?, 3] is open, a plan needs the "
                      "size of its images");
    fv_tensor images = images_of(ctx, 1, 8, 8);
    float numbers[4];
    const fv_tensor y = FV_TENSOR(numbers, FV_F32, 1, 4);
    fv_tensor two = fv_tensor_slice(ctx, &images, 3, 0, 2, 1);
    assert_int_equal(fv_network_predict(net, &two, &y), FV_MISUSE);
    assert_error(ctx, "network: images of [8, 8, 2], the input is [?, ?, 3]");
    assert_null(fv_network_forward(net, fv_constant(ctx, &two)));
    assert_error(ctx,
                 "network: input [1, 8, 8, 2] is not a batch of [?, ?, 3]");
    assert_null(fv_conv_of_layer(fv_network_layer(net, 1), 1, 0));
    assert_error(ctx, "conv1: the size of its input is open, a planned "
                      "convolution has one size");
    /* a size for which a layer has no output */
    net = parse(ctx, "input ? ? 3\nconv2d 2 5\nrelu\n");
    assert_int_equal(fv_network_predict(net, &images, &y), FV_MISUSE);
    fv_clear_error(ctx);
    fv_tensor small = images_of(ctx, 1, 4, 9);
    assert_int_equal(fv_network_predict(net, &small, &y), FV_MISUSE);
    assert_error(ctx, "conv1: kernel 5x5 exceeds input 4x9 (height x width, "
                      "padding 0)");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_size_as_if_written_for_it),
        cmocka_unit_test(test_a_thousand_sizes),
        cmocka_unit_test(test_shapes_that_are_known),
        cmocka_unit_test(test_a_size_that_is_given),
        cmocka_unit_test(test_another_size),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
