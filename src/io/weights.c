/* The weights of a network as named tensors: listing them, and reading them
 * from a file. */
#include "io/model.h"

#include <string.h>

/* A list of `count` views with copies of their names, as fv_npz_load makes. */
static fv_named_tensors list_of(fv_context *context, size_t count,
                                const fv_named_tensor entries[])
{
    fv_named_tensors list = { 0 };
    int64_t bytes = (int64_t)(count * sizeof *list.at) + 1;
    for (size_t i = 0; i < count; i++)
        bytes += (int64_t)strlen(entries[i].name) + 1;
    const fv_tensor memory = fv_tensor_new(context, FV_U8, 1, &bytes);
    if (memory.rank < 0) return list;
    list = (fv_named_tensors){ (int64_t)count, memory.data };
    char *text = (char *)(list.at + count);
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(entries[i].name) + 1;
        list.at[i] = (fv_named_tensor){ memcpy(text, entries[i].name, length),
                                        entries[i].tensor };
        text += length;
    }
    return list;
}

fv_named_tensors fv_network_weights(fv_network *network, int gradients)
{
    fv__model model;
    fv_named_tensors list = { 0 };
    if (!network || !fv__ok(network->context)) return list;
    if ((gradients ? fv__model_begin_gradients(&model, network)
                   : fv__model_begin(&model, network, 0))
        == FV_OK)
        list = list_of(network->context, model.count, model.entries);
    fv__model_end(&model);
    return list;
}

/* Reads a NumPy archive, or a safetensors file, as entries. */
static fv__archive *read_archive(fv_context *context, const char *path,
                                 fv_named_tensors *arrays)
{
    const size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, ".npz") != 0)
        return fv__safetensors_read(context, path);
    *arrays = fv_npz_load(context, path);
    return arrays->at ? fv__archive_of(context, arrays->count, arrays->at)
                      : NULL;
}

fv_status fv_network_load_weights(fv_network *network, const char *path)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "weights: the path is %s",
                       path ? "empty" : "NULL");
    fv_named_tensors arrays = { 0 };
    fv__archive *archive = read_archive(context, path, &arrays);
    fv__model model = { 0 };
    if (archive && fv__model_begin(&model, network, 0) == FV_OK
        && fv__model_check(&model, archive, path) == FV_OK)
        fv__model_restore(&model, archive);
    if (model.context) fv__model_end(&model);
    fv__archive_free(archive);
    fv_named_tensors_free(context, &arrays);
    return fv_failed(context);
}
