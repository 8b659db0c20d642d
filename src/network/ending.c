/* Networks for training made of those for inference: another loss at the end.
 */
#include "network/network.h"
#include "op/tensor_layer.h"

#include <string.h>

/* Where a network ends. */
typedef struct ending {
    const fv_network *network;
    fv_layer *loss; /* the new one, without what it reads */
    bool *left_out; /* for each place: it is not part of the copy */
    int32_t result; /* what the loss reads; the first output from now on */
} ending;

static bool is(const fv_layer *layer, const char *kind)
{
    return strcmp(layer->type->kind, kind) == 0;
}

/* The place that makes the result. */
static const fv__place *maker(const fv_network *network, int32_t result)
{
    return &network->places[network->results[result].place];
}

/* What an output of the network is called by: the value itself, not the layer
 * that makes it an output. */
static int32_t value_of(const fv_network *network, int32_t k)
{
    const int32_t result = fv__network_output(network, k);
    const fv__place *place = maker(network, result);
    return is(place->layer, "output") ? place->inputs[0] : result;
}

/* Whether the loss computes what the layer computes, along the last axis. */
static bool contains(const fv_layer *loss, const fv_layer *layer,
                     const fv__result *of)
{
    if (loss->type->meaning == FV_MEANS_LOG_ODDS) return is(layer, "sigmoid");
    if (loss->type->meaning != FV_MEANS_LOGITS
        || (!is(layer, "softmax") && !is(layer, "log_softmax")))
        return false;
    const fv__axis_options *o = layer->options;
    const int32_t last = of->shape.rank + of->batched - 1;
    return o->axis == -1 || o->axis == last;
}

/* Whether a layer that stays reads the result. */
static bool is_read(const ending *e, int32_t result)
{
    const fv_network *network = e->network;
    for (int32_t i = 0; i < network->count; i++)
        for (int32_t k = 0; k < network->places[i].num_inputs; k++)
            if (!e->left_out[i] && network->places[i].inputs[k] == result)
                return true;
    for (int32_t k = 1; k < network->num_outputs; k++)
        if (value_of(network, k) == result) return true;
    return false;
}

/* Refuses outputs that others than the loss read: they move to the end. */
static fv_status check_outputs(const ending *e)
{
    const fv_network *network = e->network;
    for (int32_t k = 0; k < network->num_outputs; k++)
        if (is_read(e, network->outputs[k]))
            return fv_fail(network->context, FV_UNSUPPORTED,
                           "network: a layer reads the output %s",
                           maker(network, network->outputs[k])->layer->name);
    return FV_OK;
}

/* Finds what the loss reads, and what is left out for it. */
static fv_status find_end(ending *e)
{
    const fv_network *network = e->network;
    for (int32_t i = 0; i < network->count; i++)
        e->left_out[i] = is(network->places[i].layer, "output")
                         || network->places[i].layer->type->target;
    if (check_outputs(e) != FV_OK) return fv_failed(network->context);
    e->result = value_of(network, 0);
    while (true) {
        const fv__result *result = &network->results[e->result];
        const fv__place *place = &network->places[result->place];
        if (!contains(e->loss, place->layer, result)) return FV_OK;
        e->left_out[result->place] = !is_read(e, e->result);
        e->result = place->inputs[0];
    }
}

/* The result as `from` names it. */
static void add_name(fv__text *text, const fv_network *network, int32_t result)
{
    const int32_t output = network->results[result].output;
    fv__text_add(text, "%s", maker(network, result)->layer->name);
    if (output) fv__text_add(text, ":%d", (int)output);
}

/* Adds the layer, or destroys it. */
static void add_layer(fv_network *made, fv_layer *layer)
{
    if (layer && fv_network_add(made, layer) != FV_OK) fv__destroy(layer);
}

/* The output under its name, now for that result. */
static void add_output(fv_network *made, const ending *e, int32_t k,
                       int32_t result)
{
    fv__text line = { .context = made->context, .account = FV__DATA };
    fv__text_add(&line, "output name=%s from=",
                 maker(e->network, e->network->outputs[k])->layer->name);
    add_name(&line, e->network, result);
    if (line.at) add_layer(made, fv_layer_parse(made->context, line.at));
    fv__text_free(&line);
}

/* The loss, which by itself reads the last layer. */
static void add_loss(fv_network *made, ending *e)
{
    fv__text name = { .context = made->context, .account = FV__RUN };
    fv_layer *loss = e->loss;
    add_name(&name, e->network, e->result);
    if (name.at
        && strcmp(name.at, made->places[made->count - 1].layer->name) != 0)
        loss->from =
            fv__copy_text(made->context, FV__RUN, name.at, name.length);
    fv__text_free(&name);
    e->loss = NULL;
    add_layer(made, loss);
}

static fv_network *with_loss(ending *e)
{
    const fv_network *network = e->network;
    fv_context *context = network->context;
    if (find_end(e) != FV_OK) return NULL;
    char *text = fv__network_write(network, -1, NULL, e->left_out);
    fv_network *made =
        text ? fv__network_parse(context, text, strlen(text), "network") : NULL;
    fv__release(context, text);
    if (!made) return NULL;
    made->layout = network->layout;
    for (int32_t k = 0; k < network->num_outputs; k++)
        add_output(made, e, k, k ? value_of(network, k) : e->result);
    add_loss(made, e);
    if (network->drawn && fv__network_draw(made) == FV_OK)
        fv__network_copy(made, network, NULL);
    if (network->num_class_names)
        fv_network_set_class_names(made, network->num_class_names,
                                   (const char *const *)network->class_names);
    if (fv__ok(context)) return made;
    fv__destroy(made);
    return NULL;
}

/* The layer of the line, if it can be the loss of an output. */
static fv_layer *read_loss(fv_context *context, const char *loss)
{
    fv_layer *layer = fv_layer_parse(context, loss);
    if (!layer) return NULL;
    if (!layer->type->target)
        fv_fail(context, FV_MISUSE, "network: %s is no loss",
                layer->type->kind);
    else if (layer->from)
        fv_fail(context, FV_MISUSE,
                "network: the loss reads the output, it cannot be from=%s",
                layer->from);
    if (fv__ok(context)) return layer;
    fv__destroy(layer);
    return NULL;
}

fv_network *fv_network_with_loss(const fv_network *network, const char *loss)
{
    if (!network || !fv__ok(network->context)) return NULL;
    fv_context *context = network->context;
    if (!network->count) {
        fv_fail(context, FV_MISUSE, "network: a loss for no layers");
        return NULL;
    }
    const fv__place *last = maker(network, value_of(network, 0));
    if (!loss)
        loss = is(last->layer, "sigmoid") ? "sigmoid_cross_entropy"
                                          : "softmax_cross_entropy";
    fv_layer *layer = read_loss(context, loss);
    if (!layer) return NULL;
    ending e = { .network = network, .loss = layer };
    e.left_out =
        fv__allocate_zero(context, FV__DATA, (size_t)network->count + 1);
    fv_network *made = e.left_out ? with_loss(&e) : NULL;
    fv__release(context, e.left_out);
    fv__destroy(e.loss);
    return made;
}
