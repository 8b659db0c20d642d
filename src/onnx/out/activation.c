/* Activations: one node where the operator set has it, else what they are
 * defined as. */
#include "onnx/out/out.h"

#include <math.h>

fv__out_emit fv__out_scaled, fv__out_selu, fv__out_gelu, fv__out_hard_sigmoid,
    fv__out_hard_swish, fv__out_mish, fv__out_silu, fv__out_softplus,
    fv__out_softmax;

static const fv__unary_operator *function_of(const fv__out *out)
{
    return out->node->attributes;
}

/* Celu, Elu and LeakyRelu */
void fv__out_scaled(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_value *y = FV__OUT_NODE(out, out->node->op->onnx, x);
    fv__out_float(out, "alpha", function_of(out)->p);
    fv__out_set(out, 0, y, form->order);
}

void fv__out_selu(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_set(out, 0, FV__OUT_NODE(out, "Selu", x), form->order);
}

static fv__out_value *hard_sigmoid(fv__out *out, fv__out_value *x)
{
    fv__out_value *y = FV__OUT_NODE(out, "HardSigmoid", x);
    fv__out_float(out, "alpha", 1.0 / 6);
    fv__out_float(out, "beta", 0.5);
    return y;
}

void fv__out_hard_sigmoid(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_set(out, 0, hard_sigmoid(out, x), form->order);
}

void fv__out_hard_swish(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_set(out, 0,
                out->opset >= 14
                    ? FV__OUT_NODE(out, "HardSwish", x)
                    : FV__OUT_NODE(out, "Mul", x, hard_sigmoid(out, x)),
                form->order);
}

void fv__out_mish(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_value *y =
        out->opset >= 18
            ? FV__OUT_NODE(out, "Mish", x)
            : FV__OUT_NODE(
                out, "Mul", x,
                FV__OUT_NODE(out, "Tanh", FV__OUT_NODE(out, "Softplus", x)));
    fv__out_set(out, 0, y, form->order);
}

void fv__out_silu(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_set(out, 0,
                FV__OUT_NODE(out, "Mul", x, FV__OUT_NODE(out, "Sigmoid", x)),
                form->order);
}

/* x (1 + erf(x / sqrt(2))) / 2 or x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
 * / 2 */
static fv__out_value *gelu(fv__out *out, fv__out_value *x, bool by_tanh)
{
    fv__out_value *inner = x;
    if (by_tanh) {
        inner = FV__OUT_NODE(out, "Pow", x, fv__out_number(out, "three", 3));
        inner = FV__OUT_NODE(out, "Mul", inner,
                             fv__out_number(out, "cubic", 0.044715));
        inner = FV__OUT_NODE(out, "Add", x, inner);
    }
    const double factor = sqrt(by_tanh ? 2 / 3.14159265358979323846 : 0.5);
    inner =
        FV__OUT_NODE(out, "Mul", inner, fv__out_number(out, "factor", factor));
    inner = FV__OUT_NODE(out, by_tanh ? "Tanh" : "Erf", inner);
    inner = FV__OUT_NODE(out, "Add", inner, fv__out_number(out, "one", 1));
    x = FV__OUT_NODE(out, "Mul", x, inner);
    return FV__OUT_NODE(out, "Mul", x, fv__out_number(out, "half", 0.5));
}

void fv__out_gelu(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form), *y;
    const bool by_tanh = function_of(out)->f == FV__GELU_TANH;
    if (out->opset >= 20) {
        y = FV__OUT_NODE(out, "Gelu", x);
        fv__out_word(out, "approximate", by_tanh ? "tanh" : "none");
    } else {
        y = gelu(out, x, by_tanh);
    }
    fv__out_set(out, 0, y, form->order);
}

/* Above the threshold x stands for it; from 20 on the two are the same in f32.
 */
void fv__out_softplus(fv__out *out)
{
    enum { SAME = 20 };
    const double beta = function_of(out)->p, threshold = function_of(out)->q;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form), *inner = x, *y;
    if (beta != 1)
        inner = FV__OUT_NODE(out, "Mul", x, fv__out_number(out, "beta", beta));
    y = FV__OUT_NODE(out, "Softplus", inner);
    if (beta != 1)
        y = FV__OUT_NODE(out, "Div", y, fv__out_number(out, "beta", beta));
    if (threshold < SAME)
        y = FV__OUT_NODE(
            out, "Where",
            FV__OUT_NODE(out, "Greater", inner,
                         fv__out_number(out, "threshold", threshold)),
            x, y);
    fv__out_set(out, 0, y, form->order);
}

/* Softmax and LogSoftmax along the last axis */
void fv__out_softmax(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_value *y = FV__OUT_NODE(out, out->node->op->onnx, x);
    fv__out_int(out, "axis", fv__out_at(form, form->rank - 1));
    fv__out_set(out, 0, y, form->order);
}
