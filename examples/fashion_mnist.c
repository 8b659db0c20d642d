/* Trains a convolutional network on Fashion-MNIST and saves it:
 * `fashion_mnist [IMAGES]`, all there are unless told. */
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>

enum { NO_DATA = 77 }; /* what CTest takes for "skipped" */

int main(int argc, char **argv)
{
    const long limit = argc > 1 ? strtol(argv[1], NULL, 10) : 60000;
    fv_context *ctx = fv_context_new(NULL);
    fv_dataset *train = fv_dataset_open(ctx, "fashion-mnist:train");
    fv_dataset *test = fv_dataset_open(ctx, "fashion-mnist:test");
    int absent = fv_failed(ctx) == FV_IO;
    fv_dataset_limit(train, limit);
    fv_dataset_limit(test, limit);
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 28, 28, 1),
        fv_convolutional(ctx, .num_filters = 20, .kernel = { 5 }), fv_relu(ctx),
        fv_maxpool(ctx, .kernel = { 2 }), fv_flatten(ctx), fv_linear(ctx, 10),
        fv_softmax_cross_entropy(ctx));
    fv_fit(net, fv_adam(net, 1e-3), train, .epochs = 5, .batch = 64);
    printf("accuracy %.4f\n", fv_accuracy(net, test));
    fv_network_save(net, "fashion_mnist.safetensors");

    int failed = fv_failed(ctx) != FV_OK;
    if (failed) fprintf(stderr, "%s\n", fv_error(ctx));
    fv_context_free(ctx);
    return absent ? NO_DATA : failed;
}
