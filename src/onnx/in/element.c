/* Functions of one element and of several, broadcast. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

/* The value as a tensor in whatever order it is. */
static fv__value *any_order(fv__importer *to, fv__value *value)
{
    return value && value->flattened ? fv__onnx_plain(to, value) : value;
}

/* One line of one input, whose order stays. */
static fv_status elementwise(fv__importer *to, fv__onnx_node *node,
                             const char *options)
{
    fv__value *x = any_order(to, node->num_inputs ? node->inputs[0] : NULL);
    if (!x) return fv__onnx_refuse(to, node, "it has no input");
    return fv__onnx_set(node, 0, fv__onnx_line(to, node, 1, &x, "%s", options),
                        x->order);
}

/* ---- functions of one element ----------------------------------------------
 */

/* All operators; NULL ends them. */
extern const fv_operator *const fv__operators[];

/* The kind of layer that is this operator and no more. */
static const char *kind_of(const char *kind)
{
    for (const fv_operator *const *op = fv__operators; *op; op++) {
        if (!(*op)->onnx || strcmp((*op)->onnx, kind) != 0) continue;
        const fv__layer_type *type =
            fv__layer_type_find((*op)->name, strlen((*op)->name));
        if (type && type->max_inputs == 1 && !type->fields && !type->declare)
            return type->kind;
    }
    return NULL;
}

static fv_status unary(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, kind_of(node->kind));
}

fv__translate *fv__onnx_unary(const char *kind)
{
    return kind_of(kind) ? unary : NULL;
}

/* "elu alpha=1", of an attribute and its default */
static fv_status with_number(fv__importer *to, fv__onnx_node *node,
                             const char *kind, const char *key,
                             const char *attribute, double fallback)
{
    char options[96], number[FV__NUMBER_BYTES];
    snprintf(options, sizeof options, "%s %s=%s", kind, key,
             fv__number_text_f32(
                 (float)fv__onnx_float(node, attribute, fallback), number));
    return elementwise(to, node, options);
}

static fv_status leaky_relu(fv__importer *to, fv__onnx_node *node)
{
    return with_number(to, node, "leaky_relu", "slope", "alpha", 0.01);
}

static fv_status elu(fv__importer *to, fv__onnx_node *node)
{
    return with_number(to, node, "elu", "alpha", "alpha", 1);
}

const char fv__onnx_own[] = "fovea";

/* A node that stands for several: its kind is that of a layer. */
static fv_status activation(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, node->kind);
}

static fv_status identity(fv__importer *to, fv__onnx_node *node)
{
    (void)to;
    fv__value *x = node->num_inputs ? node->inputs[0] : NULL;
    return fv__onnx_set(node, 0, x, x ? x->order : fv__order_plain());
}

/* ---- functions of several, broadcast ---------------------------------------
 */

static fv_status broadcast(fv__importer *to, fv__onnx_node *node,
                           const char *kind)
{
    fv__value *values[FV__MAX_INPUTS];
    fv__order order;
    if (node->num_inputs < 1 || node->num_inputs > FV__MAX_INPUTS)
        return fv__onnx_refuse(to, node, "%d inputs, at most %d are read",
                               node->num_inputs, FV__MAX_INPUTS);
    for (int32_t k = 0; k < node->num_inputs; k++)
        if (!(values[k] = node->inputs[k]))
            return fv__onnx_refuse(to, node, "input %d is left out", k + 1);
    if (fv__onnx_align(to, node->num_inputs, values, &order) < 0)
        return FV_UNSUPPORTED;
    fv__value *y =
        fv__onnx_line(to, node, node->num_inputs, values, "%s", kind);
    return fv__onnx_set(node, 0, y, order);
}

#define BROADCAST(function, kind)                                              \
    static fv_status function(fv__importer *to, fv__onnx_node *node)           \
    {                                                                          \
        return broadcast(to, node, kind);                                      \
    }
BROADCAST(add, "add")
BROADCAST(sub, "sub")
BROADCAST(mul, "mul")
BROADCAST(divide, "div")

const fv__onnx_operator fv__onnx_elements[] = {
    { "LeakyRelu", leaky_relu, NULL },
    { "Elu", elu, NULL },
    { "silu", activation, fv__onnx_own },
    { "hard_swish", activation, fv__onnx_own },
    { "hard_sigmoid", activation, fv__onnx_own },
    { "gelu", activation, fv__onnx_own },
    { "mish", activation, fv__onnx_own },
    { "Identity", identity, NULL },
    { "Add", add, NULL },
    { "Sum", add, NULL },
    { "Sub", sub, NULL },
    { "Mul", mul, NULL },
    { "Div", divide, NULL },
    { NULL, NULL, NULL },
};
