/* The nodes of a graph, in their order, and the graphs within them: branches
 * that are known to be taken, and functions of the model. */
#include "onnx/in/importer.h"

#include <stdio.h>
#include <string.h>

enum { DEEPEST = 64 };

static const char *text_of(const char *text) { return text ? text : ""; }

/* ---- what is needed ---------------------------------------------------------
 */

static fv_status mark_all(fv__importer *to, const fv__onnx_graph *graph);

static fv_status mark_outputs(fv__importer *to, const fv__onnx_graph *graph)
{
    for (size_t i = 0; i < graph->n_output; i++) {
        fv__value *value = fv__onnx_named(to, text_of(graph->output[i]->name));
        if (!value) return fv_failed(to->context);
        value->needed = true;
    }
    return FV_OK;
}

/* The values that a node reads, those of the graphs within it among them. */
static fv_status mark_inputs(fv__importer *to, const fv__onnx_node_message *m)
{
    for (size_t i = 0; i < m->n_input; i++) {
        if (!m->input[i] || !*m->input[i]) continue;
        fv__value *value = fv__onnx_named(to, m->input[i]);
        if (!value) return fv_failed(to->context);
        value->needed = true;
    }
    for (size_t i = 0; i < m->n_attribute; i++) {
        const fv__onnx_attribute *a = m->attribute[i];
        if (a->g && mark_all(to, a->g) != FV_OK) return fv_failed(to->context);
        for (size_t k = 0; k < a->n_graphs; k++)
            if (mark_all(to, a->graphs[k]) != FV_OK)
                return fv_failed(to->context);
    }
    return FV_OK;
}

static fv_status mark_all(fv__importer *to, const fv__onnx_graph *graph)
{
    for (size_t i = 0; i < graph->n_node; i++)
        if (mark_inputs(to, graph->node[i]) != FV_OK)
            return fv_failed(to->context);
    return mark_outputs(to, graph);
}

static fv_status is_needed(fv__importer *to, const fv__onnx_node_message *m,
                           bool *needed)
{
    *needed = false;
    for (size_t i = 0; i < m->n_output; i++) {
        fv__value *value = fv__onnx_named(to, text_of(m->output[i]));
        if (!value) return fv_failed(to->context);
        *needed = *needed || value->needed;
    }
    return FV_OK;
}

static fv_status mark(fv__importer *to, size_t count,
                      fv__onnx_node_message *const nodes[])
{
    for (size_t i = count; i-- > 0;) {
        bool needed;
        if (is_needed(to, nodes[i], &needed) != FV_OK) break;
        if (needed && mark_inputs(to, nodes[i]) != FV_OK) break;
    }
    return fv_failed(to->context);
}

/* ---- initialisers
 * ------------------------------------------------------------ */

fv_status fv__onnx_read_initializer(fv__importer *to, fv__value *value)
{
    char who[512], shown[200];
    if (!value->initializer) return FV_OK;
    snprintf(
        who, sizeof who, "%s: tensor \"%s\"", to->shown,
        fv__printable(value->name, strlen(value->name), shown, sizeof shown));
    const fv__onnx_tensor *message = value->initializer;
    value->initializer = NULL;
    return fv__onnx_numbers(to, who, message, &value->known);
}

static fv_status list_initializers(fv__importer *to,
                                   const fv__onnx_graph *graph)
{
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const fv__onnx_tensor *m = graph->initializer[i];
        fv__value *value = fv__onnx_named(to, text_of(m->name));
        if (!value) return fv_failed(to->context);
        if (value->made)
            return fv__onnx_malformed(to, "there are two tensors", value->name);
        value->made = true;
        value->initializer = m;
    }
    return FV_OK;
}

/* Fuses the nodes and marks what they need. */
static fv__onnx_node_message **
prepare_nodes(fv__importer *to, size_t count,
              fv__onnx_node_message *const nodes[])
{
    fv__onnx_node_message **fused = fv__onnx_fuse(to, count, nodes);
    return fused && mark(to, count, fused) == FV_OK ? fused : NULL;
}

fv__onnx_node_message **fv__onnx_prepare(fv__importer *to,
                                         const fv__onnx_graph *graph)
{
    if (mark_outputs(to, graph) != FV_OK
        || list_initializers(to, graph) != FV_OK)
        return NULL;
    return prepare_nodes(to, graph->n_node, graph->node);
}

/* ---- a node
 * ------------------------------------------------------------------- */

static bool is_onnx(const char *domain)
{
    return !*domain || strcmp(domain, "ai.onnx") == 0;
}

static int64_t version_of(size_t count,
                          Fv__Onnx__OperatorSetIdProto *const versions[],
                          const char *domain)
{
    for (size_t i = 0; i < count; i++) {
        const char *is = text_of(versions[i]->domain);
        if (strcmp(is, domain) == 0 || (is_onnx(is) && is_onnx(domain)))
            return versions[i]->version;
    }
    return 1;
}

/* Finds the values that the node reads; false: it cannot be translated, because
 * one of them has been refused or, which is refused, is not there. */
static bool find_inputs(fv__importer *to, fv__onnx_node *node)
{
    for (int32_t k = 0; k < node->num_inputs; k++) {
        const char *name = text_of(node->message->input[k]);
        node->inputs[k] = NULL;
        if (!*name) continue;
        fv__value *value = fv__onnx_named(to, name);
        if (!value) return false;
        if (value->refused) return false;
        if (!value->made) {
            fv__onnx_refuse(to, node,
                            "\"%.100s\" is neither an input nor made by a node "
                            "before it",
                            name);
            return false;
        }
        if (fv__onnx_read_initializer(to, value) != FV_OK) return false;
        node->inputs[k] = value;
    }
    return true;
}

static bool find_outputs(fv__importer *to, fv__onnx_node *node)
{
    for (int32_t k = 0; k < node->num_outputs; k++) {
        const char *name = text_of(node->message->output[k]);
        node->outputs[k] = NULL;
        if (!*name) continue;
        fv__value *value = fv__onnx_named(to, name);
        if (!value) return false;
        if (value->made) {
            fv__onnx_malformed(to, "two nodes or inputs make", name);
            return false;
        }
        node->outputs[k] = value->needed ? value : NULL;
    }
    return true;
}

/* What the layer is called: as the node or, if it has no name, as its first
 * output. */
static const char *name_of(const fv__onnx_node_message *m, const char *kind)
{
    if (m->name && *m->name) return m->name;
    for (size_t i = 0; i < m->n_output; i++)
        if (m->output[i] && *m->output[i]) return m->output[i];
    return kind;
}

/* Replaces the call of a function of the model by its nodes; false: there is no
 * such function. */
static bool call(fv__importer *to, fv__onnx_node *node);

static void translate(fv__importer *to, fv__onnx_node *node, const char *domain)
{
    fv__translate *translation =
        fv__onnx_translation(is_onnx(domain) ? NULL : domain, node->kind);
    if (translation)
        translation(to, node);
    else if (!call(to, node) && fv__ok(to->context))
        fv__onnx_refuse(to, node, "the operator %s%s%s is not supported",
                        is_onnx(domain) ? "" : domain,
                        is_onnx(domain) ? "" : ".", node->kind);
}

static fv_status read_node(fv__importer *to, const fv__onnx_node_message *m,
                           size_t num_versions,
                           Fv__Onnx__OperatorSetIdProto *const versions[],
                           const fv__onnx_node *caller)
{
    enum { MOST = 1 << 16 };
    const char *domain = text_of(m->domain);
    fv__onnx_node node = { .message = m,
                           .caller = caller,
                           .kind = text_of(m->op_type),
                           .num_inputs = (int32_t)m->n_input,
                           .num_outputs = (int32_t)m->n_output };
    if (m->n_input > MOST || m->n_output > MOST)
        return fv_fail(to->context, FV_LIMIT, "%s: a node has %zu operands",
                       to->shown, m->n_input + m->n_output);
    node.version = version_of(num_versions, versions, domain);
    node.name = name_of(m, node.kind);
    node.inputs = fv__onnx_allocate(to, (m->n_input + 1) * sizeof(void *));
    node.outputs = fv__onnx_allocate(to, (m->n_output + 1) * sizeof(void *));
    if (!node.inputs || !node.outputs) return fv_failed(to->context);
    const fv__onnx_node *former = to->node;
    to->node = &node;
    if (find_outputs(to, &node)) {
        if (find_inputs(to, &node)) translate(to, &node, domain);
        for (int32_t k = 0; k < node.num_outputs; k++)
            if (node.outputs[k] && !node.outputs[k]->made)
                node.outputs[k]->made = node.outputs[k]->refused = true;
    }
    to->node = former;
    return fv_failed(to->context);
}

fv_status fv__onnx_nodes(fv__importer *to, size_t count,
                         fv__onnx_node_message *const nodes[],
                         size_t num_versions,
                         Fv__Onnx__OperatorSetIdProto *const versions[],
                         const fv__onnx_node *caller)
{
    for (size_t i = 0; i < count; i++) {
        bool needed;
        if (is_needed(to, nodes[i], &needed) != FV_OK
            || (needed
                && read_node(to, nodes[i], num_versions, versions, caller)
                       != FV_OK))
            return fv_failed(to->context);
    }
    return FV_OK;
}

/* ---- graphs within nodes ---------------------------------------------------
 */

static bool too_deep(fv__importer *to, const fv__onnx_node *node)
{
    if (to->depth < DEEPEST) return false;
    fv__onnx_refuse(to, node,
                    "functions or branches are nested more than %d "
                    "deep",
                    DEEPEST);
    return true;
}

/* The outputs of the node are those values. */
static fv_status pass_on(fv__importer *to, fv__onnx_node *node, int32_t k,
                         const char *name)
{
    fv__value *value = fv__onnx_named(to, name);
    if (!value) return fv_failed(to->context);
    if (fv__onnx_read_initializer(to, value) != FV_OK)
        return fv_failed(to->context);
    if (!value->made)
        return fv__onnx_refuse(to, node, "nothing makes its output \"%.100s\"",
                               name);
    if (value->refused) return FV_UNSUPPORTED;
    return fv__onnx_set(node, k, value);
}

/* Names that a branch makes are its own, whatever they mean outside. */
static void declare(fv__importer *to, const fv__onnx_graph *graph)
{
    fv__scope *outer = to->scope->outer;
    to->scope->outer = NULL;
    for (size_t i = 0; i < graph->n_initializer; i++)
        fv__onnx_named(to, text_of(graph->initializer[i]->name));
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
            fv__onnx_named(to, text_of(graph->node[i]->output[k]));
    to->scope->outer = outer;
}

fv_status fv__onnx_branch(fv__importer *to, fv__onnx_node *node,
                          const fv__onnx_graph *graph)
{
    if (too_deep(to, node)) return FV_UNSUPPORTED;
    if ((size_t)node->num_outputs > graph->n_output)
        return fv__onnx_refuse(to, node, "its graph has %zu outputs, not %d",
                               graph->n_output, node->num_outputs);
    fv__scope *former = fv__onnx_scope(to, to->scope);
    to->depth++;
    fv__onnx_node_message **nodes = NULL;
    if (fv__ok(to->context)) {
        declare(to, graph);
        nodes = fv__onnx_prepare(to, graph);
    }
    if (nodes)
        fv__onnx_nodes(to, graph->n_node, nodes, to->model->n_opset_import,
                       to->model->opset_import, node->caller);
    for (int32_t k = 0; k < node->num_outputs && fv__ok(to->context); k++)
        pass_on(to, node, k, text_of(graph->output[k]->name));
    to->depth--;
    to->scope = former;
    return fv_failed(to->context);
}

static const fv__onnx_function *find_function(const fv__importer *to,
                                              const fv__onnx_node *node)
{
    const fv__onnx_model *model = to->model;
    const char *domain = text_of(node->message->domain);
    for (size_t i = 0; i < model->n_functions; i++) {
        const fv__onnx_function *f = model->functions[i];
        if (strcmp(text_of(f->name), node->kind) == 0
            && strcmp(text_of(f->domain), domain) == 0)
            return f;
    }
    return NULL;
}

/* Names the operands of a call as the function does. */
static fv_status bind_inputs(fv__importer *to, const fv__onnx_function *f,
                             const fv__onnx_node *node)
{
    for (size_t i = 0; i < f->n_input; i++) {
        const fv__value *given =
            (int32_t)i < node->num_inputs ? node->inputs[i] : NULL;
        fv__value *value = fv__onnx_named(to, text_of(f->input[i]));
        if (!value) return fv_failed(to->context);
        if (!given) continue;
        fv__value *next = value->next;
        const char *name = value->name;
        const bool needed = value->needed;
        *value = *given;
        value->next = next;
        value->name = name;
        value->needed = needed;
    }
    return FV_OK;
}

static bool call(fv__importer *to, fv__onnx_node *node)
{
    const fv__onnx_function *f = find_function(to, node);
    if (!f) return false;
    if (too_deep(to, node)) return true;
    fv__scope *former = fv__onnx_scope(to, NULL);
    if (!fv__ok(to->context)) return true;
    to->depth++;
    for (size_t i = 0; i < f->n_output; i++) {
        fv__value *value = fv__onnx_named(to, text_of(f->output[i]));
        if (value)
            value->needed = (int32_t)i < node->num_outputs && node->outputs[i];
    }
    fv__onnx_node_message **nodes = prepare_nodes(to, f->n_node, f->node);
    if (nodes && bind_inputs(to, f, node) == FV_OK)
        fv__onnx_nodes(to, f->n_node, nodes, f->n_opset_import, f->opset_import,
                       node);
    for (int32_t k = 0; k < node->num_outputs && (size_t)k < f->n_output
                        && fv__ok(to->context);
         k++)
        if (node->outputs[k]) pass_on(to, node, k, text_of(f->output[k]));
    to->depth--;
    to->scope = former;
    return true;
}
