/* Reductions, and what else works along one axis. */
#include "onnx/out/out.h"
#include "op/attributes.h"

#include <string.h>

fv__out_emit fv__out_reduction, fv__out_reduce_whole, fv__out_arg_extreme,
    fv__out_top_k, fv__out_cumulative_sum;

/* Which axes of the tensor are reduced. */
static void find_reduced(const fv__reduction *a, int32_t rank,
                         bool reduced[FV_MAX_RANK])
{
    for (int32_t i = 0; i < rank; i++) reduced[i] = !a->count;
    for (int32_t i = 0; i < a->count; i++) {
        const int32_t axis = a->axes[i];
        reduced[axis < 0 ? axis + rank : axis] = true;
    }
}

/* The order of the result, whose axes are those that stay. */
static void kept_order(const fv__reduction *a, const fv__out_form *form,
                       int32_t order[FV_MAX_RANK])
{
    bool reduced[FV_MAX_RANK];
    int32_t count = 0, axis[FV_MAX_RANK], number = 0;
    find_reduced(a, form->rank, reduced);
    for (int32_t i = 0; i < form->rank; i++)
        axis[i] = a->keep ? i : reduced[i] ? -1 : number++;
    for (int32_t i = 0; i < form->rank; i++)
        if (axis[form->order[i]] >= 0) order[count++] = axis[form->order[i]];
}

static void reduce(fv__out *out, const char *type, const fv__reduction *a)
{
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    int64_t axes[FV_MAX_RANK], count = 0;
    int32_t order[FV_MAX_RANK];
    bool reduced[FV_MAX_RANK];
    find_reduced(a, form->rank, reduced);
    for (int32_t i = 0; i < form->rank; i++)
        if (reduced[form->order[i]]) axes[count++] = i;
    kept_order(a, form, order);
    if (!form->rank) {
        fv__out_pass(out);
        return;
    }
    fv__out_set(out, 0, fv__out_reduce(out, type, x, count, axes, a->keep != 0),
                order);
}

void fv__out_reduction(fv__out *out)
{
    reduce(out, out->node->op->onnx, out->node->attributes);
}

void fv__out_reduce_whole(fv__out *out)
{
    const fv__whole_reduction *a = out->node->attributes;
    reduce(out,
           a->kind == FV_REDUCE_SUM    ? "ReduceSum"
           : a->kind == FV_REDUCE_PROD ? "ReduceProd"
           : a->kind == FV_REDUCE_MAX  ? "ReduceMax"
                                       : "ReduceMin",
           &a->reduction);
}

void fv__out_arg_extreme(fv__out *out)
{
    const fv__arg_extreme *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    int32_t order[FV_MAX_RANK], axis = a->reduction.axes[0];
    if (axis < 0) axis += form->rank;
    kept_order(&a->reduction, form, order);
    fv__out_value *y = FV__OUT_NODE(out, a->largest ? "ArgMax" : "ArgMin", x);
    fv__out_int(out, "axis", fv__out_at(form, axis));
    fv__out_int(out, "keepdims", a->reduction.keep != 0);
    fv__out_set(out, 0, y, order);
}

void fv__out_top_k(fv__out *out)
{
    const fv__top_k *a = out->node->attributes, *b = out->twin->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    const int32_t axis = a->axis < 0 ? a->axis + form->rank : a->axis;
    if (a->k != b->k)
        fv__out_refuse(out, "k depends on the batch or on open sizes");
    fv__out_value *values =
        FV__OUT_NODE(out, "TopK", x, fv__out_wholes(out, "k", 1, &a->k));
    fv__out_int(out, "axis", fv__out_at(form, axis));
    fv__out_int(out, "largest", !a->smallest);
    fv__out_set(out, 0, values, form->order);
    fv__out_set(out, 1, fv__out_more(out), form->order);
}

void fv__out_cumulative_sum(fv__out *out)
{
    const fv__cumulative *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    const int32_t axis = a->axis < 0 ? a->axis + form->rank : a->axis;
    fv__out_value *y = FV__OUT_NODE(
        out, "CumSum", x, fv__out_whole(out, "axis", fv__out_at(form, axis)));
    fv__out_int(out, "exclusive", a->exclusive);
    fv__out_int(out, "reverse", a->reverse);
    fv__out_set(out, 0, y, form->order);
}
