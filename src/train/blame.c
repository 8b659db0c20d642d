/* Says which layer, step and image made a loss or a gradient that is not
 * finite. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE = 400 };

/* " of image 7", or "" of what no image has. */
static void image_of(const fv__plan *plan, const fv__not_finite *found,
                     const int64_t *images, char *text, size_t bytes)
{
    const fv_tensor *value = found->value;
    *text = '\0';
    if (value->rank < 1 || value->shape[0] != plan->batch) return;
    const int64_t row = found->element / (fv_tensor_count(value) / plan->batch);
    snprintf(text, bytes, " for image %lld of the %s",
             (long long)(images ? images[row] : row),
             images ? "data set" : "batch");
}

/* The layer that has the value as a parameter; NULL: none has. */
static const char *owner_of(const fv_network *network, const fv_tensor *value)
{
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++)
            if (layer->parameters[k].variable->value.data == value->data)
                return layer->name;
    }
    return NULL;
}

static void tell_forward(const fv__plan *plan, const fv_network *network,
                         const int64_t *images, const fv__not_finite *found,
                         char *out)
{
    char image[64];
    const char *owner = owner_of(network, found->value);
    const char *layer = found->node->who ? found->node->who : "the loss";
    image_of(plan, found, images, image, sizeof image);
    if (found->computed)
        snprintf(out, SENTENCE, ": the output of %s is not finite%s", layer,
                 image);
    else if (owner)
        snprintf(out, SENTENCE, ": a parameter of %s is not finite", owner);
    else
        snprintf(out, SENTENCE, ": the %s is not finite%s",
                 plan->target
                         && found->value->data == plan->expected->value.data
                     ? "target"
                     : "input",
                 image);
}

/* The second pass: of the forward run and, if `layer` has the gradient, of the
 * backward one. */
static void search(fv__plan *plan, fv_network *network, const char *layer,
                   const int64_t *images, char *out)
{
    fv__not_finite found;
    char image[64];
    *out = '\0';
    if (!fv__graph_forward_finite(&plan->graph, network->steps, &found)) {
        tell_forward(plan, network, images, &found, out);
        return;
    }
    if (!layer) return;
    memset(network->grads, 0, network->values_bytes);
    if (fv__graph_backward_finite(&plan->graph, plan->loss, &found)
        || !found.computed)
        return;
    image_of(plan, &found, images, image, sizeof image);
    snprintf(out, SENTENCE, ": %s passes back a gradient that is not finite%s",
             found.node->who ? found.node->who : "the loss", image);
}

static void restore_state(fv_network *network)
{
    memcpy(network->state, network->former_state, network->state_bytes);
    network->context->changes++;
}

fv_status fv__train_blame(fv__plan *plan, fv_network *network, double loss,
                          const char *layer, const int64_t *images)
{
    const long long step = (long long)network->steps + 1;
    char where[SENTENCE];
    restore_state(network);
    search(plan, network, layer, images, where);
    restore_state(network);
    if (layer)
        return fv_fail(network->context, FV_NOT_FINITE,
                       "train: a gradient of %s is not finite in step %lld%s",
                       layer, step, where);
    return fv_fail(network->context, FV_NOT_FINITE,
                   "train: the loss of step %lld is %s%s", step,
                   isnan(loss) ? "nan"
                   : loss > 0  ? "inf"
                               : "-inf",
                   where);
}
