/* Finds the first number of a run that is not finite, by running the plan once
 * more and looking at each node. */
#include "graph/graph.h"
#include "kernel/parallel.h"

#include <math.h>

static bool is_finite(fv_context *context, const fv_tensor *value)
{
    if (!value || !value->data || value->dtype != context->dtype) return true;
    return fv__finite_all(context, (size_t)fv_tensor_count(value), value->data);
}

/* Records the first number of a value that is not finite; false if there is
 * none. */
static bool look(const fv__graph *graph, const fv__node *node,
                 const fv_tensor *value, bool computed, fv__not_finite *found)
{
    if (is_finite(graph->context, value)) return false;
    double number = 0;
    int64_t i = -1;
    do
        fv__load_doubles(value->dtype, fv__tensor_byte(value, ++i), 1, 1,
                         &number);
    while (isfinite(number));
    *found = (fv__not_finite){
        .node = node, .value = value, .element = i, .computed = computed
    };
    return true;
}

bool fv__graph_forward_finite(fv__graph *graph, uint64_t step,
                              fv__not_finite *found)
{
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        for (int32_t k = 0; k < node->num_inputs; k++)
            if (node->inputs[k] && node->inputs[k]->node < 0
                && !node->inputs[k]->constant
                && look(graph, node, node->values[k], false, found))
                return false;
        node->draw = step << 20 | node->ordinal;
        fv__node_forward(graph, node, graph->block + node->forward_at);
        for (int32_t k = 0; k < node->num_outputs; k++)
            if (look(graph, node, node->results[k], true, found)) return false;
    }
    return true;
}

bool fv__graph_backward_finite(fv__graph *graph, fv_variable *loss,
                               fv__not_finite *found)
{
    graph->context->kernels->fill((size_t)fv_tensor_count(&loss->grad), 1,
                                  loss->grad.data);
    for (int32_t i = loss->node; i >= 0; i--) {
        const fv__node *node = graph->nodes[i];
        if (!node->active) continue;
        fv__node_backward(graph, node, graph->block + node->backward_at);
        for (int32_t k = 0; k < node->num_inputs; k++)
            if (look(graph, node, node->grads[k], node->inputs[k]->node >= 0,
                     found))
                return false;
    }
    return true;
}
