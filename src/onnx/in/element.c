/* Functions of one element. */
#include "onnx/in/operators.h"

#include <float.h>
#include <string.h>

/* One line of one input, whose order stays. */
static fv_status elementwise(fv__importer *to, fv__onnx_node *node,
                             const char *options)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0, fv__onnx_map(to, node, x, "%s", options));
}

/* ---- operators of a layer without options ---------------------------------
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

static fv_status softplus(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, "softplus");
}

static fv_status reciprocal(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, "reciprocal");
}

static fv_status logical_not(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, "not");
}

static fv_status gelu(fv__importer *to, fv__onnx_node *node)
{
    static const char *const forms[][2] = { { "none", "gelu" },
                                            { "tanh", "gelu approximate=tanh" },
                                            { NULL, NULL } };
    const char *form = fv__onnx_word(to, node, "approximate", "none", forms);
    return form ? elementwise(to, node, form) : FV_UNSUPPORTED;
}

const char fv__onnx_own[] = "fovea";

/* A node that stands for several: its kind is that of a layer. */
static fv_status activation(fv__importer *to, fv__onnx_node *node)
{
    return elementwise(to, node, node->kind);
}

static fv_status identity(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_operand(node, 0);
    if (!x) return fv__onnx_refuse(to, node, "input 1 is left out");
    return fv__onnx_set(node, 0, x);
}

/* ---- functions with numbers ------------------------------------------------
 */

/* An attribute as text; it is an f32. */
static const char *text_of(const fv__onnx_node *node, const char *attribute,
                           double fallback, char text[FV__NUMBER_BYTES])
{
    return fv__number_text_f32((float)fv__onnx_float(node, attribute, fallback),
                               text);
}

/* "elu 1", of an attribute and its default */
static fv_status with_number(fv__importer *to, fv__onnx_node *node,
                             const char *kind, double fallback)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    char number[FV__NUMBER_BYTES];
    if (!x) return FV_UNSUPPORTED;
    fv__value *y = fv__onnx_map(to, node, x, "%s %s", kind,
                                text_of(node, "alpha", fallback, number));
    return fv__onnx_set(node, 0, y);
}

static fv_status leaky_relu(fv__importer *to, fv__onnx_node *node)
{
    return with_number(to, node, "leaky_relu", 0.01);
}

static fv_status elu(fv__importer *to, fv__onnx_node *node)
{
    return with_number(to, node, "elu", 1);
}

static fv_status celu(fv__importer *to, fv__onnx_node *node)
{
    return with_number(to, node, "celu", 1);
}

static fv_status selu(fv__importer *to, fv__onnx_node *node)
{
    const double alpha = 1.67326319217681884765625;
    const double gamma = 1.05070102214813232421875;
    char number[FV__NUMBER_BYTES];
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    if ((float)fv__onnx_float(node, "alpha", alpha) == (float)alpha
        && (float)fv__onnx_float(node, "gamma", gamma) == (float)gamma)
        return elementwise(to, node, "selu");
    fv__value *y = fv__onnx_map(to, node, x, "elu %s",
                                text_of(node, "alpha", alpha, number));
    y = fv__onnx_map(to, node, y, "mul %s",
                     text_of(node, "gamma", gamma, number));
    return fv__onnx_set(node, 0, y);
}

/* min(max(alpha x + beta, 0), 1); with 1/6 and 1/2 it is a layer. */
static fv_status hard_sigmoid(fv__importer *to, fv__onnx_node *node)
{
    char number[FV__NUMBER_BYTES];
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    if ((float)fv__onnx_float(node, "alpha", 0.2) == (float)(1 / 6.)
        && fv__onnx_float(node, "beta", 0.5) == 0.5)
        return elementwise(to, node, "hard_sigmoid");
    fv__value *y = fv__onnx_map(to, node, x, "mul %s",
                                text_of(node, "alpha", 0.2, number));
    if (fv__onnx_float(node, "beta", 0.5) != 0)
        y = fv__onnx_map(to, node, y, "add %s",
                         text_of(node, "beta", 0.5, number));
    y = fv__onnx_map(to, node, y, "clip low=0 high=1");
    return fv__onnx_set(node, 0, y);
}

/* x where x > alpha, else 0 */
static fv_status thresholded_relu(fv__importer *to, fv__onnx_node *node)
{
    char number[FV__NUMBER_BYTES];
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    fv__value *above = fv__onnx_map(to, node, x, "greater %s",
                                    text_of(node, "alpha", 1, number));
    fv__value *zero = fv__onnx_scalar(to, fv__onnx_type_of(to, x), 0);
    return fv__onnx_set(node, 0, fv__onnx_where(to, node, above, x, zero));
}

/* x - bias where x > lambd, x + bias where x < -lambd, else 0 */
static fv_status shrink(fv__importer *to, fv__onnx_node *node)
{
    const double limit = fv__onnx_float(node, "lambd", 0.5);
    const double bias = fv__onnx_float(node, "bias", 0);
    char text[FV__NUMBER_BYTES];
    fv__value *x = fv__onnx_input(to, node, 0), *y;
    if (!x) return FV_UNSUPPORTED;
    const fv_dtype type = fv__onnx_type_of(to, x);
    y = fv__onnx_cast(to, node, x, to->context->dtype);
    fv__value *above = fv__onnx_map(to, node, y, "greater %s",
                                    fv__number_text_f32((float)limit, text));
    fv__value *below = fv__onnx_map(to, node, y, "less %s",
                                    fv__number_text_f32((float)-limit, text));
    fv__value *minus = y, *plus = y;
    if (bias != 0) {
        fv__number_text_f32((float)bias, text);
        minus = fv__onnx_map(to, node, y, "sub %s", text);
        plus = fv__onnx_map(to, node, y, "add %s", text);
    }
    fv__value *zero = fv__onnx_scalar(to, to->context->dtype, 0);
    y = fv__onnx_where(to, node, above, minus,
                       fv__onnx_where(to, node, below, plus, zero));
    return fv__onnx_set(node, 0, fv__onnx_cast(to, node, y, type));
}

static fv_status is_infinite(fv__importer *to, fv__onnx_node *node)
{
    const bool positive = fv__onnx_int(node, "detect_positive", 1) != 0;
    const bool negative = fv__onnx_int(node, "detect_negative", 1) != 0;
    const bool single = to->context->dtype == FV_F32;
    fv__value *x = fv__onnx_input(to, node, 0), *y = x;
    char most[FV__NUMBER_BYTES];
    if (!x) return FV_UNSUPPORTED;
    if (!fv__dtype_is_real(fv__onnx_type_of(to, x)))
        return fv__onnx_refuse(to, node, "whole numbers are not infinite");
    fv__number_text(single ? (double)FLT_MAX : DBL_MAX, most);
    if (positive && negative) y = fv__onnx_map(to, node, x, "abs");
    if (positive)
        y = fv__onnx_map(to, node, y, "greater %s", most);
    else if (negative)
        y = fv__onnx_map(to, node, x, "less -%s", most);
    else /* never */
        y = fv__onnx_two(to, node, "less", x, x);
    return fv__onnx_set(node, 0, y);
}

const fv__onnx_operator fv__onnx_elements[] = {
    { "LeakyRelu", leaky_relu, NULL },
    { "Elu", elu, NULL },
    { "silu", activation, fv__onnx_own },
    { "hard_swish", activation, fv__onnx_own },
    { "hard_sigmoid", activation, fv__onnx_own },
    { "gelu", activation, fv__onnx_own },
    { "mish", activation, fv__onnx_own },
    { "Celu", celu, NULL },
    { "Selu", selu, NULL },
    { "Softplus", softplus, NULL },
    { "Reciprocal", reciprocal, NULL },
    { "Gelu", gelu, NULL },
    { "HardSigmoid", hard_sigmoid, NULL },
    { "ThresholdedRelu", thresholded_relu, NULL },
    { "Shrink", shrink, NULL },
    { "IsInf", is_infinite, NULL },
    { "Not", logical_not, NULL },
    { "Identity", identity, NULL },
    { NULL, NULL, NULL },
};
