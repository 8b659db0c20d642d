/* Opens the models and parts of data sets that commands are given. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

fv_network *cli_load(fv_context *context, const char *path)
{
    return fv_network_load(context,
                           strcmp(path, "-") == 0 ? "/dev/stdin" : path);
}

fv_network *cli_load_model(fv_context *context, const char *path)
{
    fv_network *network = cli_load(context, path);
    if (network && !fv_network_has_weights(network))
        fv_fail(context, FV_MISUSE,
                "%s: a network text has no weights; expected a saved model",
                path);
    return network;
}

const char *cli_class_name(const fv_network *network, const fv_dataset *dataset,
                           int64_t class_index, char *text)
{
    const char *name = fv_network_class_name(network, class_index);
    if (!name && dataset && class_index < fv_dataset_classes(dataset))
        name = fv_dataset_class_name(dataset, class_index);
    if (name)
        snprintf(text, CLI_CELL, "%s", name);
    else
        snprintf(text, CLI_CELL, "%lld", (long long)class_index);
    return text;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

fv_dataset *cli_open_data(fv_context *context, const char *name,
                          const char *part)
{
    char whole[4096];
    if (ends_with(name, ":train") || ends_with(name, ":test"))
        return fv_dataset_open(context, name);
    const int length = snprintf(whole, sizeof whole, "%s:%s", name, part);
    if (length < 0 || (size_t)length >= sizeof whole) {
        fv_fail(context, FV_LIMIT, "data: a name of %zu characters",
                strlen(name));
        return NULL;
    }
    return fv_dataset_open(context, whole);
}
