/* The context's tape: constants and operations are recorded as they run, and
 * walked back once. */
#include "graph/graph.h"

bool fv__tape_begin(fv_context *context)
{
    if (context->tape) return true;
    fv__tape *tape = fv__allocate_zero(context, FV__RUN, sizeof *tape);
    if (!tape) return false;
    fv__graph_begin(&tape->graph, context, true);
    tape->graph.planned = false;
    context->tape = tape;
    return true;
}

void fv__tape_end(fv_context *context)
{
    fv__tape *tape = context->tape;
    if (!tape) return;
    fv__graph_free(&tape->graph);
    fv__release(context, tape->scratch);
    fv__release(context, tape);
    context->tape = NULL;
}

void fv_forget(fv_context *context)
{
    if (!context || !context->tape) return;
    context->tape->graph.count = 0;
    context->tape->spent = false;
    fv__arena_reset(&context->tape->graph.arena);
}

fv__tape *fv__tape_ready(fv_context *context)
{
    if (!fv__tape_begin(context)) return NULL;
    if (context->tape->spent) fv_forget(context);
    return context->tape;
}

void *fv__tape_scratch(fv__tape *tape, size_t bytes)
{
    if (bytes <= tape->scratch_bytes) return tape->scratch;
    fv_context *context = tape->graph.context;
    fv__release(context, tape->scratch);
    tape->scratch = fv__allocate(context, FV__RUN, bytes);
    tape->scratch_bytes = tape->scratch ? bytes : 0;
    return tape->scratch;
}

int64_t fv_tape_count(const fv_context *context)
{
    return context && context->tape ? context->tape->graph.count : 0;
}

const char *fv_tape_last(fv_context *context)
{
    if (!fv__ok(context) || !fv__tape_begin(context)) return NULL;
    const fv__graph *graph = &context->tape->graph;
    if (graph->count) return graph->nodes[graph->count - 1]->op->name;
    fv_fail(context, FV_MISUSE, "tape: no operation is recorded");
    return NULL;
}

int fv_no_grad(fv_context *context, int off)
{
    if (!context) return 0;
    bool former = context->no_grad;
    context->no_grad = off != 0;
    return former;
}

int fv_training(fv_context *context, int training)
{
    if (!context) return 0;
    bool former = context->training;
    context->training = training != 0;
    return former;
}

fv__graph *fv__tape_record(fv_context *context, fv__graph *plan)
{
    fv__graph *former = context->tape->plan;
    context->tape->plan = plan;
    return former;
}

static fv_variable *constant_of(fv_context *context, const fv_tensor *value)
{
    fv__tape *tape = fv__tape_ready(context);
    if (!tape) return NULL;
    return fv__graph_constant(
        tape->plan ? tape->plan : &tape->graph,
        fv__dtype_is_real(value->dtype) ? context->dtype : value->dtype, value);
}

/* The first operation after a backward pass empties the tape, so a value that
 * lies on the tape is copied first. */
fv_variable *fv_constant(fv_context *context, const fv_tensor *value)
{
    if (!fv__tensor_check(context, "constant", value)) return NULL;
    const fv__tape *tape = context->tape;
    if (!tape || !tape->spent
        || !fv__arena_holds(&tape->graph.arena, value->data))
        return constant_of(context, value);
    fv_tensor copy = fv_tensor_dup(context, value);
    if (copy.rank < 0) return NULL;
    fv_variable *constant = constant_of(context, &copy);
    fv_tensor_free(context, &copy);
    return constant;
}

fv_status fv__tape_check(const char *who, const fv_variable *result)
{
    fv_context *context = result->context;
    if (!fv__ok(context)) return fv_failed(context);
    char shape[FV__SHAPE_BYTES];
    fv__shape_text(shape, sizeof shape, result->value.rank,
                   result->value.shape);
    if (!result->graph)
        return fv_fail(context, FV_MISUSE,
                       "%s: the variable %s is a leaf, not a result", who,
                       shape);
    const fv__graph *tape = &context->tape->graph;
    if (result->graph != tape || result->node < 0 || result->node >= tape->count
        || tape->nodes[result->node]->outputs[result->slot] != result)
        return fv_fail(context, FV_MISUSE,
                       "%s: the variable %s is not on the tape", who, shape);
    return FV_OK;
}

/* Allocates every gradient that the pass writes. */
static fv_status make_gradients(fv__graph *graph, fv_variable *result)
{
    for (int32_t i = result->node; i >= 0; i--) {
        const fv__node *node = graph->nodes[i];
        if (!node->active) continue;
        for (int32_t k = 0; k < node->num_outputs; k++) {
            fv_tensor *grad = &node->outputs[k]->grad;
            if (!node->result_grads[k]) continue;
            grad->data =
                fv__arena_allocate(&graph->arena, fv__tensor_bytes(grad));
            if (!grad->data) return fv_failed(graph->context);
        }
        for (int32_t k = 0; k < node->num_inputs; k++)
            if (node->grads[k] && !node->inputs[k]->graph
                && !fv__leaf_grad(node->inputs[k]))
                return fv_failed(graph->context);
        if (!fv__tape_scratch(graph->context->tape, node->backward_scratch)
            && node->backward_scratch)
            return fv_failed(graph->context);
    }
    return FV_OK;
}

fv_status fv_backprop(fv_variable *result)
{
    return result ? fv__backprop(result, NULL) : FV_MISUSE;
}

fv_status fv__backprop(fv_variable *result, const fv_tensor *seed)
{
    fv_status status = fv__tape_check("backprop", result);
    if (status != FV_OK) return status;
    fv_context *context = result->context;
    fv__tape *tape = context->tape;
    fv__graph *graph = &tape->graph;
    graph->count = result->node + 1;
    fv__graph_activate(graph, result);
    status = make_gradients(graph, result);
    if (status == FV_OK) {
        if (seed)
            fv__tensor_copy_elements(&result->grad, seed);
        else
            context->kernels->fill((size_t)fv_tensor_count(&result->grad), 1,
                                   result->grad.data);
        for (int32_t i = result->node; i >= 0; i--)
            if (graph->nodes[i]->active)
                fv__node_backward(graph, graph->nodes[i], tape->scratch);
    }
    graph->count = 0;
    tape->spent = true;
    return status;
}
