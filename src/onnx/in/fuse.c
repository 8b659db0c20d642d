/* Nodes that are read as one. Activations that exporters write as several: a
 * product is read as its factors and one number, however it is nested, and
 * compared with those of activations: x sigmoid(x) is SiLU, 0.5 x (1 + erf(x /
 * sqrt(2))) is GELU. The last node of a match becomes the layer; the others are
 * then read by nobody, unless somebody else needs them. */
#include "onnx/in/fuse.h"

#include <math.h>
#include <string.h>

enum { MOST_FACTORS = 4, DEEPEST = 4 };

typedef struct product {
    double number;
    int32_t count;
    const char *factors[MOST_FACTORS]; /* names of values */
} product;

/* ---- nodes by what they make -----------------------------------------------
 */

/* The node of that kind, with at least so many inputs, that makes the value. */
static const fv__onnx_node_message *made_by(fv__importer *to, const char *name,
                                            const char *kind, size_t inputs)
{
    const fv__onnx_node_message *m = maker_of(to, name);
    return is_kind(m, kind) && m->n_input >= inputs ? m : NULL;
}

/* Whether the value is one known number, and which. */
static bool number_of(fv__importer *to, const char *name, double *number)
{
    const fv__value *value = name && *name ? fv__onnx_named(to, name) : NULL;
    const fv__onnx_tensor *message = message_of(to, name);
    fv_tensor one;
    fv_dtype dtype;
    if (fv__onnx_number(value, number)) return true;
    if (!message || message->n_dims > FV_MAX_RANK
        || message->data_location
               == FV__ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL
        || !fv__onnx_dtype(to->context, message->data_type, &dtype))
        return false;
    for (size_t i = 0; i < message->n_dims; i++)
        if (message->dims[i] != 1) return false;
    if (fv__onnx_numbers(to, to->shown, message, &one) != FV_OK) return false;
    *number = fv__onnx_element(&one, 0);
    return true;
}

static bool is_number(fv__importer *to, const char *name, double expected)
{
    double number;
    return number_of(to, name, &number)
           && fabs(number - expected) <= 1e-6 * fabs(expected);
}

/* The other operand of a node one of whose two operands is that number. */
static const char *beside(fv__importer *to, const fv__onnx_node_message *m,
                          double number)
{
    for (int k = 0; m && k < 2; k++)
        if (is_number(to, m->input[k], number)) return m->input[1 - k];
    return NULL;
}

/* ---- products ---------------------------------------------------------------
 */

/* Multiplies by a value: a number, another product, or a factor. */
static bool multiply(fv__importer *to, const char *name, int32_t depth,
                     product *p)
{
    double number;
    if (number_of(to, name, &number)) {
        p->number *= number;
        return true;
    }
    const fv__onnx_node_message *m = made_by(to, name, "Mul", 2);
    if (m && depth < DEEPEST)
        return multiply(to, m->input[0], depth + 1, p)
               && multiply(to, m->input[1], depth + 1, p);
    m = made_by(to, name, "Div", 2);
    if (m && depth < DEEPEST && number_of(to, m->input[1], &number)
        && number != 0) {
        p->number /= number;
        return multiply(to, m->input[0], depth + 1, p);
    }
    if (p->count == MOST_FACTORS) return false;
    p->factors[p->count++] = name;
    return true;
}

static bool is_about(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fabs(b);
}

/* ---- activations
 * -------------------------------------------------------------
 */

/* min(max(x + 3, 0), 6): x, or NULL. */
static const char *of_relu6_of_3(fv__importer *to, const char *name)
{
    const fv__onnx_node_message *clip = made_by(to, name, "Clip", 1);
    if (!clip) return NULL;
    double low = -1, high = -1;
    for (size_t i = 0; i < clip->n_attribute; i++) {
        const fv__onnx_attribute *a = clip->attribute[i];
        if (same(a->name, "min")) low = (double)a->f;
        if (same(a->name, "max")) high = (double)a->f;
    }
    if (clip->n_input > 2
        && (!number_of(to, clip->input[1], &low)
            || !number_of(to, clip->input[2], &high)))
        return NULL;
    if (low != 0 || high != 6) return NULL;
    return beside(to, made_by(to, clip->input[0], "Add", 2), 3);
}

/* 1 + erf(x / sqrt(2)): x, or NULL. */
static const char *of_erf(fv__importer *to, const char *name)
{
    const char *inner = beside(to, made_by(to, name, "Add", 2), 1);
    const fv__onnx_node_message *erf = made_by(to, inner, "Erf", 1);
    product p = { .number = 1 };
    return erf && multiply(to, erf->input[0], 0, &p) && p.count == 1
                   && is_about(p.number, sqrt(0.5))
               ? p.factors[0]
               : NULL;
}

/* hard_sigmoid(x) = max(0, min(1, x / 6 + 0.5)): x, or NULL. */
static const char *of_hard_sigmoid(fv__importer *to, const char *name)
{
    const fv__onnx_node_message *m = made_by(to, name, "HardSigmoid", 1);
    double alpha = 0.2;
    for (size_t i = 0; m && i < m->n_attribute; i++) {
        if (same(m->attribute[i]->name, "alpha"))
            alpha = (double)m->attribute[i]->f;
        if (same(m->attribute[i]->name, "beta") && m->attribute[i]->f != 0.5F)
            return NULL;
    }
    return m && is_about(alpha, 1.0 / 6) ? m->input[0] : NULL;
}

static const char *of_sigmoid(fv__importer *to, const char *name)
{
    const fv__onnx_node_message *m = made_by(to, name, "Sigmoid", 1);
    return m ? m->input[0] : NULL;
}

/* tanh(softplus(x)): x, or NULL. */
static const char *of_tanh_softplus(fv__importer *to, const char *name)
{
    const fv__onnx_node_message *m = made_by(to, name, "Tanh", 1);
    m = m ? made_by(to, m->input[0], "Softplus", 1) : NULL;
    return m ? m->input[0] : NULL;
}

/* `number` x f(x) is the activation, a kind of layer; without x, `number` f(x).
 */
static const struct {
    const char *kind;
    double number;
    bool times_x;
    const char *(*function)(fv__importer *to, const char *name);
} activations[] = {
    { "silu", 1, true, of_sigmoid },
    { "hard_swish", 1, true, of_hard_sigmoid },
    { "hard_swish", 1.0 / 6, true, of_relu6_of_3 },
    { "hard_sigmoid", 1.0 / 6, false, of_relu6_of_3 },
    { "gelu", 0.5, true, of_erf },
    { "mish", 1, true, of_tanh_softplus },
};

/* The activation that a product is, and of what; NULL: it is none. */
static const char *match(fv__importer *to, const product *p, size_t *which)
{
    for (*which = 0; *which < sizeof activations / sizeof *activations;
         ++*which) {
        const bool times_x = activations[*which].times_x;
        if (p->count != 1 + times_x
            || !is_about(p->number, activations[*which].number))
            continue;
        for (int k = 0; k < p->count; k++) {
            const char *x = activations[*which].function(to, p->factors[k]);
            if (x && (!times_x || same(x, p->factors[1 - k]))) return x;
        }
    }
    return NULL;
}

/* ---- the graph
 * ------------------------------------------------------------------
 */

static fv_status count_readers(fv__importer *to, size_t count,
                               fv__onnx_node_message *const nodes[]);

/* The values that a graph within a node reads, which it may make itself. */
static fv_status count_readers_in(fv__importer *to, const fv__onnx_graph *graph)
{
    if (!graph) return FV_OK;
    for (size_t i = 0; i < graph->n_output; i++) {
        const char *name = graph->output[i]->name;
        fv__value *value = fv__onnx_named(to, name ? name : "");
        if (!value) return fv_failed(to->context);
        value->readers++;
    }
    return count_readers(to, graph->n_node, graph->node);
}

static fv_status count_readers(fv__importer *to, size_t count,
                               fv__onnx_node_message *const nodes[])
{
    for (size_t i = 0; i < count; i++) {
        const fv__onnx_node_message *m = nodes[i];
        for (size_t k = 0; k < m->n_input; k++) {
            const char *name = m->input[k];
            fv__value *value = fv__onnx_named(to, name ? name : "");
            if (!value) return fv_failed(to->context);
            value->readers++;
        }
        for (size_t k = 0; k < m->n_attribute; k++) {
            const fv__onnx_attribute *a = m->attribute[k];
            if (count_readers_in(to, a->g) != FV_OK) break;
            for (size_t g = 0; g < a->n_graphs; g++)
                if (count_readers_in(to, a->graphs[g]) != FV_OK) break;
        }
    }
    return fv_failed(to->context);
}

/* Notes who makes and who reads each value. */
static fv_status remember(fv__importer *to, size_t count,
                          fv__onnx_node_message *const nodes[])
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < nodes[i]->n_output; k++) {
            const char *name = nodes[i]->output[k];
            fv__value *value = fv__onnx_named(to, name ? name : "");
            if (!value) return fv_failed(to->context);
            value->maker = nodes[i];
        }
    return count_readers(to, count, nodes);
}

/* The node as an activation of one value. */
static fv__onnx_node_message *replaced(fv__importer *to,
                                       const fv__onnx_node_message *m,
                                       size_t which, const char *x)
{
    fv__onnx_node_message *copy = fv__onnx_allocate(to, sizeof *copy);
    char **input = fv__onnx_allocate(to, sizeof *input);
    if (!copy || !input) return NULL;
    *copy = *m;
    *input = (char *)(uintptr_t)x;
    copy->op_type = (char *)(uintptr_t)activations[which].kind;
    copy->domain = (char *)(uintptr_t)fv__onnx_own;
    copy->n_input = 1;
    copy->input = input;
    copy->n_attribute = 0;
    return copy;
}

/* Whether the node computes one value from two. */
static bool is_pair(const fv__onnx_node_message *m)
{
    return m->n_output == 1 && m->n_input == 2
           && (is_kind(m, "Mul") || is_kind(m, "Div") || is_kind(m, "Add")
               || is_kind(m, "Sub"));
}

/* The node as an activation; NULL: it is none, or a failure. */
static fv__onnx_node_message *as_activation(fv__importer *to,
                                            const fv__onnx_node_message *m)
{
    product p = { .number = 1 };
    size_t which;
    if (!is_kind(m, "Mul") && !is_kind(m, "Div")) return NULL;
    const char *x =
        multiply(to, m->output[0], 0, &p) ? match(to, &p, &which) : NULL;
    return x ? replaced(to, m, which, x) : NULL;
}

fv__onnx_node_message **fv__onnx_fuse(fv__importer *to, size_t count,
                                      fv__onnx_node_message *const nodes[])
{
    fv__onnx_node_message **fused =
        fv__onnx_allocate(to, (count + 1) * sizeof(void *));
    if (!fused || remember(to, count, nodes) != FV_OK) return NULL;
    for (size_t i = count; i-- > 0 && fv__ok(to->context);) {
        fv__onnx_node_message *m = nodes[i];
        fv__onnx_node_message *one = is_pair(m) ? as_activation(to, m) : NULL;
        if (!one && is_pair(m)) one = fv__onnx_scaled(to, m);
        fused[i] = one ? one : m;
    }
    return fv__ok(to->context) ? fused : NULL;
}
