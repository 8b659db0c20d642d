/* Classes that a network tells apart: how many, and what they are called. */
#include "network/network.h"

#include <string.h>

int64_t fv_network_classes(const fv_network *network)
{
    const fv_shape output = fv_network_output_shape(network);
    if (output.rank < 0) return 0;
    const int64_t count = fv__shape_count(&output);
    const int32_t place = fv__network_loss_place(network);
    if (place < 0) return count;
    const fv__layer_type *loss = network->places[place].layer->type;
    const fv_shape inside = fv__shape_inside(network->context, output);
    if (loss->target >= FV__TARGET_CLASSES && inside.rank > 0)
        return inside.extent[inside.rank - 1];
    return loss->meaning == FV_MEANS_LOG_ODDS && count == 1 ? 2 : count;
}

fv_meaning fv_network_meaning(const fv_network *network)
{
    const int32_t place = network ? fv__network_loss_place(network) : -1;
    return place < 0 ? FV_MEANS_VALUES
                     : network->places[place].layer->type->meaning;
}

/* Refuses names and numbers of classes that a file could not hold. */
static fv_status check(const fv_network *network, int64_t count,
                       const char *const names[])
{
    fv_context *context = network->context;
    const int64_t classes = fv_network_classes(network);
    if (count < 0 || count > classes || (count && !names))
        return fv_fail(context, FV_MISUSE,
                       "network: %lld names for %lld classes", (long long)count,
                       (long long)classes);
    for (int64_t i = 0; i < count; i++)
        if (!names[i] || !fv__is_utf8(names[i]))
            return fv_fail(context, FV_MISUSE,
                           "network: the name of class %lld is %s",
                           (long long)i, names[i] ? "not UTF-8" : "NULL");
    return FV_OK;
}

fv_status fv_network_set_class_names(fv_network *network, int64_t count,
                                     const char *const names[])
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context) || check(network, count, names) != FV_OK)
        return fv_failed(context);
    char **copies = NULL;
    size_t bytes = (size_t)count * sizeof *copies;
    for (int64_t i = 0; i < count; i++) bytes += strlen(names[i]) + 1;
    if (count) {
        copies = fv__allocate(context, FV__DATA, bytes);
        if (!copies) return fv_failed(context);
    }
    char *at = (char *)(copies + count);
    for (int64_t i = 0; i < count; i++) {
        const size_t length = strlen(names[i]) + 1;
        copies[i] = memcpy(at, names[i], length);
        at += length;
    }
    fv__release(context, network->class_names);
    network->class_names = copies;
    network->num_class_names = count;
    return FV_OK;
}

const char *fv_network_class_name(const fv_network *network,
                                  int64_t class_index)
{
    if (!network || class_index < 0 || class_index >= network->num_class_names)
        return NULL;
    return network->class_names[class_index];
}
