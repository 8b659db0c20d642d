/* Networks with another head: which layer it is, what is kept of the rest, and
 * networks that have none. */
#include "nets.h"

static fv_network *parse(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_ok(ctx);
    return net;
}

/* The text with another head, of a network that has not been used. */
static void check_text(const char *text, int64_t classes, const char *expected)
{
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .layout = layout ? FV_NCHW : FV_NHWC);
        fv_network *made = fv_network_with_head(parse(ctx, text), classes);
        assert_ok(ctx);
        assert_string_equal(fv_network_text(made), expected);
        assert_int_equal(fv_network_has_weights(made), 0);
        assert_int_equal(fv_context_memory(ctx).data_bytes > 1 << 12, 0);
        fv_context_free(ctx);
    }
}

static void test_texts(void **state)
{
    (void)state;
    check_text("input 9\nlinear 5\nrelu\nlinear 3 bias=no name=fc\n"
               "softmax_cross_entropy\n",
               11,
               "input 9\nlinear 5\nrelu\nlinear 11 bias=no name=fc\n"
               "softmax_cross_entropy\n");
    check_text("input 8 6 2\nconv2d 4 3 3\nconv2d 3 1 1 name=last\nbatchnorm\n"
               "relu\nglobal_average_pool\nflatten\nsoftmax_cross_entropy\n",
               7,
               "input 8 6 2\nconv2d 4 3 3\nconv2d 7 1 1 name=last\nbatchnorm\n"
               "relu\nglobal_average_pool\nflatten\nsoftmax_cross_entropy\n");
    /* the first output counts, not the last layer */
    check_text("input 4\nlinear 3 name=a\nlinear 2 name=b from=a\n"
               "output from=a\noutput from=b\n",
               8,
               "input 4\nlinear 8 name=a\nlinear 2 name=b from=a\n"
               "output from=a\noutput from=b\n");
    check_text("input 5 3\nlstm 4\nsoftmax_cross_entropy\n", 6,
               "input 5 3\nlstm 6\nsoftmax_cross_entropy\n");
    check_text("input 9\nlinear 5\n", 0, "input 9\nlinear 5\n");
    check_text("input 9\nlinear 5\n", 5, "input 9\nlinear 5\n");
    /* one output tells two classes apart */
    check_text("input 9\nlinear 1\nsigmoid_cross_entropy\n", 2,
               "input 9\nlinear 1\nsigmoid_cross_entropy\n");
    check_text("input ? ? 3\nconv2d 4 3 3\nglobal_average_pool\nflatten\n"
               "linear 2\n",
               3,
               "input ? ? 3\nconv2d 4 3 3\nglobal_average_pool\nflatten\n"
               "linear 3\n");
}

/* Everything but the head is copied: parameters and running statistics. */
static void test_weights(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1, .seed = 3,
                                      .dtype = wide ? FV_F64 : FV_F32);
        fv_network *net = parse(ctx, net_residual);
        fv_tensor images = net_images(ctx, 8), labels = net_labels(ctx, 8);
        static const char *const classes[] = { "a", "b", "c", "d" };
        fv_network_set_class_names(net, 4, classes);
        for (int i = 0; i < 3; i++)
            fv_train_step(net, fv_sgd(net, 0.1), &images, &labels);
        fv_network *made = fv_network_with_head(net, 6);
        assert_ok(ctx);
        assert_int_equal(fv_network_has_weights(made), 1);
        assert_int_equal(fv_network_classes(made), 6);
        assert_null(fv_network_class_name(made, 0));
        assert_int_equal(fv_network_layout(made), fv_network_layout(net));
        const fv_named_tensors a = fv_network_weights(net, 0),
                               b = fv_network_weights(made, 0);
        assert_int_equal(a.count, b.count);
        for (int64_t i = 0; i < a.count; i++) {
            const fv_tensor *x = &a.at[i].tensor, *y = &b.at[i].tensor;
            assert_string_equal(a.at[i].name, b.at[i].name);
            if (!strncmp(a.at[i].name, "linear1.", 8))
                assert_true(x->shape[0] == 4 && y->shape[0] == 6);
            else
                assert_memory_equal(x->data, y->data,
                                    (size_t)fv_tensor_count(x)
                                        * (wide ? 8 : 4));
        }
        labels = net_labels(ctx, 8);
        assert_true(
            fv_train_step(made, fv_sgd(made, 0.1), &images, &labels).loss > 0);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

static void refuse(const char *text, int64_t classes, const char *sentence)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_network_with_head(parse(ctx, text), classes));
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("input 4\nlinear 3\n", -1, "network: a head for -1 classes");
    refuse("input 4\nrelu\n", 3,
           "network: no layer is the head: none on the way to the output has a "
           "number of outputs of its own");
    refuse("input 4\nlinear 3 name=a\nlinear 3 name=b from=a\n"
           "add from=a,b\nrelu\n",
           5,
           "network: no layer is the head: add1, on the way to the output, "
           "reads 2 others");
    refuse("input 2 2 4\nconv2d 4 1\npixel_shuffle 2\nglobal_average_pool\n"
           "flatten\n",
           8, "network: conv1 with 8 outputs makes 2 classes");
    refuse("input 2 2 4\nconv2d 4 1 groups=2\nglobal_average_pool\nflatten\n",
           5, "head:2:1: conv1: groups 2 does not divide filters 5");
    assert_null(fv_network_with_head(NULL, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
