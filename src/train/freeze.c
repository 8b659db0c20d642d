/* Epochs in which only the head of a network is trained. */
#include "train/train.h"

/* Marks the variables of the layers outside the head that are to be trained. */
static void mark(fv__body *body, const bool inside[])
{
    const fv_network *network = body->network;
    int64_t index = 0;
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            if (!layer->parameters[k].trainable) continue;
            body->held[index] =
                !inside[i] && network->variables[index]->requires_grad;
            index++;
        }
    }
}

fv_status fv__body_find(fv__body *body, fv_network *network)
{
    fv_context *context = network->context;
    body->network = network;
    if (fv__network_seal(network) != FV_OK) return fv_failed(context);
    bool *inside =
        fv__allocate_zero(context, FV__RUN, (size_t)network->count + 1);
    body->held =
        fv__allocate_zero(context, FV__RUN, (size_t)network->num_variables + 1);
    if (inside && body->held && fv__network_head(network, inside) >= 0)
        mark(body, inside);
    fv__release(context, inside);
    return fv_failed(context);
}

void fv__body_train(const fv__body *body, bool on)
{
    if (!body->held) return;
    for (int64_t i = 0; i < body->network->num_variables; i++)
        if (body->held[i]) body->network->variables[i]->requires_grad = on;
}

void fv__body_free(fv__body *body)
{
    if (!body->network) return;
    fv__body_train(body, true);
    fv__release(body->network->context, body->held);
    body->held = NULL;
}
