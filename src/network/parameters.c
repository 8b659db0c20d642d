/* A network's parameters in flat arrays. */
#include "network/network.h"

#include <string.h>

static fv_status list_variables(fv_network *network)
{
    fv_context *context = network->context;
    int64_t count = 0;
    for (int32_t i = 0; i < network->count; i++)
        count += network->places[i].layer->num_parameters;
    network->variables = fv__allocate(
        context, FV__RUN, (size_t)count * sizeof *network->variables);
    if (!network->variables) return fv_failed(context);
    network->num_variables = 0;
    network->values_bytes = network->state_bytes = 0;
    for (int32_t i = 0; i < network->count; i++) {
        fv_layer *layer = network->places[i].layer;
        if (fv__layer_prepare(layer) != FV_OK) break;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv__parameter *parameter = &layer->parameters[k];
            if (parameter->shared) continue;
            size_t *bytes = parameter->trainable ? &network->values_bytes
                                                 : &network->state_bytes;
            size_t more = fv__parameter_bytes(parameter);
            if (!fv__add(*bytes, more, bytes))
                fv_fail(context, FV_LIMIT,
                        "network: the parameters of %s are too many",
                        layer->name);
            if (parameter->trainable)
                network->variables[network->num_variables++] =
                    parameter->variable;
        }
    }
    if (fv__ok(context)) return FV_OK;
    fv__release(context, network->variables);
    network->variables = NULL;
    return fv_failed(context);
}

fv_status fv__network_seal(fv_network *network)
{
    fv_context *context = network->context;
    if (!fv__ok(context) || network->variables) return fv_failed(context);
    if (network->count < 2)
        return fv_fail(context, FV_MISUSE,
                       "network: %d layers, expected an input and at least "
                       "one more",
                       network->count);
    network->sealed = true;
    fv__network_end_traces(network);
    return list_variables(network);
}

fv_status fv__network_draw(fv_network *network)
{
    fv_context *context = network->context;
    if (fv__network_seal(network) != FV_OK || network->drawn)
        return fv_failed(context);
    if (!network->values)
        network->values =
            fv__allocate_zero(context, FV__RUN, network->values_bytes);
    if (!network->state)
        network->state =
            fv__allocate_zero(context, FV__RUN, network->state_bytes);
    if (!network->values || !network->state) return fv_failed(context);
    unsigned char *values = network->values, *state = network->state;
    for (int32_t i = 0; i < network->count; i++) {
        fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv__parameter *parameter = &layer->parameters[k];
            if (parameter->shared) continue;
            unsigned char **flat = parameter->trainable ? &values : &state;
            bool drawn = parameter->variable->value.data != NULL;
            fv__leaf_bind_value(parameter->variable, *flat);
            if (!drawn && fv__parameter_draw(parameter) != FV_OK)
                return fv_failed(context);
            *flat += fv__parameter_bytes(parameter);
        }
    }
    network->drawn = true;
    return FV_OK;
}

void fv__network_copy(fv_network *to, const fv_network *from,
                      const bool left_out[])
{
    to->context->changes++;
    for (int32_t i = 0; i < to->count; i++) {
        const fv_layer *b = to->places[i].layer;
        const int32_t at =
            b->num_parameters
                ? fv__network_find(from, from->count, b->name, strlen(b->name))
                : -1;
        if (at < 0 || (left_out && left_out[i])) continue;
        const fv_layer *a = from->places[at].layer;
        for (int32_t k = 0; k < b->num_parameters; k++)
            if (!b->parameters[k].shared)
                fv__tensor_convert_elements(&b->parameters[k].variable->value,
                                            &a->parameters[k].variable->value);
    }
}

fv_status fv__network_grads(fv_network *network)
{
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!network->former_state)
        network->former_state =
            fv__allocate(context, FV__RUN, network->state_bytes);
    if (network->grads || !fv__ok(context)) return fv_failed(context);
    network->grads = fv__allocate_zero(context, FV__RUN, network->values_bytes);
    unsigned char *grads = network->grads;
    for (int64_t i = 0; grads && i < network->num_variables; i++) {
        fv_variable *variable = network->variables[i];
        fv__leaf_bind_grad(variable, grads);
        grads += fv__align(fv__tensor_bytes(&variable->value));
    }
    return fv_failed(context);
}

fv_variables fv_network_variables(fv_network *network)
{
    if (!network || fv__network_draw(network) != FV_OK)
        return (fv_variables){ 0 };
    return (fv_variables){ network->num_variables, network->variables };
}

int fv_network_has_weights(const fv_network *network)
{
    return network && network->drawn;
}
