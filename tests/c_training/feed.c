/* Writes to standard output what a C file is trained with, or compared with,
 * for scripts/test-c-training:
 *
 *     feed batches SEED LIMIT BATCH   the images, as floats, and labels of each
 *                                     batch of the first epoch of `fovea train`
 *     feed weights MODEL              parameters and running statistics in the
 *                                     order of the C file */
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_numbers(size_t size, size_t count, const void *numbers)
{
    if (fwrite(numbers, size, count, stdout) != count) exit(1);
}

static void write_tensor(const fv_tensor *tensor)
{
    write_numbers(sizeof(float), (size_t)fv_tensor_count(tensor), tensor->data);
}

static void batches(fv_context *context, int64_t limit, int64_t batch,
                    uint64_t seed)
{
    fv_dataset *data = fv_dataset_open(context, "fashion-mnist:train");
    fv_dataset_limit(data, limit);
    const int64_t shape[] = { batch, 28, 28, 1 };
    const fv_tensor images = fv_tensor_new(context, FV_F32, 4, shape);
    const fv_tensor labels = fv_tensor_new(context, FV_I64, 1, &batch);
    int64_t *order = malloc((size_t)limit * sizeof *order);
    if (!order || fv_failed(context)) return;
    fv_dataset_shuffle(data, seed, 0, order);
    for (int64_t i = 0; i + batch <= limit; i += batch) {
        fv_dataset_batch(data, order + i, batch, &images, &labels);
        write_tensor(&images);
        for (int64_t k = 0; k < batch; k++) {
            const int32_t label = (int32_t)((const int64_t *)labels.data)[k];
            write_numbers(sizeof label, 1, &label);
        }
    }
    free(order);
}

static void weights(fv_context *context, const char *path)
{
    fv_network *network = fv_network_load(context, path);
    const fv_variables parameters = fv_network_variables(network);
    for (int64_t i = 0; i < parameters.count; i++)
        write_tensor(fv_variable_value(parameters.at[i]));
    const fv_named_tensors all = fv_network_weights(network, 0);
    for (int64_t i = 0; i < all.count; i++)
        if (strstr(all.at[i].name, ".running_"))
            write_tensor(&all.at[i].tensor);
}

int main(int argc, char **argv)
{
    fv_context *context = fv_context_new(NULL);
    if (argc == 5 && strcmp(argv[1], "batches") == 0)
        batches(context, atoll(argv[3]), atoll(argv[4]),
                (uint64_t)atoll(argv[2]));
    else if (argc == 3 && strcmp(argv[1], "weights") == 0)
        weights(context, argv[2]);
    else
        return 2;
    const int failed = fv_failed(context) != FV_OK;
    if (failed) fprintf(stderr, "%s\n", fv_error(context));
    fv_context_free(context);
    return failed;
}
