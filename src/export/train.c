/* The training step of a C file: its plan, forward, backward and update. */
#include "export/train.h"

#include <stdio.h>
#include <string.h>

/* ---- what is trained ----------------------------------------------------- */

static const fv__trained *find(const fv__export *e, const fv_variable *value)
{
    const fv__training *t = e->training;
    for (size_t i = 0; t && i < t->num_leaves; i++)
        if (t->leaves[i].leaf == value) return &t->leaves[i];
    return NULL;
}

bool fv__is_trained(const fv__export *e, const fv_variable *value)
{
    return find(e, value) != NULL;
}

bool fv__reads_trained(const fv__export *e, const fv__node *node)
{
    for (int32_t k = 0; k < node->num_inputs; k++)
        if (fv__is_trained(e, node->inputs[k])) return true;
    return false;
}

size_t fv__trained_at(const fv__export *e, const fv_variable *value)
{
    return find(e, value)->at;
}

extern const fv_operator fv__op_assign;

static bool is_assignment(const fv__node *node)
{
    return node->op == &fv__op_assign;
}

/* How often running statistics are assigned in a step. */
static int32_t count_assignments(const fv__plan *plan, const fv_variable *leaf)
{
    int32_t count = 0;
    for (int32_t i = 0; i < plan->graph.count; i++) {
        const fv__node *node = plan->graph.nodes[i];
        count += is_assignment(node) && node->inputs[0] == leaf;
    }
    return count;
}

/* Lists the parameters that are trained or, of `state`, running statistics that
 * are assigned. */
static void list_leaves(fv__export *e, bool state)
{
    fv__training *t = e->training;
    for (int32_t i = 0; i < e->network->count; i++) {
        const fv_layer *layer = e->network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv__parameter *p = &layer->parameters[k];
            const fv_variable *leaf = p->variable;
            const int32_t times = count_assignments(&t->plan, leaf);
            if (p->shared || p->trainable == state
                || (state ? !times : !leaf->requires_grad))
                continue;
            if (times > 1)
                fv_fail(e->context, FV_UNSUPPORTED,
                        "export: layers share the running statistics of %s",
                        layer->name);
            t->leaves[t->num_leaves++] =
                (fv__trained){ leaf, t->numbers, i, k };
            t->numbers += fv__count(&leaf->value);
        }
    }
}

static fv_status find_leaves(fv__export *e)
{
    fv__training *t = e->training;
    size_t most = 0;
    for (int32_t i = 0; i < e->network->count; i++)
        most += (size_t)e->network->places[i].layer->num_parameters;
    t->leaves = fv__allocate(e->context, FV__DATA, most * sizeof *t->leaves);
    if (!t->leaves) return fv_failed(e->context);
    list_leaves(e, false);
    t->parameters = t->numbers;
    list_leaves(e, true);
    if (!t->parameters)
        fv_fail(e->context, FV_MISUSE,
                "export: all parameters are frozen, there is nothing to train");
    else if (t->numbers > INT32_MAX / 4)
        fv_fail(e->context, FV_LIMIT,
                "export: more than %d numbers are trained", INT32_MAX / 4);
    return fv_failed(e->context);
}

/* ---- the plan ------------------------------------------------------------ */

static const char *lacks(const fv__export *e, const fv__node *node)
{
    const fv__emitter *emitter = fv__export_emitter(e, node);
    const fv__trainer *trainer = fv__trainer_of(node);
    if (is_assignment(node)) return NULL;
    const bool trains = node->active || fv__reads_trained(e, node)
                        || node->op->abilities & FV_DRAWS_NUMBERS;
    if (!emitter || (trains && !trainer)) return "no training form";
    const char *why = fv__lacks_weights(node);
    if (!why && emitter->lacks) why = emitter->lacks(node);
    if (!why && trains && trainer->forward.lacks)
        why = trainer->forward.lacks(node);
    return why;
}

/* Sets what nodes need of memory in their C form; inputs and targets are memory
 * of the caller, and only the loss is read after the run. */
static fv_status place(fv__export *e)
{
    fv__training *t = e->training;
    fv__graph *graph = &t->plan.graph;
    for (int32_t k = 0; k < e->inputs; k++)
        t->plan.inputs[k]->value_host = t->plan.inputs[k];
    t->plan.target->value_host = t->plan.target;
    for (int32_t k = 0; k < e->outputs; k++)
        t->plan.outputs[k]->live_out = false;
    t->plan.loss->live_out = true;
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        const fv__emitter *emitter = fv__export_emitter(e, node);
        const fv__trainer *trainer = fv__trainer_of(node);
        const bool has = emitter && emitter->scratch;
        const int64_t scratch = has ? emitter->scratch(node) : 0;
        node->forward_scratch = (size_t)scratch * sizeof(float);
        node->backward_scratch = node->saved_bytes = 0;
        if (is_assignment(node)) node->inputs[1]->live_out = true;
        if (trainer && trainer->scratch)
            node->backward_scratch =
                (size_t)trainer->scratch(node) * sizeof(float);
        if (trainer && trainer->saved)
            node->saved_bytes = (size_t)trainer->saved(node) * sizeof(float);
    }
    if (fv__graph_place(graph, t->plan.loss) == FV_OK
        && graph->block_bytes > INT32_MAX)
        fv_fail(e->context, FV_LIMIT,
                "export: training needs %zu bytes of memory, more than %d",
                graph->block_bytes, INT32_MAX);
    return fv_failed(e->context);
}

static fv_status make_optimizer(fv__export *e, const char *text)
{
    static const char *const names[] = { "sgd", "adam", "adamw" };
    fv__training *t = e->training;
    t->optimizer = fv_optimizer_parse(e->network, text);
    for (int i = 0; t->optimizer && i < 3; i++)
        if (strcmp(t->optimizer->type->name, names[i]) == 0) return FV_OK;
    if (t->optimizer)
        fv_fail(e->context, FV_UNSUPPORTED,
                "export: the optimizer %s cannot be written as C, expected "
                "sgd, adam or adamw",
                t->optimizer->type->name);
    return fv_failed(e->context);
}

fv_status fv__training_begin(fv__export *e, const char *optimizer)
{
    fv_context *context = e->context;
    fv__training *t = fv__allocate_zero(context, FV__DATA, sizeof *t);
    if (!t) return fv_failed(context);
    e->training = t;
    t->text = optimizer;
    t->body = t->assignments =
        (fv__text){ .context = context, .account = FV__DATA };
    t->plan.batch = e->plan.batch;
    t->plan.training = true;
    if (make_optimizer(e, optimizer) != FV_OK
        || fv__network_record(e->network, &t->plan) != FV_OK
        || find_leaves(e) != FV_OK)
        return fv_failed(context);
    e->inputs = e->network->num_inputs;
    e->outputs = fv__network_count_outputs(e->network);
    fv__graph_activate(&t->plan.graph, t->plan.loss);
    if (fv__export_check(e, &t->plan.graph, lacks) == FV_OK) place(e);
    return fv_failed(context);
}

void fv__training_end(fv__export *e)
{
    fv__training *t = e->training;
    if (!t) return;
    fv_optimizer_free(t->optimizer);
    fv__graph_free(&t->plan.graph);
    fv__text_free(&t->body);
    fv__text_free(&t->assignments);
    fv__release(e->context, t->leaves);
    fv__release(e->context, t);
    e->training = NULL;
}

/* ---- expressions --------------------------------------------------------- */

static const char *scratch_text(fv__export *e, size_t bytes)
{
    char *text = fv__export_text(e);
    snprintf(text, FV__EXPRESSION, "scratch + %zu", bytes / sizeof(float));
    return text;
}

const char *fv__grad_at(fv__export *e, const fv_variable *value)
{
    const fv_variable *host = value->grad_host ? value->grad_host : value;
    if (value->graph) return scratch_text(e, host->grad_at);
    char *text = fv__export_text(e);
    snprintf(text, FV__EXPRESSION, "gradients + %zu", fv__trained_at(e, value));
    return text;
}

const char *fv__saved_at(fv__export *e, const fv__node *node)
{
    return scratch_text(e, node->saved_at);
}

const char *fv__backward_scratch_at(fv__export *e, const fv__node *node)
{
    return scratch_text(e, node->backward_at);
}

void fv__clear_grad(fv__export *e, const fv__node *node, int32_t k)
{
    if (node->fresh[k])
        fv__text_add(&e->calls, "        fill(%lld, 0, %s);\n",
                     (long long)fv_tensor_count(node->values[k]),
                     fv__grad_at(e, node->inputs[k]));
}

/* ---- the body ------------------------------------------------------------ */

static void write_assignment(fv__export *e, const fv__node *node)
{
    fv__text_add(&e->training->assignments,
                 "    memcpy(%s, %s, %lldu * sizeof(float));\n",
                 fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->inputs[1]),
                 (long long)fv_tensor_count(node->values[0]));
}

static void write_backward(fv__export *e, const fv__node *node)
{
    fv__text_add(&e->calls, "    { /* %s: gradients of %s */\n",
                 node->who ? node->who : "input", node->op->name);
    fv__trainer_of(node)->backward(e, node);
    fv__text_add(&e->calls, "    }\n");
}

/* The loss and, if it is finite, the gradients. */
static void write_passes(fv__export *e)
{
    const fv__training *t = e->training;
    const fv__graph *graph = &t->plan.graph;
    for (int32_t i = 0; i < graph->count && fv__ok(e->context); i++) {
        const fv__node *node = graph->nodes[i];
        if (is_assignment(node))
            write_assignment(e, node);
        else
            fv__export_node(e, node);
    }
    fv__text_add(&e->calls,
                 "    const float loss = *(%s);\n    if (!(fabsf(loss) <= "
                 "FLT_MAX)) return loss;\n    *(%s) = 1;\n",
                 fv__export_at(e, t->plan.loss), fv__grad_at(e, t->plan.loss));
    for (int32_t i = t->plan.loss->node; i >= 0 && fv__ok(e->context); i--)
        if (graph->nodes[i]->active) write_backward(e, graph->nodes[i]);
}

void fv__training_write(fv__export *e)
{
    fv__training *t = e->training;
    const fv__plan plan = e->plan;
    const fv__text calls = e->calls;
    const int32_t outputs = e->outputs;
    size_t at;
    float *initial = fv__export_room(e, t->numbers, &at);
    for (size_t i = 0; initial && i < t->num_leaves; i++)
        memcpy(initial + t->leaves[i].at, t->leaves[i].leaf->value.data,
               fv__tensor_bytes(&t->leaves[i].leaf->value));
    t->initial = at;
    e->plan = t->plan;
    e->calls = t->body;
    e->outputs = 0; /* values that the caller has no memory for */
    write_passes(e);
    t->body = e->calls;
    e->plan = plan;
    e->calls = calls;
    e->outputs = outputs;
}
