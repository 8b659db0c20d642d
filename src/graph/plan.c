/* Plans: assigns each value, gradient and scratch of a recorded graph an offset
 * in one block, and runs the graph there. Time counts the steps of a run:
 * forward of node i is step i, its backward is step 2 n - 1 - i. Everything is
 * alive during an interval of steps; two things share memory only if their
 * intervals are disjoint. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

/* One interval of memory to place; its offset is written to *offset. */
typedef struct item {
    size_t bytes, at;
    int32_t birth, death, number;
    size_t *offset;
} item;

typedef struct items {
    item *at;
    int32_t count;
} items;

static void add(items *list, size_t bytes, int32_t birth, int32_t death,
                size_t *offset)
{
    if (!bytes) return;
    list->at[list->count] =
        (item){ fv__align(bytes), 0, birth, death, list->count, offset };
    list->count++;
}

static bool backward_reads(const fv__node *node, int32_t input)
{
    uint32_t reads = node->op->backward_reads;
    if (input >= 30) return (reads & FV_READS_INPUTS) == FV_READS_INPUTS;
    return reads & FV_READS_INPUT(input);
}

/* A value lives from the node that computes it to its last reader. Its gradient
 * lives from the backward step of its last active reader, which runs first, to
 * that of the node that computes the value. */
static void find_lifetimes(fv__graph *graph)
{
    int32_t end = 2 * graph->count;
    for (int32_t i = 0; i < graph->num_values; i++) {
        fv_variable *v = graph->values[i];
        const fv__node *maker = v->node < 0 ? NULL : graph->nodes[v->node];
        bool late = maker && maker->active
                    && (maker->op->backward_reads & FV_READS_OUTPUT);
        v->birth = maker ? v->node : 0;
        v->grad_birth = v->grad_death = end - 1 - v->birth;
        v->death = v->live_out ? end : late ? v->grad_death : v->birth;
    }
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        int32_t back = end - 1 - i;
        for (int32_t k = 0; k < node->num_inputs; k++) {
            fv_variable *v = node->inputs[k];
            bool late = node->active && backward_reads(node, k);
            v->death = (int32_t)fv__max(v->death, late ? back : i);
            if (node->active)
                v->grad_birth = (int32_t)fv__min(v->grad_birth, back);
        }
    }
}

/* Whether the node may write its output over input 0, a value of the plan. */
static bool in_place(const fv__node *node)
{
    return (node->op->abilities & FV_IN_PLACE) && node->num_outputs
           && node->inputs[0]->node >= 0
           && fv__tensor_bytes(&node->inputs[0]->value)
                  == fv__tensor_bytes(&node->outputs[0]->value);
}

/* Values computed in place share the buffer of the first owner, whose lifetime
 * is extended to that of the last: an output shares the memory of an input that
 * nobody reads later, and a gradient that begins at a node shares that of the
 * gradient of its output, which ends there. */
static void share_memory(fv__graph *graph)
{
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        if (!in_place(node)) continue;
        fv_variable *x = node->inputs[0], *y = node->outputs[0];
        fv_variable *host = x->value_host ? x->value_host : x;
        if (host->death != i) continue;
        y->value_host = host;
        host->death = y->death;
    }
    for (int32_t i = graph->count - 1; i >= 0; i--) {
        const fv__node *node = graph->nodes[i];
        if (!node->active || !node->fresh[0] || !in_place(node)
            || !node->result_grads[0] || !(node->op->abilities & FV_OVERWRITES))
            continue;
        fv_variable *x = node->inputs[0], *y = node->outputs[0];
        fv_variable *host = y->grad_host ? y->grad_host : y;
        x->grad_host = host;
        host->grad_death = x->grad_death;
    }
}

static void list_items(fv__graph *graph, items *list)
{
    for (int32_t i = 0; i < graph->num_values; i++) {
        fv_variable *v = graph->values[i];
        if (!v->value_host)
            add(list, fv__tensor_bytes(&v->value), v->birth, v->death,
                &v->value_at);
        if (v->begun && !v->grad_host)
            add(list, fv__tensor_bytes(&v->grad), v->grad_birth, v->grad_death,
                &v->grad_at);
    }
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        int32_t back = 2 * graph->count - 1 - i;
        add(list, node->forward_scratch, i, i, &node->forward_at);
        if (!node->active) continue;
        add(list, node->saved_bytes, i, back, &node->saved_at);
        add(list, node->backward_scratch, back, back, &node->backward_at);
    }
}

/* Orders items by descending size, equal ones by their number. */
static int compare(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

/* The lowest offset at which an item overlaps none of the first `count` items
 * that are alive at the same time; `order` lists those by offset. */
static size_t lowest(const items *list, const int32_t *order, int32_t count,
                     const item *placing)
{
    size_t at = 0;
    for (int32_t j = 0; j < count; j++) {
        const item *other = &list->at[order[j]];
        if (other->death < placing->birth || other->birth > placing->death)
            continue;
        if (other->at >= at && other->at - at >= placing->bytes) break;
        size_t end = other->at + other->bytes;
        if (end > at) at = end;
    }
    return at;
}

static fv_status place(fv__graph *graph, items *list, int32_t *order)
{
    qsort(list->at, (size_t)list->count, sizeof(item), compare);
    graph->block_bytes = 0;
    for (int32_t i = 0; i < list->count; i++) {
        item *placing = &list->at[i];
        placing->at = lowest(list, order, i, placing);
        size_t end;
        if (!fv__add(placing->at, placing->bytes, &end))
            return fv_fail(graph->context, FV_LIMIT,
                           "plan: the network needs more than %zu bytes",
                           SIZE_MAX);
        if (end > graph->block_bytes) graph->block_bytes = end;
        int32_t j = i;
        for (; j > 0 && list->at[order[j - 1]].at > placing->at; j--)
            order[j] = order[j - 1];
        order[j] = i;
        *placing->offset = placing->at;
    }
    return FV_OK;
}

fv_status fv__graph_place(fv__graph *graph, fv_variable *loss)
{
    fv_context *context = graph->context;
    if (!fv__ok(context)) return fv_failed(context);
    fv__graph_activate(graph, loss);
    find_lifetimes(graph);
    share_memory(graph);
    size_t most = 2 * (size_t)graph->num_values + 3 * (size_t)graph->count;
    items list = { .at = fv__allocate(context, FV__DATA, most * sizeof(item)) };
    int32_t *order = fv__allocate(context, FV__DATA, most * sizeof *order);
    if (list.at && order) {
        list_items(graph, &list);
        place(graph, &list, order);
    }
    fv__release(context, list.at);
    fv__release(context, order);
    return fv_failed(context);
}

void fv__graph_bind(fv__graph *graph, void *block)
{
    graph->block = block;
    for (int32_t i = 0; i < graph->num_values; i++) {
        fv_variable *v = graph->values[i];
        const fv_variable *value = v->value_host ? v->value_host : v;
        const fv_variable *grad = v->grad_host ? v->grad_host : v;
        v->value.data = graph->block + value->value_at;
        v->grad.data = graph->block + grad->grad_at;
    }
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        bool saves = node->active && node->saved_bytes;
        node->saved = saves ? graph->block + node->saved_at : NULL;
    }
}

void fv__graph_bind_cache(fv__graph *graph, void *cache)
{
    graph->cache = cache;
    graph->cache_changes = 0;
}

void fv__graph_forward(fv__graph *graph, uint64_t step)
{
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        node->draw = step << 20 | node->ordinal;
        fv__node_forward(graph, node, graph->block + node->forward_at);
    }
    graph->cache_changes = graph->context->changes;
}

void fv__graph_backward(fv__graph *graph, fv_variable *loss)
{
    graph->context->kernels->fill((size_t)fv_tensor_count(&loss->grad), 1,
                                  loss->grad.data);
    for (int32_t i = loss->node; i >= 0; i--) {
        const fv__node *node = graph->nodes[i];
        if (node->active)
            fv__node_backward(graph, node, graph->block + node->backward_at);
    }
}
