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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folded_weights_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
