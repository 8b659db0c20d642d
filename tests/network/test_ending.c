/* Networks with another loss: what is taken away for it, what is kept, and
 * losses that are none. */
#include "nets.h"

static fv_network *parse(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_ok(ctx);
    return net;
}

/* The text with another loss, of a network that has not been used. */
static void check_text(const char *text, const char *loss, const char *expected)
{
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .layout = layout ? FV_NCHW : FV_NHWC);
        fv_network *made = fv_network_with_loss(parse(ctx, text), loss);
        assert_ok(ctx);
        assert_string_equal(fv_network_text(made), expected);
        assert_int_equal(fv_network_has_loss(made), 1);
        assert_int_equal(fv_network_has_weights(made), 0);
        fv_context_free(ctx);
    }
}

static void test_texts(void **state)
{
    (void)state;
    check_text("input 9\nlinear 3\n", NULL,
               "input 9\nlinear 3\nsoftmax_cross_entropy\n");
    check_text("input 9\nlinear 3\noutput name=y\nmse\n",
               "softmax_cross_entropy # of classes",
               "input 9\nlinear 3\noutput name=y from=linear1\n"
               "softmax_cross_entropy from=linear1\n");
    check_text("input 9\nlinear 3\nsoftmax\n", NULL,
               "input 9\nlinear 3\nsoftmax_cross_entropy\n");
    check_text("input 9\nlinear 3\nsoftmax 1\n", NULL,
               "input 9\nlinear 3\nsoftmax_cross_entropy\n");
    check_text("input 9\nlinear 1\nsigmoid\n", NULL,
               "input 9\nlinear 1\nsigmoid_cross_entropy\n");
    /* a loss of probabilities is one of what a softmax makes */
    check_text("input 9\nlinear 3\nsoftmax\n", "mse",
               "input 9\nlinear 3\nsoftmax -1\nmse\n");
    check_text("input 9\nlinear 3\nlog_softmax\n", "nll",
               "input 9\nlinear 3\nlog_softmax -1\nnll\n");
    check_text("input 9\nlinear 3\nsigmoid\n", "softmax_cross_entropy",
               "input 9\nlinear 3\nsigmoid\nsoftmax_cross_entropy\n");
    /* that of another axis is not the loss's */
    check_text("input 4 4 3\nconv2d 2 1\nsoftmax 1\n", NULL,
               "input 4 4 3\nconv2d 2 1 1\nsoftmax 1\n"
               "softmax_cross_entropy\n");
    check_text("input 4 4 3\nconv2d 2 1\nsoftmax 3\n", NULL,
               "input 4 4 3\nconv2d 2 1 1\nsoftmax_cross_entropy\n");
    /* instead of a loss */
    check_text(
        "input 9\nlinear 3\nmse\n", "softmax_cross_entropy label_smoothing=0.1",
        "input 9\nlinear 3\nsoftmax_cross_entropy label_smoothing=0.1\n");
    /* outputs keep their names */
    check_text("input 9 name=x\nlinear 3 name=a from=x\n"
               "log_softmax name=b from=a\noutput name=y from=b\n",
               NULL,
               "input 9 name=x\nlinear 3 name=a from=x\noutput name=y from=a\n"
               "softmax_cross_entropy from=a\n");
    check_text("input 9\nlinear 3 name=a\nsoftmax name=b\nlinear 2 name=c\n"
               "output name=y from=b\noutput name=z from=c\n",
               NULL,
               "input 9\nlinear 3 name=a\nsoftmax -1 name=b\nlinear 2 name=c\n"
               "output name=y from=a\noutput name=z from=c\n"
               "softmax_cross_entropy from=a\n");
    check_text("input 9\nlinear 3 name=a\nsoftmax name=b\n"
               "output name=y\noutput name=z from=b\n",
               NULL,
               "input 9\nlinear 3 name=a\nsoftmax -1 name=b\n"
               "output name=y from=a\noutput name=z from=b\n"
               "softmax_cross_entropy from=a\n");
    check_text("input 4\nsplit 2 axis=1 name=s\noutput name=y from=s:1\n",
               "mse",
               "input 4\nsplit 2 axis=1 name=s\noutput name=y from=s:1\n"
               "mse from=s:1\n");
}

/* Weights, running statistics, and names of classes are copied, and the copy
 * trains as a network that was written with that loss. */
static void test_trained(void **state)
{
    (void)state;
    static const char head[] = "input 8 8 3\nconv2d 4 3 3 name=c\nbatchnorm\n"
                               "relu\nflatten\nlinear 4 name=f\n";
    static const char *const classes[] = { "a", "b", "c", "d" };
    char text[256];
    fv_context *ctx = NET_CONTEXT(.threads = 1, .seed = 3);
    snprintf(text, sizeof text, "%ssoftmax_cross_entropy\n", head);
    fv_network *net = parse(ctx, text);
    snprintf(text, sizeof text, "%ssoftmax\noutput name=y\n", head);
    fv_network *plain = parse(ctx, text);
    const fv_tensor images = net_images(ctx, 8), labels = net_labels(ctx, 8);
    fv_train_step(net, fv_sgd(net, 0.1), &images, &labels);
    const fv_named_tensors trained = fv_network_weights(net, 0),
                           drawn = fv_network_weights(plain, 0);
    assert_ok(ctx);
    assert_int_equal(trained.count, drawn.count);
    for (int64_t i = 0; i < trained.count; i++)
        memcpy(drawn.at[i].tensor.data, trained.at[i].tensor.data,
               net_bytes(&trained.at[i].tensor));
    fv_network_set_class_names(plain, 4, classes);
    fv_network *made = fv_network_with_loss(plain, NULL);
    assert_ok(ctx);
    assert_string_equal(fv_network_class_name(made, 3), "d");
    assert_int_equal(fv_network_meaning(made), FV_MEANS_LOGITS);
    assert_string_equal(fv_network_output_info(made, 0).name, "y");
    fv_network_free(plain);
    for (int step = 0; step < 3; step++) {
        const double a =
            fv_train_step(net, fv_sgd(net, 0.1), &images, &labels).loss;
        const double b =
            fv_train_step(made, fv_sgd(made, 0.1), &images, &labels).loss;
        assert_ok(ctx);
        assert_true(a == b);
    }
    const fv_named_tensors a = fv_network_weights(net, 0),
                           b = fv_network_weights(made, 0);
    assert_int_equal(a.count, b.count);
    for (int64_t i = 0; i < a.count; i++) {
        assert_string_equal(a.at[i].name, b.at[i].name);
        assert_memory_equal(a.at[i].tensor.data, b.at[i].tensor.data,
                            net_bytes(&a.at[i].tensor));
    }
    fv_context_free(ctx);
}

static void refuse(const char *text, const char *loss, const char *sentence)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_network_with_loss(parse(ctx, text), loss));
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("input 4\nlinear 3\n", "relu", "network: relu is no loss");
    refuse("input 4\nlinear 3\n", "mse from=linear1",
           "network: the loss reads the output, it cannot be from=linear1");
    refuse("input 4\nlinear 3\n", "mean_square",
           "layer:1:1: there is no layer \"mean_square\"");
    refuse("input 4\nlinear 3\n", "", "layer: the line is empty");
    refuse("input 4\nsoftmax\n", NULL,
           "network: 1 layers, expected an input and at least one more");
    refuse("input 4\nlinear 3\noutput name=y\nrelu\n", NULL,
           "network: a layer reads the output y");
    assert_null(fv_network_with_loss(NULL, NULL));
    assert_int_equal(fv_network_has_loss(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_trained),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
