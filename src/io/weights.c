/* The weights of a network as named tensors: listing them, reading them from a
 * file, and copying files of them. */
#include "io/model.h"
#include "array/npy.h"

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

/* A file of tensors, as entries; NULL after a failure. */
static fv__archive *read_archive(fv_context *context, const char *path,
                                 fv_named_tensors *arrays)
{
    size_t size = 0;
    *arrays = (fv_named_tensors){ 0 };
    void *bytes = fv__read_file(context, path, SIZE_MAX / 2, &size);
    if (!bytes) return NULL;
    if (size < 2 || memcmp(bytes, "PK", 2) != 0)
        return fv__safetensors_parse(context, path, bytes, size);
    *arrays = fv__npz_parse(context, path, bytes, size, NULL, NULL);
    fv__release(context, bytes);
    return arrays->at ? fv__archive_of(context, arrays->count, arrays->at)
                      : NULL;
}

static bool has_path(fv_context *context, const char *who, const char *path)
{
    if (fv__ok(context) && (!path || !*path))
        fv_fail(context, FV_MISUSE, "%s: the path is %s", who,
                path ? "empty" : "NULL");
    return fv__ok(context);
}

fv_status fv_network_match_weights_with(fv_network *network,
                                        const fv_match_options *options)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    fv_match_options o;
    if (!fv__ok(context)
        || !fv__options(context, "weights", options, &o, sizeof o)
        || !has_path(context, "weights", o.path))
        return fv_failed(context);
    fv_named_tensors arrays;
    fv__archive *archive = read_archive(context, o.path, &arrays);
    fv__model model = { 0 };
    if (archive && fv__model_begin(&model, network, 0) == FV_OK
        && fv__model_match(&model, archive, o.path, &o) == FV_OK)
        fv__model_restore(&model);
    if (model.context) fv__model_end(&model);
    fv__archive_free(archive);
    fv_named_tensors_free(context, &arrays);
    return fv_failed(context);
}

fv_status fv_network_load_weights(fv_network *network, const char *path)
{
    return fv_network_match_weights(network, path);
}

/* Leaves out what checkpoints have besides the model. */
static void keep_model(fv__archive *archive)
{
    size_t entries = 0, pairs = 0;
    if (!fv__archive_value(archive, "fovea.optimizer")) return;
    for (size_t i = 0; i < archive->num_entries; i++)
        if (strncmp(archive->entries[i].name, "optimizer.", 10) != 0)
            archive->entries[entries++] = archive->entries[i];
    for (size_t i = 0; i < archive->num_pairs; i++)
        if (fv__model_has_key(archive->pairs[i].key))
            archive->pairs[pairs++] = archive->pairs[i];
    archive->num_entries = entries;
    archive->num_pairs = pairs;
}

fv_status fv_weights_copy(fv_context *context, const char *from, const char *to)
{
    if (!has_path(context, "weights", from)
        || !has_path(context, "weights", to))
        return fv_failed(context);
    const size_t length = strlen(to);
    fv_named_tensors arrays;
    fv__archive *archive = read_archive(context, from, &arrays);
    if (archive) keep_model(archive);
    if (archive && length > 4 && strcmp(to + length - 4, ".npz") == 0)
        fv_npz_save(context, to, (int64_t)archive->num_entries,
                    archive->entries);
    else if (archive)
        fv__safetensors_write(context, to, archive->num_entries,
                              archive->entries, archive->num_pairs,
                              archive->pairs);
    fv__archive_free(archive);
    fv_named_tensors_free(context, &arrays);
    return fv_failed(context);
}
