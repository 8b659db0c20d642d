/* The shapes of a network: its layers are recorded for one image while it is
 * built, so that shapes and types follow from operators alone. */
#include "network/network.h"

#include <string.h>

static fv_status grow(fv_network *network, int32_t more)
{
    fv__result *results = fv__grow(network->context, FV__RUN, network->results,
                                   (size_t)network->num_results, (size_t)more,
                                   sizeof *results, &network->results_capacity);
    if (results) network->results = results;
    return fv_failed(network->context);
}

/* One image of an input, with a size for open extents. */
static fv_variable *image_of(fv__graph *graph, const fv_layer *input,
                             int64_t size)
{
    fv_shape shape = input->out_shape;
    for (int32_t i = 0; i < shape.rank; i++)
        if (shape.extent[i] == FV_OPEN) shape.extent[i] = size;
    const fv_dtype dtype = fv__input_dtype(input);
    if (fv__input_is_batched(input))
        return fv__variable_placeholder(graph, dtype, 1, &shape);
    return fv__graph_value(graph, dtype, shape.rank, shape.extent);
}

/* Records a layer in one of the traces; returns the number of its outputs. */
static int32_t record(fv_network *network, const fv__place *place, int32_t t,
                      fv_variable *outputs[FV__MAX_OUTPUTS])
{
    fv__graph *graph = &network->traces[t];
    fv_variable *inputs[FV__MAX_INPUTS];
    if (place->layer->type == &fv__layer_input) {
        fv_layer *layer = place->layer;
        for (int32_t axis = 0; axis < 2; axis++)
            layer->window[axis] = layer->step[axis] = 1;
        outputs[0] = image_of(graph, layer, fv__open_sizes[t]);
        return outputs[0] != NULL;
    }
    for (int32_t k = 0; k < place->num_inputs; k++)
        inputs[k] = network->results[place->inputs[k]].traced[t];
    return fv__layer_trace(place->layer, graph, place->num_inputs, inputs,
                           outputs);
}

static fv_status record_results(fv_network *network, fv__place *place,
                                int32_t t)
{
    fv_variable *outputs[FV__MAX_OUTPUTS];
    const int32_t made = record(network, place, t, outputs);
    if (!made) return fv_failed(network->context);
    for (int32_t k = 0; k < made; k++)
        network->results[place->first + k].traced[t] = outputs[k];
    place->num_outputs = made;
    return FV_OK;
}

static bool any_batched(const fv_network *network, const fv__place *place)
{
    if (place->layer->type == &fv__layer_input)
        return fv__input_is_batched(place->layer);
    for (int32_t k = 0; k < place->num_inputs; k++)
        if (network->results[place->inputs[k]].batched) return true;
    return false;
}

/* A loss compares the images of a batch with as many targets. */
static fv_status check_loss(const fv_network *network, const fv__place *place)
{
    if (!place->layer->type->target
        || network->results[place->inputs[0]].batched)
        return FV_OK;
    return fv_fail(network->context, FV_MISUSE,
                   "%s: its input has no axis for the batch",
                   place->layer->name);
}

/* The shape of a traced value without its batch. */
static fv_shape shape_of(const fv__result *result, int32_t t)
{
    const fv_tensor *value = &result->traced[t]->value;
    if (result->batched) return fv__shape_of_image(value);
    fv_shape shape = { .rank = value->rank };
    memcpy(shape.extent, value->shape, (size_t)value->rank * sizeof(int64_t));
    return shape;
}

static fv_status find_shapes(fv_network *network, const fv__place *place)
{
    const bool batched = any_batched(network, place);
    for (int32_t k = 0; k < place->num_outputs; k++) {
        fv__result *result = &network->results[place->first + k];
        const fv_variable *traced = result->traced[0];
        result->output = k;
        result->dtype = traced->value.dtype;
        result->batched = batched && !traced->constant && traced->value.rank;
        result->shape = shape_of(result, 0);
        if (!network->open) continue;
        const fv_shape other = shape_of(result, 1);
        if (other.rank != result->shape.rank)
            return fv_fail(network->context, FV_MISUSE,
                           "%s: the number of axes depends on an extent of the "
                           "input that is open",
                           place->layer->name);
        fv__shape_join(&result->shape, &other);
    }
    return FV_OK;
}

/* Sets what the layer itself knows of its shapes. */
static void tell_layer(const fv_network *network, const fv__place *place)
{
    fv_layer *layer = place->layer;
    if (layer->type == &fv__layer_input) return;
    if (place->num_inputs)
        layer->in_shape = network->results[place->inputs[0]].shape;
    layer->out_shape = layer->type->target
                           ? layer->in_shape
                           : network->results[place->first].shape;
    if (network->open && fv__shape_open(&layer->in_shape))
        layer->multiply_accumulates = 0;
    layer->shaped = true;
}

static fv_status trace(fv_network *network, fv__place *place)
{
    fv_context *context = network->context;
    if (check_loss(network, place) != FV_OK) return fv_failed(context);
    for (int32_t t = 0; t < (network->open ? 2 : 1); t++)
        if (record_results(network, place, t) != FV_OK)
            return fv_failed(context);
    if (find_shapes(network, place) == FV_OK) tell_layer(network, place);
    return fv_failed(context);
}

static void begin_traces(fv_network *network)
{
    for (int32_t t = 0; t < 2; t++) {
        fv__graph *graph = &network->traces[t];
        if (graph->context) continue;
        fv__graph_begin(graph, network->context, false);
        graph->arena.account = FV__DATA;
    }
}

void fv__network_end_traces(fv_network *network)
{
    for (int32_t t = 0; t < 2; t++) {
        if (!network->traces[t].context) continue;
        fv__graph_free(&network->traces[t]);
        network->traces[t] = (fv__graph){ 0 };
    }
}

fv_status fv__network_trace(fv_network *network, fv__place *place)
{
    const int32_t most = place->layer->type->max_outputs;
    if (grow(network, most ? most : 1) != FV_OK)
        return fv_failed(network->context);
    if (!network->traces[0].context && fv__network_retrace(network) != FV_OK)
        return fv_failed(network->context);
    const bool input = place->layer->type == &fv__layer_input;
    const bool opens = input && fv__shape_open(&place->layer->out_shape);
    if (opens && !network->open) {
        network->open = true;
        for (int32_t i = 0; i < network->count; i++)
            if (record_results(network, &network->places[i], 1) != FV_OK)
                return fv_failed(network->context);
    }
    place->first = network->num_results;
    if (trace(network, place) != FV_OK) return fv_failed(network->context);
    for (int32_t k = 0; k < place->num_outputs; k++)
        network->results[place->first + k].place = network->count;
    network->num_results += place->num_outputs;
    return FV_OK;
}

fv_status fv__network_retrace(fv_network *network)
{
    fv__network_end_traces(network);
    begin_traces(network);
    network->open = false;
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        network->open |= layer->type == &fv__layer_input
                         && fv__shape_open(&layer->out_shape);
    }
    for (int32_t i = 0; i < network->count; i++)
        if (trace(network, &network->places[i]) != FV_OK) break;
    return fv_failed(network->context);
}
