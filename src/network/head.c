/* The head of a network, which makes its answer, and networks with another
 * one. */
#include "network/network.h"

#include <string.h>

/* The option that is the number of outputs; NULL if there is none. */
static const fv__field *outputs_of(const fv_layer *layer)
{
    const fv__field *field = layer->type->fields;
    while (field && field->key && !field->outputs) field++;
    return field && field->key ? field : NULL;
}

int32_t fv__network_head(const fv_network *network, bool inside[])
{
    int32_t result = fv__network_output(network, 0);
    while (result >= 0) {
        const int32_t at = network->results[result].place;
        const fv__place *place = &network->places[at];
        inside[at] = true;
        if (outputs_of(place->layer)) return at;
        if (place->num_inputs > 1) {
            fv_fail(network->context, FV_UNSUPPORTED,
                    "network: no layer is the head: %s, on the way to the "
                    "output, reads %d others",
                    place->layer->name, place->num_inputs);
            return -1;
        }
        result = place->num_inputs ? place->inputs[0] : -1;
    }
    fv_fail(network->context, FV_UNSUPPORTED,
            "network: no layer is the head: none on the way to the output has "
            "a number of outputs of its own");
    return -1;
}

/* The network with another number of outputs of the layer at `place`. */
static fv_network *with_outputs(const fv_network *network, int32_t place,
                                int64_t outputs)
{
    fv_context *context = network->context;
    const fv_layer *layer = network->places[place].layer;
    const size_t bytes = layer->type->options_size;
    unsigned char *options = fv__allocate(context, FV__DATA, bytes);
    if (!options) return NULL;
    memcpy(options, layer->options, bytes);
    if (outputs)
        memcpy(options + outputs_of(layer)->offset, &outputs, sizeof outputs);
    char *text = fv__network_write(network, place, options, NULL);
    fv_network *made =
        text ? fv__network_parse(context, text, strlen(text), "head") : NULL;
    fv__release(context, options);
    fv__release(context, text);
    return made;
}

static fv_network *with_head(const fv_network *network, int64_t classes,
                             bool inside[])
{
    fv_context *context = network->context;
    const int32_t head = fv__network_head(network, inside);
    if (head < 0) return NULL;
    const bool same = !classes || classes == fv_network_classes(network);
    fv_network *made = with_outputs(network, head, same ? 0 : classes);
    if (!made) return NULL;
    made->layout = network->layout;
    if (!same && fv_network_classes(made) != classes)
        fv_fail(context, FV_UNSUPPORTED,
                "network: %s with %lld outputs makes %lld classes",
                network->places[head].layer->name, (long long)classes,
                (long long)fv_network_classes(made));
    else if (network->drawn && fv__network_draw(made) == FV_OK)
        fv__network_copy(made, network, inside);
    if (fv__ok(context)) return made;
    fv__destroy(made);
    return NULL;
}

fv_network *fv_network_with_head(const fv_network *network, int64_t classes)
{
    if (!network || !fv__ok(network->context)) return NULL;
    fv_context *context = network->context;
    if (classes < 0) {
        fv_fail(context, FV_MISUSE, "network: a head for %lld classes",
                (long long)classes);
        return NULL;
    }
    bool *inside =
        fv__allocate_zero(context, FV__DATA, (size_t)network->count + 1);
    fv_network *made = inside ? with_head(network, classes, inside) : NULL;
    fv__release(context, inside);
    return made;
}
