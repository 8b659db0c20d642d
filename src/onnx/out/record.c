/* The network as operators: recorded for two batches and, where sizes are open,
 * two sizes, so that what depends on them shows. */
#include "onnx/out/out.h"

#include <string.h>

/* The size of open axis i of input k in record t. All differ, so that it shows
 * which of them an extent follows, unless the network wants some alike. */
static int64_t size_of(const fv__out *out, int32_t t, int32_t k, int32_t i)
{
    const int64_t more = fv__open_sizes[1] - fv__open_sizes[0];
    const int32_t number = out->alike == FV__OUT_AXES_ALIKE ? 0
                           : out->alike                     ? i
                                        : i + k * FV_MAX_EXTENTS;
    return fv__open_sizes[0] + t * (1 + number) * more;
}

/* A batch of an input of the network. */
static fv_variable *input_of(fv__out *out, int32_t t, int32_t k,
                             const fv_layer *layer)
{
    fv__graph *graph = &out->records[t];
    fv_shape shape = layer->out_shape;
    for (int32_t i = 0; i < shape.rank; i++)
        if (shape.extent[i] == FV_OPEN) shape.extent[i] = size_of(out, t, k, i);
    const fv_dtype dtype = fv__input_dtype(layer);
    if (fv__input_is_batched(layer))
        return fv__variable_placeholder(graph, dtype, out->batches[t], &shape);
    return fv__graph_value(graph, dtype, shape.rank, shape.extent);
}

/* Notes the layer of the nodes from `first` on. */
static fv_status note_place(fv__out *out, int32_t first, int32_t place)
{
    const int32_t count = out->records[0].count;
    if (count > out->places_capacity) {
        const int32_t more = (int32_t)fv__max(2 * out->places_capacity, 256);
        const int32_t capacity = (int32_t)fv__max(more, count);
        int32_t *places =
            fv__out_memory(out, (size_t)capacity * sizeof *places);
        if (!places) return fv_failed(out->context);
        if (first) memcpy(places, out->places, (size_t)first * sizeof *places);
        out->places = places;
        out->places_capacity = capacity;
    }
    for (int32_t i = first; i < count; i++) out->places[i] = place;
    return FV_OK;
}

static fv_status record_layer(fv__out *out, int32_t t, int32_t index)
{
    const fv__place *place = &out->network->places[index];
    fv_variable *inputs[FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS];
    fv_variable **results = out->results[t];
    const int32_t first = out->records[t].count;
    int32_t made = 1;
    if (place->layer->type->target) return FV_OK;
    if (place->layer->type == &fv__layer_input) {
        int32_t k = 0;
        while (fv__network_input(out->network, k) != place->first) k++;
        outputs[0] = input_of(out, t, k, place->layer);
        made = outputs[0] != NULL;
    } else {
        for (int32_t k = 0; k < place->num_inputs; k++)
            inputs[k] = results[place->inputs[k]];
        made =
            fv__layer_apply_n(place->layer, place->num_inputs, inputs, outputs);
    }
    for (int32_t k = 0; k < made; k++) results[place->first + k] = outputs[k];
    if (!fv__ok(out->context) || t) return fv_failed(out->context);
    return note_place(out, first, index);
}

static fv_status record(fv__out *out, int32_t t)
{
    fv_context *context = out->context;
    fv__graph *graph = &out->records[t];
    const size_t bytes =
        (size_t)out->network->num_results * sizeof *out->results[t];
    out->results[t] = fv__out_memory(out, bytes);
    if (!out->results[t] || !fv__tape_begin(context)) return fv_failed(context);
    fv__graph_begin(graph, context, false);
    graph->arena.account = FV__DATA;
    fv__graph *former = fv__tape_record(context, graph);
    for (int32_t i = 0; i < out->network->count; i++)
        if (record_layer(out, t, i) != FV_OK) break;
    fv__tape_record(context, former);
    return fv_failed(context);
}

void fv__out_record_free(fv__out *out)
{
    for (int32_t t = 0; t < 2; t++) {
        if (out->records[t].context) fv__graph_free(&out->records[t]);
        out->records[t] = (fv__graph){ 0 };
    }
}

/* Whether both records could be made; with open extents of equal size if
 * different ones do not fit each other. */
static bool record_both(fv__out *out, int64_t first, int64_t second)
{
    fv_context *context = out->context;
    out->batches[0] = first;
    out->batches[1] = second;
    for (out->alike = 0;; out->alike++) {
        if (record(out, 0) == FV_OK && record(out, 1) == FV_OK) return true;
        if (!out->network->open || out->alike == FV__OUT_AXES_ALIKE
            || context->status == FV_NO_MEMORY || context->status == FV_LIMIT)
            return false;
        fv_clear_error(context);
        fv__out_record_free(out);
    }
}

/* Whether both records have the same operators on the same operands. */
static bool alike(const fv__out *out)
{
    const fv__graph *a = &out->records[0], *b = &out->records[1];
    bool same = a->count == b->count;
    for (int32_t i = 0; same && i < a->count; i++)
        same = a->nodes[i]->op == b->nodes[i]->op
               && a->nodes[i]->num_inputs == b->nodes[i]->num_inputs
               && a->nodes[i]->num_outputs == b->nodes[i]->num_outputs;
    return same;
}

/* ---- what is needed ------------------------------------------------------ */

static fv_status use(fv__out *out, const fv_variable *variable)
{
    fv__out_entry *entry = fv__out_entry_of(out, variable);
    if (entry) entry->uses++;
    if (variable->node >= 0) out->needed[variable->node] = true;
    return fv_failed(out->context);
}

static fv_status find_needed(fv__out *out)
{
    const fv__graph *graph = &out->records[0];
    out->needed = fv__out_memory(out, (size_t)graph->count + 1);
    if (!out->needed) return fv_failed(out->context);
    for (int32_t k = 0; fv__network_output(out->network, k) >= 0; k++)
        use(out, out->results[0][fv__network_output(out->network, k)]);
    for (int32_t i = graph->count - 1; i >= 0; i--)
        for (int32_t k = 0; out->needed[i] && k < graph->nodes[i]->num_inputs;
             k++)
            use(out, graph->nodes[i]->inputs[k]);
    return fv_failed(out->context);
}

/* Notes which variables are parameters and outputs of layers. */
static fv_status find_names(fv__out *out)
{
    for (int32_t i = 0; i < out->network->count; i++) {
        const fv__place *place = &out->network->places[i];
        const fv_layer *layer = place->layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv__parameter *p = &layer->parameters[k];
            fv__out_entry *entry = fv__out_entry_of(out, p->variable);
            if (!entry) return fv_failed(out->context);
            if (!entry->parameter) entry->stem = layer->name;
            if (!entry->parameter) entry->parameter = p;
        }
        for (int32_t k = 0; k < place->num_outputs && !layer->type->target;
             k++) {
            fv__out_entry *entry =
                fv__out_entry_of(out, out->results[0][place->first + k]);
            if (!entry) return fv_failed(out->context);
            if (entry->stem) continue;
            entry->stem = layer->name;
            entry->number = k;
        }
    }
    return fv_failed(out->context);
}

fv_status fv__out_record(fv__out *out)
{
    fv_context *context = out->context;
    const int64_t batch = out->options.batch;
    bool batched = false;
    for (int32_t k = 0; fv__network_input(out->network, k) >= 0; k++)
        batched |=
            out->network->results[fv__network_input(out->network, k)].batched;
    const bool open = batched && !batch;
    const int64_t most = fv__max(batch, 1);
    if (!record_both(out, open ? 2 : most, open ? 3 : most) && open
        && context->status != FV_NO_MEMORY && context->status != FV_LIMIT) {
        /* a network whose shapes hold for one image alone */
        fv_clear_error(context);
        fv__out_record_free(out);
        record_both(out, 1, 1);
    }
    if (!fv__ok(context)) return fv_failed(context);
    if (!alike(out))
        return fv_fail(context, FV_UNSUPPORTED,
                       "onnx: which operators the network has depends on the "
                       "batch or on the size of its inputs; give both");
    if (find_names(out) == FV_OK) find_needed(out);
    return fv_failed(context);
}
