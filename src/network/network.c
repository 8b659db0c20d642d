/* Building networks: names, where layers read from, shapes. */
#include "network/network.h"

#include <stdio.h>
#include <string.h>

static void destroy(void *object)
{
    fv_network *network = object;
    fv_context *context = network->context;
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (network->plans[i]) {
            fv__graph_free(&network->plans[i]->graph);
            fv__release(context, network->plans[i]->cache);
            fv__release(context, network->plans[i]);
        }
    for (int32_t i = 0; i < network->count; i++) {
        fv__release(context, network->places[i].inputs);
        fv__destroy(network->places[i].layer);
    }
    fv__network_end_traces(network);
    fv__release(context, network->places);
    fv__release(context, network->results);
    fv__release(context, network->outputs);
    fv__release(context, network->variables);
    fv__release(context, network->values);
    fv__release(context, network->grads);
    fv__release(context, network->state);
    fv__release(context, network->former_state);
    fv__release(context, network->block);
    fv__release(context, network->text);
    fv__transforms_free(context, &network->transforms);
    fv__release(context, network->transforms_text);
    fv__release(context, network->class_names);
    fv__release(context, network);
}

fv_network *fv_network_new(fv_context *context, fv_layer *const layers[],
                           size_t count)
{
    if (!fv__ok(context)) return NULL;
    fv_network *network = fv__allocate_zero(context, FV__RUN, sizeof *network);
    if (!network) return NULL;
    network->context = context;
    fv__adopt(context, &network->object, destroy);
    for (size_t i = 0; i < count; i++)
        if (fv_network_add(network, layers[i]) != FV_OK) {
            fv__destroy(network);
            return NULL;
        }
    return network;
}

void fv_network_free(fv_network *network) { fv__destroy(network); }

fv_layout fv_network_layout(const fv_network *network)
{
    return network ? network->layout : FV_NHWC;
}

/* ---- adding a layer ----------------------------------------------------- */

static fv_status check(const fv_network *network, const fv_layer *layer)
{
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!layer)
        return fv_fail(context, FV_MISUSE, "network: layer %d is NULL",
                       network->count + 1);
    if (layer->context != context)
        return fv_fail(context, FV_MISUSE,
                       "%s: the layer belongs to another context", layer->name);
    if (layer->network)
        return fv_fail(context, FV_MISUSE,
                       "%s: the layer is already part of a network",
                       layer->name);
    if (network->sealed)
        return fv_fail(context, FV_MISUSE,
                       "%s: the network has been used, layers can no longer "
                       "be added",
                       layer->name);
    if (network->count == FV__MAX_LAYERS)
        return fv_fail(context, FV_LIMIT, "%s: a network has at most %d layers",
                       layer->name, FV__MAX_LAYERS);
    bool input = layer->type == &fv__layer_input;
    if (!network->count && !input && layer->type->max_inputs)
        return fv_fail(context, FV_MISUSE,
                       "%s: the first layer of a network must be an input",
                       layer->name);
    if (input && network->num_inputs == FV__MOST_INPUTS)
        return fv_fail(context, FV_LIMIT, "%s: a network has at most %d inputs",
                       layer->name, FV__MOST_INPUTS);
    int32_t loss = fv__network_loss_place(network);
    if (loss >= 0)
        return fv_fail(context, FV_MISUSE,
                       "%s: the loss %s must be the last layer", layer->name,
                       network->places[loss].layer->name);
    return FV_OK;
}

static const char *stem_of(const fv__layer_type *type)
{
    return type->stem ? type->stem : type->kind;
}

/* A layer without a name is named by its kind's stem and a number: conv2. */
static fv_status set_name(const fv_network *network, fv__place *place)
{
    fv_context *context = network->context;
    fv_layer *layer = place->layer;
    int32_t last = network->count - 1;
    while (last >= 0
           && strcmp(stem_of(network->places[last].layer->type),
                     stem_of(layer->type))
                  != 0)
        last--;
    place->number = last < 0 ? 1 : network->places[last].number + 1;
    if (!layer->named) {
        char name[64];
        snprintf(name, sizeof name, "%s%d", stem_of(layer->type),
                 place->number);
        char *copy = fv__copy_text(context, FV__RUN, name, strlen(name));
        if (!copy) return fv_failed(context);
        fv__release(context, layer->name);
        layer->name = copy;
    }
    char shown[300];
    fv__printable(layer->name, strlen(layer->name), shown, sizeof shown);
    if (!fv__name_is_legal(layer->name))
        return fv_fail(
            context, FV_MISUSE,
            "network: \"%s\" is no name: letters, digits, _ . - / and "
            "at most 255 of them",
            shown);
    if (fv__network_find(network, network->count, layer->name,
                         strlen(layer->name))
        >= 0)
        return fv_fail(context, FV_MISUSE, "%s: another layer has this name",
                       shown);
    return FV_OK;
}

static int32_t count_names(const char *from)
{
    int32_t count = 1;
    for (; *from; from++) count += *from == ',';
    return count;
}

/* The result that a name of `from` means: "relu1", "split1:1" for an output
 * that is not the first. */
static fv_status find_result(const fv_network *network, const fv_layer *layer,
                             const char *name, size_t length, int32_t *result)
{
    fv_context *context = network->context;
    char shown[300];
    const char *colon = memchr(name, ':', length);
    const size_t letters = colon ? (size_t)(colon - name) : length;
    const int32_t place =
        fv__network_find(network, network->count, name, letters);
    int64_t output = 0;
    fv__printable(name, length, shown, sizeof shown);
    if (place < 0)
        return fv_fail(context, FV_MISUSE,
                       "%s: from names \"%s\", which is no layer above it",
                       layer->name, shown);
    const fv__place *source = &network->places[place];
    if (colon
        && (!fv__whole_read(colon + 1, length - letters - 1, &output)
            || output >= source->num_outputs))
        return fv_fail(context, FV_MISUSE,
                       "%s: from names \"%s\"; the outputs of %s are 0 to %d",
                       layer->name, shown, source->layer->name,
                       source->num_outputs - 1);
    *result = source->first + (int32_t)output;
    return FV_OK;
}

/* Fills place->inputs from the layer's `from`, or with the layer before. */
static fv_status find_inputs(const fv_network *network, fv__place *place)
{
    fv_context *context = network->context;
    const fv_layer *layer = place->layer;
    const char *from = layer->from;
    if (layer->type == &fv__layer_input || !layer->type->max_inputs) {
        if (!from) return FV_OK;
        return fv_fail(context, FV_MISUSE, "%s: %s reads from no layer",
                       layer->name,
                       layer->type == &fv__layer_input ? "an input" : "it");
    }
    const int32_t count = from ? count_names(from) : 1;
    place->inputs =
        fv__allocate(context, FV__RUN, (size_t)count * sizeof *place->inputs);
    if (!place->inputs) return fv_failed(context);
    place->inputs[0] = network->places[network->count - 1].first;
    for (int32_t k = 0; from && k < count; k++) {
        const size_t length = strcspn(from, ",");
        if (find_result(network, layer, from, length, &place->inputs[k])
            != FV_OK)
            return fv_failed(context);
        from += length + (from[length] == ',');
    }
    place->num_inputs = count;
    return fv__layer_inputs(layer, count);
}

/* Finds the layer whose parameters this one shares. */
static fv_status find_owner(const fv_network *network, fv_layer *layer)
{
    const char *name = layer->weights;
    if (!name) return FV_OK;
    const int32_t place =
        fv__network_find(network, network->count, name, strlen(name));
    char shown[300];
    if (place < 0)
        return fv_fail(network->context, FV_MISUSE,
                       "%s: weights names \"%s\", which is no layer above it",
                       layer->name,
                       fv__printable(name, strlen(name), shown, sizeof shown));
    layer->owner = network->places[place].layer;
    return FV_OK;
}

/* Checks the in_shape of the options, if there is one. */
static fv_status check_declared(const fv_network *network,
                                const fv__place *place)
{
    fv_context *context = network->context;
    const fv_layer *layer = place->layer;
    const fv_shape given = layer->declared;
    if (!place->num_inputs || !given.rank) return FV_OK;
    const fv__result *source = &network->results[place->inputs[0]];
    const fv_shape inside = fv__shape_inside(context, given);
    if (fv__shape_equal(&inside, &source->shape)) return FV_OK;
    char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
    const fv_shape is = fv__network_shape(network, place->inputs[0]);
    return fv_fail(
        context, FV_MISUSE, "%s: in_shape %s differs from %s, which %s gives",
        layer->name, fv__shape_show(a, &given), fv__shape_show(b, &is),
        network->places[source->place].layer->name);
}

static fv_status find_shape(fv_network *network, fv__place *place)
{
    if (check_declared(network, place) != FV_OK)
        return fv_failed(network->context);
    if (place->layer->type == &fv__layer_input)
        fv__layer_find_shape(place->layer, 0, NULL, NULL);
    if (!fv__ok(network->context)) return fv_failed(network->context);
    return fv__network_trace(network, place);
}

/* Receptive field: size + (window - 1) jump of the widest input (Araujo,
 * Norris and Sim 2019). */
static void find_field(const fv_network *network, fv__place *place)
{
    for (int32_t axis = 0; axis < 2; axis++) {
        int64_t jump = 1, field = 1;
        for (int32_t k = 0; k < place->num_inputs; k++) {
            const fv__result *source = &network->results[place->inputs[k]];
            const fv__place *input = &network->places[source->place];
            jump = fv__max(jump, input->jump[axis]);
            field = input->field[axis] == 0 || field == 0
                        ? 0
                        : fv__max(field, input->field[axis]);
        }
        int64_t window = place->layer->window[axis];
        int64_t limit = INT32_MAX;
        place->jump[axis] =
            fv__min(limit, jump) * fv__min(limit, place->layer->step[axis]);
        place->field[axis] =
            field == 0 || window == 0
                ? 0
                : fv__saturated_sum(field, (fv__min(limit, window) - 1)
                                               * fv__min(limit, jump));
    }
}

/* Makes room for one more place, and one more output. */
static fv_status grow(fv_network *network)
{
    fv__place *places =
        fv__grow(network->context, FV__RUN, network->places,
                 (size_t)network->count, 1, sizeof *places, &network->capacity);
    int32_t *outputs = fv__grow(network->context, FV__RUN, network->outputs,
                                (size_t)network->num_outputs, 1,
                                sizeof *outputs, &network->outputs_capacity);
    if (places) network->places = places;
    if (outputs) network->outputs = outputs;
    return fv_failed(network->context);
}

static fv_status draw(void *network) { return fv__network_draw(network); }

fv_status fv_network_add(fv_network *network, fv_layer *layer)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    fv__place place = { .layer = layer };
    if (check(network, layer) == FV_OK && grow(network) == FV_OK
        && set_name(network, &place) == FV_OK
        && find_inputs(network, &place) == FV_OK
        && find_owner(network, layer) == FV_OK
        && find_shape(network, &place) == FV_OK) {
        find_field(network, &place);
        place.digest = fv__name_digest(layer->name, strlen(layer->name));
        layer->network = network;
        layer->draw = draw;
        fv__orphan(&layer->object);
        network->places[network->count++] = place;
        if (layer->type == &fv__layer_input)
            network->inputs[network->num_inputs++] = place.first;
        if (layer->type == &fv__layer_output)
            network->outputs[network->num_outputs++] = place.first;
        fv__release(context, network->text);
        network->text = NULL;
    } else {
        fv__release(context, place.inputs);
    }
    return fv_failed(context);
}

/* Parameters that are not drawn may get other shapes, until the network has
 * been used. */
static void forget_parameters(const fv_network *network)
{
    for (int32_t i = 0; !network->sealed && i < network->count; i++) {
        fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            fv__parameter *parameter = &layer->parameters[k];
            fv_variable *variable = parameter->variable;
            if (!parameter->shared) {
                if (!variable || variable->value.data) continue;
                fv_variable_free(variable);
            }
            parameter->variable = NULL;
        }
    }
}

fv_status fv_network_set_input(fv_network *network, const fv_shape *shape)
{
    if (!network || !fv__ok(network->context)) return FV_MISUSE;
    fv_context *context = network->context;
    const fv_shape input = fv_network_input_shape(network);
    char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    if (!shape || input.rank < 0)
        return fv_fail(context, FV_MISUSE, "network: there is no %s",
                       shape ? "input" : "shape for its input");
    fv_shape any = fv__shape_inside(context, input); /* of its channels */
    for (int32_t i = 0; i + 1 < any.rank; i++) any.extent[i] = FV_OPEN;
    any = fv__shape_outside(context, any);
    if (fv__shape_open(shape) || !fv__shape_fits(&any, shape))
        return fv_fail(
            context, FV_MISUSE, "network: an input of %s, expected one of %s",
            fv__shape_show(is, shape), fv__shape_show(expected, &any));
    fv_layer *first =
        network->places[network->results[network->inputs[0]].place].layer;
    first->in_shape = first->out_shape = fv__shape_inside(context, *shape);
    fv__network_end_traces(network);
    forget_parameters(network);
    fv__network_retrace(network);
    if (network->sealed) fv__network_end_traces(network);
    fv__release(context, network->text);
    network->text = NULL;
    return fv_failed(context);
}

/* ---- questions ---------------------------------------------------------- */

size_t fv_network_count(const fv_network *network)
{
    return network ? (size_t)network->count : 0;
}

fv_layer *fv_network_layer(const fv_network *network, size_t index)
{
    if (!network || !fv__ok(network->context)) return NULL;
    if (index < (size_t)network->count) return network->places[index].layer;
    fv_fail(network->context, FV_MISUSE,
            "network: layer %zu of %d, counted from 0", index, network->count);
    return NULL;
}

fv_layer_info fv_network_layer_info(fv_network *network, size_t index)
{
    fv_layer_info info = { .name = "", .kind = "" };
    info.output_shape.rank = -1;
    if (!network || index >= (size_t)network->count) return info;
    const fv__place *place = &network->places[index];
    const fv_layer *layer = place->layer;
    info.name = layer->name;
    info.kind = layer->type->kind;
    info.convolution = layer->type->convolution;
    info.output_shape =
        layer->type->target
            ? fv__shape_outside(network->context, layer->out_shape)
            : fv__network_shape(network, place->first);
    for (int32_t i = 0; i < layer->num_parameters; i++)
        if (layer->parameters[i].trainable && !layer->parameters[i].shared)
            info.parameters = fv__saturated_sum(
                info.parameters, fv__product(layer->parameters[i].rank,
                                             layer->parameters[i].shape));
    info.multiply_accumulates = layer->multiply_accumulates;
    info.receptive_field[0] = place->field[0];
    info.receptive_field[1] = place->field[1];
    if (!fv__shape_open(&layer->out_shape))
        info.output_bytes = (size_t)fv__shape_count(&layer->out_shape)
                            * fv_dtype_bytes(network->context->dtype);
    return info;
}

fv_layer_info fv_network_info(fv_network *network)
{
    const int32_t output = network ? fv__network_output(network, 0) : -1;
    fv_layer_info info = fv_network_layer_info(
        network,
        output < 0 ? SIZE_MAX : (size_t)network->results[output].place);
    info.parameters = info.multiply_accumulates = info.convolution = 0;
    for (size_t i = 0; i < fv_network_count(network); i++) {
        fv_layer_info one = fv_network_layer_info(network, i);
        info.parameters = fv__saturated_sum(info.parameters, one.parameters);
        info.multiply_accumulates = fv__saturated_sum(info.multiply_accumulates,
                                                      one.multiply_accumulates);
    }
    info.kind = "network";
    return info;
}
