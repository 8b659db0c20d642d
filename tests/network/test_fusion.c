/* A convolution and its normalisation run as one: what is kept of the folded
 * weights serves the next evaluation as the first, whatever the algorithm. */
#include "nets.h"

enum { IMAGES = 3, OUTPUTS = IMAGES * NET_CLASSES };

static void evaluate_twice(const char *algorithm, double *out)
{
    char text[512];
    float first[OUTPUTS], second[OUTPUTS];
    fv_context *ctx = NET_CONTEXT(.threads = 1);

    snprintf(text, sizeof text,
             "input 8 8 3\n"
             "conv2d 8 3 3 padding=1 algorithm=%s\n"
             "batchnorm\nrelu\nflatten\nlinear 4\nsoftmax_cross_entropy\n",
             algorithm);
    fv_network *net = fv_network_parse(ctx, text, "net");
    const fv_tensor images = net_images(ctx, IMAGES);
    const fv_tensor labels = net_labels(ctx, IMAGES);
    fv_tensor a = FV_TENSOR(first, FV_F32, IMAGES, NET_CLASSES);
    fv_tensor b = FV_TENSOR(second, FV_F32, IMAGES, NET_CLASSES);

    fv_train_step(net, fv_sgd(net, 0.1), &images, &labels);
    fv_network_predict(net, &images, &a);
    fv_network_predict(net, &images, &b);
    assert_ok(ctx);
    assert_memory_equal(first, second, sizeof first);
    for (int i = 0; i < OUTPUTS; i++) out[i] = (double)first[i];
    fv_context_free(ctx);
}

static void test_folded_weights_are_kept(void **state)
{
    static const char *const others[] = { "auto", "im2col", "direct",
                                          "winograd", "col2im" };
    double expected[OUTPUTS], out[OUTPUTS];

    (void)state;
    evaluate_twice("reference", expected);
    for (size_t n = 0; n < sizeof others / sizeof *others; n++) {
        evaluate_twice(others[n], out);
        for (int i = 0; i < OUTPUTS; i++)
            assert_true(fabs(out[i] - expected[i])
                        <= 1e-4 * (1 + fabs(expected[i])));
    }
}

/* A sum takes the branch that was made later into its convolution, so that what
 * the other branch reads, which is larger than its result, is gone by then. The
 * order in which `from` names the two changes neither result nor memory. */
static void test_either_branch_of_a_sum(void **state)
{
    (void)state;
    static const char *const branches[] = {
        "conv2d 2 1 1 name=a from=x\n"
        "conv2d 2 1 1 name=b1 from=x\n"
        "conv2d 64 1 1 name=b2\n"
        "conv2d 2 1 1 name=b\n",
        "conv2d 2 1 1 name=b1 from=x\n"
        "conv2d 64 1 1 name=b2\n"
        "conv2d 2 1 1 name=b\n"
        "conv2d 2 1 1 name=a from=x\n",
    };
    enum { SIDE = 8, CHANNELS = 2, MADE = 2 * SIDE * SIDE };
    static float pixels[SIDE * SIDE * CHANNELS];
    for (int i = 0; i < SIDE * SIDE * CHANNELS; i++)
        pixels[i] = (float)(i * 37 % 101) / 101 - 0.5f;
    for (int made = 0; made < 2; made++) {
        float out[2][MADE];
        size_t bytes[2];
        for (int order = 0; order < 2; order++) {
            char text[512];
            snprintf(text, sizeof text,
                     "input %d %d %d\nconv2d 32 1 1 name=x\n%sadd "
                     "from=%s\nrelu\nmse\n",
                     SIDE, SIDE, CHANNELS, branches[made],
                     order ? "b,a" : "a,b");
            fv_context *ctx = NET_CONTEXT(.threads = 1);
            fv_network *net = fv_network_parse(ctx, text, "net");
            fv_tensor image =
                FV_TENSOR(pixels, FV_F32, 1, SIDE, SIDE, CHANNELS);
            fv_tensor y = FV_TENSOR(out[order], FV_F32, 1, SIDE, SIDE, 2);
            fv_network_predict(net, &image, &y);
            bytes[order] = fv_network_planned_bytes(net, 1, false);
            assert_ok(ctx);
            fv_context_free(ctx);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
        assert_int_equal(bytes[0], bytes[1]);
    }
}

/* A batch normalisation that lacks parameters is not folded; in training it is
 * clamped as any other. */
static void test_norms_that_do_not_fold(void **state)
{
    static const char *const norms[] = { "affine=no", "track=no",
                                         "affine=no track=no",
                                         "cumulative=yes" };
    (void)state;
    for (size_t n = 0; n < sizeof norms / sizeof *norms; n++) {
        char text[512];
        float planned[OUTPUTS];
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        snprintf(text, sizeof text,
                 "input 8 8 3\nconv2d 8 3 3 padding=1\nbatchnorm %s\nrelu\n"
                 "conv2d 4 3 3\nbatchnorm %s\nflatten\nlinear 4\n"
                 "softmax_cross_entropy\n",
                 norms[n], norms[n]);
        fv_network *net = fv_network_parse(ctx, text, "net");
        const fv_tensor images = net_images(ctx, IMAGES);
        const fv_tensor labels = net_labels(ctx, IMAGES);
        fv_tensor y = FV_TENSOR(planned, FV_F32, IMAGES, NET_CLASSES);
        fv_optimizer *sgd = fv_sgd(net, 0.1);
        for (int step = 0; step < 2; step++)
            fv_train_step(net, sgd, &images, &labels);
        fv_network_predict(net, &images, &y);
        fv_training(ctx, 0);
        const fv_tensor *apart = fv_variable_value(
            fv_network_forward(net, fv_constant(ctx, &images)));
        assert_ok(ctx);
        for (int i = 0; i < OUTPUTS; i++) {
            const double expected = (double)((const float *)apart->data)[i];
            assert_true(fabs((double)planned[i] - expected)
                        <= 1e-5 * (1 + fabs(expected)));
        }
        fv_context_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folded_weights_are_kept),
        cmocka_unit_test(test_either_branch_of_a_sum),
        cmocka_unit_test(test_norms_that_do_not_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
