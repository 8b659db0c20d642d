/* Gradients that are recorded as operations, so that they have gradients
 * themselves. */
#include "op/derivative.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- the way from the variables to the result ---------------------------- */

static void forget_variable(fv_variable *variable)
{
    variable->leads = false;
    variable->derivative = NULL;
}

/* Marks what depends on the variables asked for, among what was recorded up to
 * node `last`. */
static void mark(const fv__graph *graph, int32_t last, fv_variables at)
{
    for (int32_t i = 0; i <= last; i++) {
        const fv__node *node = graph->nodes[i];
        for (int32_t k = 0; k < node->num_inputs; k++)
            forget_variable(node->inputs[k]);
        for (int32_t k = 0; k < node->num_outputs; k++)
            forget_variable(node->outputs[k]);
    }
    for (int64_t i = 0; i < at.count; i++) {
        forget_variable(at.at[i]);
        at.at[i]->leads = true;
    }
    for (int32_t i = 0; i <= last; i++) {
        const fv__node *node = graph->nodes[i];
        bool leads = false;
        for (int32_t k = 0; k < node->num_inputs; k++)
            leads |= node->inputs[k]->leads && node->inputs[k]->requires_grad;
        for (int32_t k = 0; k < node->num_outputs; k++)
            node->outputs[k]->leads |= leads && node->outputs[k]->requires_grad;
    }
}

/* ---- the way back ---------------------------------------------------------
 */

/* Records the gradients of a node's inputs and adds them to what they have. */
static fv_status differentiate(fv__graph *graph, const fv__node *node)
{
    fv_context *context = graph->context;
    const size_t in = (size_t)node->num_inputs, out = (size_t)node->num_outputs;
    fv_variable **grads =
        fv__arena_allocate(&graph->arena, (in + out) * sizeof *grads);
    int32_t *wanted = fv__arena_allocate(&graph->arena, in * sizeof *wanted);
    if (!grads || !wanted) return fv_failed(context);
    bool any = false, arrives = false;
    for (size_t k = 0; k < in; k++) {
        const fv_variable *input = node->inputs[k];
        grads[k] = NULL;
        wanted[k] = input->leads && input->requires_grad;
        any |= wanted[k] != 0;
    }
    for (size_t k = 0; k < out; k++) {
        grads[in + k] = node->outputs[k]->derivative;
        arrives |= grads[in + k] != NULL;
    }
    if (!any || !arrives) return FV_OK;
    fv__differentiate *function = fv__differentiate_of(node->op);
    if (!function)
        return fv_fail(context, FV_MISUSE,
                       "gradients: the operation %s cannot be differentiated "
                       "twice",
                       node->op->name);
    function(&(fv_derivation){ .context = context,
                               .attributes = node->attributes,
                               .resolved = node->resolved,
                               .num_inputs = node->num_inputs,
                               .num_outputs = node->num_outputs,
                               .inputs = node->inputs,
                               .outputs = node->outputs,
                               .output_grads = grads + in,
                               .wanted = wanted,
                               .input_grads = grads });
    for (size_t k = 0; k < in && fv__ok(context); k++) {
        fv_variable *input = node->inputs[k];
        if (!wanted[k] || !grads[k]) continue;
        input->derivative =
            input->derivative ? fv_add(input->derivative, grads[k]) : grads[k];
    }
    return fv_failed(context);
}

/* ---- the functions --------------------------------------------------------
 */

/* A constant of the shape and type of a tensor. */
static fv_variable *filled(fv_context *context, const fv_tensor *like,
                           double number)
{
    const fv_tensor value = fv_tensor_of(&number, FV_F64, 0, NULL);
    return fv_broadcast(fv_constant(context, &value), like->rank, like->shape);
}

/* Whether variable number i of a list is there and has the shape and type of
 * its counterpart; otherwise records so. */
static bool alike(fv_context *context, const char *who, const char *what,
                  int64_t i, const fv_variable *is, const fv_variable *other)
{
    char number[24] = "", shape[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    if (!fv__ok(context)) return false;
    if (is && is->context == context && is->value.dtype == other->value.dtype
        && fv_tensor_same_shape(&is->value, &other->value))
        return true;
    if (i >= 0) snprintf(number, sizeof number, " %" PRId64, i);
    if (!is)
        fv_fail(context, FV_MISUSE, "%s: %s%s is NULL", who, what, number);
    else if (is->context != context)
        fv_fail(context, FV_MISUSE, "%s: %s%s belongs to another context", who,
                what, number);
    else
        fv_fail(context, FV_MISUSE, "%s: %s%s is %s %s, expected %s %s", who,
                what, number, fv_dtype_name(is->value.dtype),
                fv__shape_text(shape, sizeof shape, is->value.rank,
                               is->value.shape),
                fv_dtype_name(other->value.dtype),
                fv__shape_text(expected, sizeof expected, other->value.rank,
                               other->value.shape));
    return false;
}

/* Whether gradients with respect to the variables can be asked for. */
static fv_status check(const char *who, const fv_variable *y, fv_variables at)
{
    fv_context *context = y->context;
    fv_status status = fv__tape_check(who, y);
    for (int64_t i = 0; i < at.count && !status; i++) {
        const fv_variable *v = at.at[i];
        if (!v || v->context != context || !v->requires_grad)
            status = fv_fail(context, FV_MISUSE, "%s: variable %" PRId64 " %s",
                             who, i,
                             !v                      ? "is NULL"
                             : v->context != context ? "belongs to another "
                                                       "context"
                                                     : "requires no gradient");
    }
    return status;
}

fv_status fv_gradients(fv_variable *y, fv_variables at, fv_variable *seed,
                       fv_variable *out[])
{
    for (int64_t i = 0; i < at.count; i++) out[i] = NULL;
    if (!y) return FV_MISUSE;
    fv_context *context = y->context;
    fv_status status = check("gradients", y, at);
    if (status) return status;
    if (seed && !alike(context, "gradients", "the seed", -1, seed, y))
        return fv_failed(context);
    fv__graph *graph = &context->tape->graph;
    mark(graph, y->node, at);
    y->derivative = seed ? seed : filled(context, &y->value, 1);
    for (int32_t i = y->node; i >= 0 && !status; i--)
        status = differentiate(graph, graph->nodes[i]);
    for (int64_t i = 0; i < at.count && !status; i++) {
        const fv_variable *v = at.at[i];
        out[i] = v->derivative ? v->derivative : filled(context, &v->value, 0);
        status = fv_failed(context);
    }
    return status;
}

/* The sum of the products of gradients with tangents, whose derivative with
 * respect to the gradients' seed is wanted. */
static fv_variable *project(fv_variable *y, fv_variables at, fv_variable *seed,
                            fv_variable *const tangents[])
{
    fv_variable *total = NULL;
    fv_variable **grads = fv__arena_allocate(&y->context->tape->graph.arena,
                                             (size_t)at.count * sizeof(void *));
    if (!grads || fv_gradients(y, at, seed, grads)) return NULL;
    for (int64_t i = 0; i < at.count; i++) {
        fv_variable *grad = fv_sum(fv_mul(grads[i], tangents[i]));
        total = total ? fv_add(total, grad) : grad;
    }
    return total;
}

fv_variable *fv_jvp(fv_variable *y, fv_variables at,
                    fv_variable *const tangents[])
{
    fv_variable *result = NULL;
    if (!y || check("jvp", y, at)) return NULL;
    for (int64_t i = 0; i < at.count; i++)
        if (!alike(y->context, "jvp", "tangent", i, tangents[i], at.at[i]))
            return NULL;
    fv_variable *seed = filled(y->context, &y->value, 0);
    if (!seed) return NULL;
    seed->requires_grad = true;
    const int former = fv_no_grad(y->context, 0);
    fv_variable *total = project(y, at, seed, tangents);
    fv_no_grad(y->context, former);
    const fv_variables to = { 1, &seed };
    if (total && total->node >= 0)
        fv_gradients(total, to, NULL, &result);
    else if (fv__ok(y->context)) /* y depends on none of them */
        result = filled(y->context, &y->value, 0);
    seed->requires_grad = false; /* a constant from now on */
    return result;
}
