/* Learns to tell three species of iris from four measurements, from a CSV
 * file: `iris [FILE]`. Every fifth flower is kept for the test. */
#include <fovea/fovea.h>

#include <stdio.h>
#include <string.h>

enum { FLOWERS = 150, TEST = FLOWERS / 5, TRAIN = FLOWERS - TEST };

static float train_x[TRAIN][4], test_x[TEST][4];
static int64_t train_y[TRAIN], test_y[TEST];

static int read_flowers(FILE *file)
{
    static const char *const species[] = { "setosa", "versicolor",
                                           "virginica" };
    char line[128], name[32];
    float x[4];
    int count = 0;
    while (file && count < FLOWERS && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%f,%f,%f,%f,%31s", &x[0], &x[1], &x[2], &x[3], name)
            != 5)
            continue; /* the heading */
        int test = count % 5 == 4, at = test ? count / 5 : count - count / 5;
        memcpy(test ? test_x[at] : train_x[at], x, sizeof x);
        for (int i = 0; i < 3; i++)
            if (!strcmp(name, species[i])) (test ? test_y : train_y)[at] = i;
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "examples/iris.csv";
    FILE *file = fopen(path, "r");
    if (read_flowers(file) != FLOWERS)
        return fprintf(stderr, "%s: not the flowers\n", path), 1;
    fclose(file);

    fv_context *ctx = fv_context_new(NULL);
    fv_tensor x = FV_TENSOR(train_x, FV_F32, TRAIN, 4);
    fv_tensor y = FV_TENSOR(train_y, FV_I64, TRAIN);
    fv_dataset *train = fv_dataset_of(ctx, &x, &y);
    x = FV_TENSOR(test_x, FV_F32, TEST, 4);
    y = FV_TENSOR(test_y, FV_I64, TEST);
    fv_dataset *test = fv_dataset_of(ctx, &x, &y);
    fv_network *net =
        fv_network_of(ctx, fv_input(ctx, 4), fv_linear(ctx, 16), fv_tanh(ctx),
                      fv_linear(ctx, 3), fv_softmax_cross_entropy(ctx));
    fv_fit(net, fv_adam(net, 0.01), train, .epochs = 100);
    double accuracy = fv_accuracy(net, test);
    printf("%d flowers, accuracy on %d others %.3f\n", TRAIN, TEST, accuracy);
    if (fv_failed(ctx)) fprintf(stderr, "%s\n", fv_error(ctx));
    fv_context_free(ctx);
    return !(accuracy > 0.9);
}
