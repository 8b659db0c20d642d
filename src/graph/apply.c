/* Applying an operator: check the operands, ask the shape rule, then run it on
 * the tape or record it in a plan. */
#include "graph/graph.h"

#include <string.h>

enum { MOST_INPUTS = 1 << 16 };

/* The shape rule of an operator with at most so many outputs answers in memory
 * of the stack. */
enum { FEW_OUTPUTS = 4 };

static fv_context *context_of(int32_t count, fv_variable *const inputs[])
{
    for (int32_t k = 0; k < count; k++)
        if (inputs[k]) return inputs[k]->context;
    return NULL;
}

/* The plan that the operands belong to, else the one that is being recorded, or
 * NULL for the tape. */
static fv__graph *plan_of(const fv_context *context, int32_t count,
                          fv_variable *const inputs[])
{
    for (int32_t k = 0; k < count; k++)
        if (inputs[k]->graph && inputs[k]->graph->planned)
            return inputs[k]->graph;
    return context->tape->plan;
}

static fv_status check(fv_context *context, const fv_operator *op,
                       int32_t count, fv_variable *const inputs[])
{
    if (!fv__ok(context) || !fv__tape_begin(context)) return fv_failed(context);
    if (op->size != sizeof *op)
        return fv_fail(context, FV_MISUSE,
                       "%s: size of the operator is %zu, expected %zu",
                       op->name, op->size, sizeof *op);
    if (count < op->min_inputs || count > op->max_inputs || count > MOST_INPUTS)
        return fv_fail(context, FV_MISUSE, "%s: %d operands, expected %d to %d",
                       op->name, count, op->min_inputs, op->max_inputs);
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k])
            return fv_fail(context, FV_MISUSE, "%s: operand %d is NULL",
                           op->name, k + 1);
        if (inputs[k]->context != context)
            return fv_fail(context, FV_MISUSE,
                           "%s: operand %d belongs to another context",
                           op->name, k + 1);
    }
    return FV_OK;
}

static bool any_requires_grad(int32_t count, fv_variable *const inputs[])
{
    for (int32_t k = 0; k < count; k++)
        if (inputs[k]->requires_grad) return true;
    return false;
}

static int32_t most_outputs(const fv_operator *op)
{
    return op->max_outputs ? op->max_outputs : 1;
}

void *fv_inference_allocate(const fv_inference *inference, size_t bytes)
{
    void *memory = fv__arena_allocate(inference->memory, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

/* What the shape rule sees of an operand: of integers in a plan that are not
 * known yet, no data. */
static const fv_tensor *shape_of(fv__graph *graph, const fv_variable *input)
{
    if (!graph->planned || input->constant || !input->value.data
        || fv__dtype_is_real(input->value.dtype))
        return &input->value;
    fv_tensor *shape = fv__arena_allocate(&graph->arena, sizeof *shape);
    if (!shape) return NULL;
    *shape = input->value;
    shape->data = NULL;
    return shape;
}

/* Runs the shape rule. `shapes` has room for `count` pointers. */
static fv_status infer(fv_inference *inference, const fv_operator *op,
                       fv__graph *graph, fv_variable *const inputs[],
                       const fv_tensor **shapes)
{
    for (int32_t k = 0; k < inference->num_inputs; k++) {
        shapes[k] = shape_of(graph, inputs[k]);
        if (!shapes[k]) return fv_failed(graph->context);
    }
    inference->inputs = shapes;
    fv_status status = op->infer(inference);
    if (status != FV_OK) return status;
    if (inference->num_outputs < 0 || inference->num_outputs > most_outputs(op))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the shape rule answers %d outputs, at most %d are "
                       "declared",
                       op->name, inference->num_outputs, most_outputs(op));
    for (int32_t k = 0; k < inference->num_outputs; k++) {
        const fv_tensor *output = &inference->outputs[k];
        char shape[FV__SHAPE_BYTES];
        if (output->rank < 0 || output->rank > FV_MAX_RANK
            || fv__product(output->rank, output->shape) < 0)
            return fv_fail(inference->context, FV_LIMIT,
                           "%s: result %s has too many elements",
                           inference->name,
                           fv__shape_text(shape, sizeof shape, output->rank,
                                          output->shape));
    }
    const size_t most =
        SIZE_MAX / 4; /* so that the sum of any two fits a size_t */
    if (inference->saved > most || inference->cached > most
        || inference->forward_scratch > most
        || inference->backward_scratch > most)
        return fv_fail(inference->context, FV_LIMIT,
                       "%s: needs more than %zu bytes of scratch",
                       inference->name, most);
    return FV_OK;
}

/* Allocates a tape's node its outputs, saved memory and scratch, and runs it. A
 * node that no backward pass needs leaves the tape again; its values stay. */
static fv_status run(fv__tape *tape, fv__node *node, bool recorded)
{
    fv__graph *graph = &tape->graph;
    for (int32_t k = 0; k < node->num_outputs; k++) {
        fv_tensor *value = &node->outputs[k]->value;
        value->data =
            fv__arena_allocate(&graph->arena, fv__tensor_bytes(value));
    }
    if (recorded && node->saved_bytes)
        node->saved = fv__arena_allocate(&graph->arena, node->saved_bytes);
    void *scratch = fv__tape_scratch(tape, node->forward_scratch);
    bool ready = fv__ok(graph->context);
    if (ready) {
        node->draw = UINT64_C(1) << 55 | graph->context->draws++;
        fv__node_forward(graph, node, scratch);
    }
    if (!recorded || !ready) {
        graph->count--;
        for (int32_t k = 0; k < node->num_outputs; k++)
            node->outputs[k]->node = -1;
    }
    return fv_failed(graph->context);
}

/* Outputs of more elements are left to the run of a plan. */
enum { MOST_KNOWN = 1 << 16 };

/* Whether the outputs of a plan's node follow from shapes and constants. */
static bool is_known(const fv__node *node)
{
    const bool shapes = node->op->abilities & FV_READS_SHAPES;
    bool known = node->num_outputs > 0 && (shapes || node->num_inputs > 0)
                 && !(node->op->abilities & FV_DRAWS_NUMBERS);
    int64_t count = 0;
    for (int32_t k = 0; k < node->num_inputs && !shapes; k++)
        known &= node->inputs[k]->constant;
    for (int32_t k = 0; k < node->num_outputs; k++)
        count = fv__saturated_sum(count, fv_tensor_count(node->results[k]));
    return known && count <= MOST_KNOWN;
}

/* Computes the last node of a plan, which leaves the graph: its outputs are
 * constants. */
static fv_status compute(fv__graph *graph, fv__node *node)
{
    fv_context *context = graph->context;
    for (int32_t k = 0; k < node->num_outputs; k++) {
        fv_variable *output = node->outputs[k];
        output->value.data =
            fv__arena_allocate(&graph->arena, fv__tensor_bytes(&output->value));
        output->node = -1;
        output->constant = true;
        output->requires_grad = false;
    }
    void *scratch = fv__allocate(context, FV__DATA,
                                 node->forward_scratch + node->cache_bytes);
    if (fv__ok(context)) fv__node_forward(graph, node, scratch);
    fv__release(context, scratch);
    graph->count--;
    graph->num_values -= node->num_outputs;
    if (!graph->training) graph->cache_bytes -= node->cache_bytes;
    return fv_failed(context);
}

static fv_tensor *make_outputs(fv__graph *graph, int32_t count)
{
    const size_t bytes = (size_t)count * sizeof(fv_tensor);
    fv_tensor *outputs = fv__arena_allocate(&graph->arena, bytes);
    return outputs ? memset(outputs, 0, bytes) : NULL;
}

/* The node of an operator that is applied, NULL after a failure. */
static const fv__node *apply(const fv_operator *op, const void *attributes,
                             int32_t num_inputs, fv_variable *const inputs[])
{
    fv_context *context = context_of(num_inputs, inputs);
    if (!context || check(context, op, num_inputs, inputs)) return NULL;
    fv__graph *plan = plan_of(context, num_inputs, inputs);
    fv__tape *tape = plan ? NULL : context->tape;
    fv__graph *graph = plan ? plan : &tape->graph;
    if (!plan && tape->spent) {
        for (int32_t k = 0; k < num_inputs; k++)
            if (inputs[k]->graph) {
                fv_fail(context, FV_MISUSE,
                        "%s: operand %d was on the tape that fv_backprop "
                        "emptied",
                        op->name, k + 1);
                return NULL;
            }
        fv__tape_ready(context);
    }
    bool requires_grad = op->backward && any_requires_grad(num_inputs, inputs)
                         && (plan ? graph->training : !context->no_grad);
    if (!plan) graph->training = context->training;

    const fv_tensor **shapes =
        fv__arena_allocate(&graph->arena, (size_t)num_inputs * sizeof *shapes);
    fv_tensor few[FEW_OUTPUTS] = { 0 };
    fv_tensor *outputs = most_outputs(op) <= FEW_OUTPUTS
                             ? few
                             : make_outputs(graph, most_outputs(op));
    if (!shapes || !outputs) return NULL;
    fv_inference inference = { .context = context,
                               .name = context->tape->who ? context->tape->who
                                                          : op->name,
                               .attributes = attributes,
                               .num_inputs = num_inputs,
                               .num_outputs = 1,
                               .outputs = outputs,
                               .training = graph->training,
                               .memory = &graph->arena,
                               .gradient = requires_grad,
                               .window = { 1, 1 },
                               .step = { 1, 1 } };
    if (infer(&inference, op, graph, inputs, shapes)) return NULL;
    fv__node *node = fv__graph_append(graph, op, attributes, num_inputs, inputs,
                                      &inference, requires_grad);
    if (!node || (!plan && run(tape, node, requires_grad))) return NULL;
    if (plan && is_known(node) && compute(plan, node) != FV_OK) return NULL;
    return node;
}

fv_variable *fv_apply(const fv_operator *op, const void *attributes,
                      int32_t num_inputs, fv_variable *const inputs[])
{
    const fv__node *node = apply(op, attributes, num_inputs, inputs);
    return node && node->num_outputs ? node->outputs[0] : NULL;
}

fv_status fv_apply_n(const fv_operator *op, const void *attributes,
                     int32_t num_inputs, fv_variable *const inputs[],
                     int32_t num_outputs, fv_variable *outputs[])
{
    const fv__node *node = apply(op, attributes, num_inputs, inputs);
    for (int32_t k = 0; k < num_outputs; k++)
        outputs[k] = node && k < node->num_outputs ? node->outputs[k] : NULL;
    fv_context *context = context_of(num_inputs, inputs);
    return context ? fv_failed(context) : FV_MISUSE;
}
