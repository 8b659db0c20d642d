/* The append-only array of nodes and values, and running one node. */
#include "graph/graph.h"

#include <string.h>

void fv__graph_begin(fv__graph *graph, fv_context *context, bool training)
{
    graph->context = context;
    graph->arena.context = context;
    graph->planned = true;
    graph->training = training;
}

void fv__graph_free(fv__graph *graph)
{
    fv__arena_free(&graph->arena);
    fv__release(graph->context, graph->nodes);
    fv__release(graph->context, graph->values);
}

/* An array of `count` pointers, nodes or values, with room for one more. */
static void *grow(const fv__graph *graph, void *array, int32_t count,
                  size_t *capacity)
{
    if (count < INT32_MAX)
        return fv__grow(graph->context, graph->arena.account, array,
                        (size_t)count, 1, sizeof(void *), capacity);
    fv_fail(graph->context, FV_LIMIT, "graph: more than %d operations", count);
    return NULL;
}

static void *allocate_zero(fv__graph *graph, size_t bytes)
{
    void *memory = fv__arena_allocate(&graph->arena, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

fv_variable *fv__graph_value(fv__graph *graph, fv_dtype dtype, int32_t rank,
                             const int64_t shape[])
{
    if (fv__product(rank, shape) < 0) {
        char text[FV__SHAPE_BYTES];
        fv_fail(graph->context, FV_LIMIT, "graph: %s has too many elements",
                fv__shape_text(text, sizeof text, rank, shape));
        return NULL;
    }
    fv_variable *value = allocate_zero(graph, sizeof *value);
    if (!value) return NULL;
    value->context = graph->context;
    value->graph = graph;
    value->node = -1;
    value->value = fv_tensor_of(NULL, dtype, rank, shape);
    value->grad = value->value;
    if (graph->planned) {
        fv_variable **values = grow(graph, graph->values, graph->num_values,
                                    &graph->values_capacity);
        if (!values) return NULL;
        graph->values = values;
        graph->values[graph->num_values++] = value;
    }
    return value;
}

fv_variable *fv__graph_constant(fv__graph *graph, fv_dtype dtype,
                                const fv_tensor *value)
{
    fv_variable *constant =
        fv__graph_value(graph, dtype, value->rank, value->shape);
    if (!constant) return NULL;
    if (graph->planned) {
        graph->num_values--; /* it has no place in the block */
        constant->constant = true;
    }
    constant->value.data =
        fv__arena_allocate(&graph->arena, fv__tensor_bytes(&constant->value));
    if (!constant->value.data
        || fv__tensor_assign(graph->context, "constant", &constant->value,
                             value)
               != FV_OK)
        return NULL;
    return constant;
}

/* The number of nodes of that operator so far. */
static uint64_t count_same(const fv__graph *graph, const fv_operator *op)
{
    uint64_t count = 0;
    for (int32_t i = 0; i < graph->count; i++)
        count += graph->nodes[i]->op == op;
    return count;
}

/* A node with its arrays, or NULL. */
static fv__node *make_node(fv__graph *graph, const fv_operator *op,
                           const void *attributes, int32_t num_inputs,
                           fv_variable *const inputs[], int32_t num_outputs)
{
    const size_t in = (size_t)num_inputs, out = (size_t)num_outputs;
    fv__node *node = allocate_zero(graph, sizeof *node);
    void **at = allocate_zero(graph, (3 * in + 3 * out) * sizeof *at
                                         + in * sizeof *node->fresh);
    void *copy = allocate_zero(graph, op->attributes_size);
    if (!node || !at || !copy) return NULL;
    if (op->attributes_size)
        node->attributes = memcpy(copy, attributes, op->attributes_size);
    node->op = op;
    node->num_inputs = num_inputs;
    node->num_outputs = num_outputs;
    node->inputs = (fv_variable **)at;
    node->values = (const fv_tensor **)(void *)(at += in);
    node->grads = (const fv_tensor **)(void *)(at += in);
    node->outputs = (fv_variable **)(at += in);
    node->results = (const fv_tensor **)(void *)(at += out);
    node->result_grads = (const fv_tensor **)(void *)(at += out);
    node->fresh = (bool *)(at + out);
    for (int32_t k = 0; k < num_inputs; k++) {
        node->inputs[k] = inputs[k];
        node->values[k] = &inputs[k]->value;
    }
    return node;
}

/* Makes the outputs of a node that will have the next index. */
static bool make_outputs(fv__graph *graph, fv__node *node,
                         const fv_inference *inference, bool requires_grad)
{
    const fv_operator *op = node->op;
    for (int32_t k = 0; k < node->num_outputs; k++) {
        const fv_tensor *shape = &inference->outputs[k];
        fv_variable *output =
            fv__graph_value(graph, shape->dtype, shape->rank, shape->shape);
        if (!output) return false;
        output->requires_grad = requires_grad && fv__dtype_is_real(shape->dtype)
                                && !(k < 32 && op->without_gradient >> k & 1);
        output->node = graph->count;
        output->slot = k;
        node->outputs[k] = output;
        node->results[k] = &output->value;
    }
    return true;
}

fv__node *fv__graph_append(fv__graph *graph, const fv_operator *op,
                           const void *attributes, int32_t num_inputs,
                           fv_variable *const inputs[],
                           const fv_inference *inference, bool requires_grad)
{
    fv__node *node = make_node(graph, op, attributes, num_inputs, inputs,
                               inference->num_outputs);
    fv__node **nodes =
        grow(graph, graph->nodes, graph->count, &graph->capacity);
    if (nodes) graph->nodes = nodes;
    if (!node || !nodes || !make_outputs(graph, node, inference, requires_grad))
        return NULL;
    node->training = graph->training;
    if (graph->planned) node->who = graph->context->tape->who;
    if (graph->planned) node->ordinal = count_same(graph, op);
    node->resolved = inference->resolved;
    node->saved_bytes = inference->saved;
    node->cache_bytes = fv__align(inference->cached);
    node->cache_at = graph->cache_bytes;
    node->forward_scratch = inference->forward_scratch;
    if (!graph->planned || graph->training)
        node->forward_scratch += node->cache_bytes;
    else if (!fv__add(graph->cache_bytes, node->cache_bytes,
                      &graph->cache_bytes))
        fv_fail(graph->context, FV_LIMIT,
                "%s: the plan keeps more than %zu bytes", op->name, SIZE_MAX);
    node->backward_scratch = inference->backward_scratch;
    node->multiply_accumulates = inference->multiply_accumulates;
    memcpy(node->window, inference->window, sizeof node->window);
    memcpy(node->step, inference->step, sizeof node->step);
    graph->nodes[graph->count++] = node;
    return fv__ok(graph->context) ? node : NULL;
}

static void forget_activity(fv__graph *graph)
{
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        node->active = false;
        for (int32_t k = 0; k < node->num_inputs; k++) {
            node->grads[k] = NULL;
            node->fresh[k] = false;
            node->inputs[k]->begun = false;
        }
        for (int32_t k = 0; k < node->num_outputs; k++) {
            node->result_grads[k] = NULL;
            node->outputs[k]->begun = false;
        }
    }
}

void fv__graph_activate(fv__graph *graph, fv_variable *result)
{
    forget_activity(graph);
    if (!result || result->node < 0) return;
    graph->nodes[result->node]->active = result->requires_grad;
    result->begun = result->requires_grad;
    for (int32_t i = result->node; i >= 0; i--) {
        fv__node *node = graph->nodes[i];
        if (!node->active) continue;
        for (int32_t k = 0; k < node->num_outputs; k++)
            if (node->outputs[k]->begun)
                node->result_grads[k] = &node->outputs[k]->grad;
        for (int32_t k = 0; k < node->num_inputs; k++) {
            fv_variable *input = node->inputs[k];
            if (!input->requires_grad) continue;
            node->grads[k] = &input->grad;
            if (input->node < 0) continue;
            node->fresh[k] = !input->begun;
            input->begun = true;
            graph->nodes[input->node]->active = true;
        }
    }
}

static fv_call call_of(const fv__graph *graph, const fv__node *node,
                       void *scratch)
{
    return (fv_call){ .context = graph->context,
                      .attributes = node->attributes,
                      .resolved = node->resolved,
                      .num_inputs = node->num_inputs,
                      .num_outputs = node->num_outputs,
                      .training = node->training,
                      .inputs = node->values,
                      .outputs = node->results,
                      .saved = node->saved,
                      .scratch = scratch,
                      .draw = node->draw };
}

void fv__node_forward(const fv__graph *graph, const fv__node *node,
                      void *scratch)
{
    fv_call call = call_of(graph, node, scratch);
    call.cached = scratch;
    if (graph->cache) {
        call.cached = graph->cache + node->cache_at;
        call.cache_valid = graph->cache_changes == graph->context->changes;
    } else if (node->cache_bytes) {
        call.scratch = (unsigned char *)scratch + node->cache_bytes;
    }
    node->op->forward(&call);
}

void fv__node_backward(const fv__graph *graph, const fv__node *node,
                       void *scratch)
{
    fv_call call = call_of(graph, node, scratch);
    bool overwrites = node->op->abilities & FV_OVERWRITES;
    bool wanted = false;
    call.output_grads = node->result_grads;
    for (int32_t k = 0; k < node->num_inputs; k++) {
        wanted = wanted || node->grads[k];
        if (!node->fresh[k]) continue;
        if (overwrites && k < 64)
            call.fresh |= UINT64_C(1) << k;
        else
            memset(node->grads[k]->data, 0, fv__tensor_bytes(node->grads[k]));
    }
    call.input_grads = node->grads;
    /* the leaves behind a node may have been frozen since it was recorded */
    if (wanted) node->op->backward(&call);
}
