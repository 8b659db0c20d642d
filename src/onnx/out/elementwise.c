/* Operators on one element, or on one of each operand: operands are in any one
 * order of their axes. */
#include "onnx/out/out.h"
#include "op/attributes.h"

#include <math.h>

/* An order that the operands with as many axes as the result can have: that of
 * the first which is computed, unless channels of another come first. */
static void common_order(fv__out *out, int32_t rank, int32_t order[])
{
    const fv__node *node = out->node;
    bool found = false;
    fv__out_same(rank, order);
    for (int32_t k = 0; k < node->num_inputs; k++) {
        if (node->inputs[k]->value.rank != rank
            || fv__out_known(out, node->inputs[k]))
            continue;
        const fv__out_form *form = fv__out_form_of(out, node->inputs[k]);
        if (!form || (found && form->order[rank - 1] == rank - 1)) continue;
        for (int32_t i = 0; i < rank; i++) order[i] = form->order[i];
        found = true;
        if (rank && order[rank - 1] != rank - 1) return;
    }
}

/* Operand k in the order of a result of that rank. */
static fv__out_value *operand(fv__out *out, int32_t k, int32_t rank,
                              const int32_t order[])
{
    return fv__out_read(out, out->node->inputs[k], rank, order);
}

static void apply(fv__out *out, const char *type)
{
    const int32_t count = out->node->num_inputs;
    const int32_t rank = out->node->outputs[0]->value.rank;
    int32_t order[FV_MAX_RANK];
    fv__out_value *operands[3] = { NULL };
    common_order(out, rank, order);
    for (int32_t k = 0; k < count && k < 3; k++)
        operands[k] = operand(out, k, rank, order);
    fv__out_set(out, 0, fv__out_node_of(out, type, count, operands), order);
}

fv__out_emit fv__out_unary, fv__out_binary, fv__out_numbers, fv__out_quotient,
    fv__out_mod, fv__out_clip, fv__out_compare, fv__out_logic, fv__out_cast;

void fv__out_unary(fv__out *out) { apply(out, out->node->op->onnx); }

void fv__out_binary(fv__out *out) { apply(out, out->node->op->onnx); }

/* Output 0 is the opposite of the value that it has. */
static void negate(fv__out *out)
{
    fv__out_entry *entry = fv__out_entry_of(out, out->node->outputs[0]);
    if (!entry || !entry->forms) return;
    fv__out_value *opposite = entry->forms->value;
    entry->forms->value = FV__OUT_NODE(out, "Not", opposite);
    if (!entry->forms->value || !entry->stem) return;
    entry->forms->value->ending = NULL;
    opposite->ending = "opposite";
}

void fv__out_compare(fv__out *out)
{
    static const char *const types[] = { "Equal", "Equal", "Less",
                                         "LessOrEqual" };
    const fv__compare *a = out->node->attributes;
    apply(out, types[a->relation]);
    if (a->relation == FV__NOT_EQUAL) negate(out);
}

void fv__out_logic(fv__out *out)
{
    static const char *const types[] = { "And", "Or", "Xor", "Or" };
    const fv__logic *a = out->node->attributes;
    if (a->connective == FV__NOR && out->node->num_inputs == 1) {
        apply(out, "Not");
        return;
    }
    apply(out, types[a->connective]);
    if (a->connective == FV__NOR) negate(out);
}

void fv__out_cast(fv__out *out)
{
    apply(out, "Cast");
    fv__out_int(out, "to", fv__out_type(out->node->outputs[0]->value.dtype));
}

/* p x + q, x^p and p / x */
void fv__out_numbers(fv__out *out)
{
    const fv__unary_operator *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form), *y = x;
    const double p = a->p, q = a->q;
    if (a->f == FV__POWER) {
        y = FV__OUT_NODE(out, "Pow", x, fv__out_number(out, "exponent", p));
    } else if (a->f == FV__RECIPROCAL) {
        y = p == 1
                ? FV__OUT_NODE(out, "Reciprocal", x)
                : FV__OUT_NODE(out, "Div", fv__out_number(out, "number", p), x);
    } else if (p == -1) {
        y = FV__OUT_NODE(out, "Sub", fv__out_number(out, "number", q), x);
    } else {
        if (p != 1 || q == 0)
            y = FV__OUT_NODE(out, "Mul", x, fv__out_number(out, "factor", p));
        if (q != 0)
            y = FV__OUT_NODE(out, "Add", y, fv__out_number(out, "number", q));
    }
    fv__out_set(out, 0, y, form->order);
}

void fv__out_quotient(fv__out *out)
{
    const fv__quotient *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_set(
        out, 0,
        FV__OUT_NODE(out, "Div", x, fv__out_number(out, "number", a->divisor)),
        form->order);
}

/* The remainder has the sign of the dividend, or that of the divisor, which
 * ONNX has for whole numbers alone. */
void fv__out_mod(fv__out *out)
{
    const fv__binary_operator *a = out->node->attributes;
    const int32_t rank = out->node->outputs[0]->value.rank;
    int32_t order[FV_MAX_RANK];
    if (a->f == FV__FMOD
        || !fv__dtype_is_real(out->node->outputs[0]->value.dtype)) {
        apply(out, "Mod");
        fv__out_int(out, "fmod", a->f == FV__FMOD);
        return;
    }
    common_order(out, rank, order);
    fv__out_value *x = operand(out, 0, rank, order);
    fv__out_value *y = operand(out, 1, rank, order);
    fv__out_value *times =
        FV__OUT_NODE(out, "Floor", FV__OUT_NODE(out, "Div", x, y));
    fv__out_set(out, 0,
                FV__OUT_NODE(out, "Sub", x, FV__OUT_NODE(out, "Mul", times, y)),
                order);
}

void fv__out_clip(fv__out *out)
{
    const fv__unary_operator *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    fv__out_value *low = isinf(a->p) ? NULL : fv__out_number(out, "min", a->p);
    fv__out_value *high = isinf(a->q) ? NULL : fv__out_number(out, "max", a->q);
    fv__out_set(out, 0, FV__OUT_NODE(out, "Clip", x, low, high), form->order);
}
