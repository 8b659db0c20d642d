/* Constants, branches that are known, and what does nothing in evaluation. */
#include "onnx/in/operators.h"

#include <string.h>

static fv_status constant(fv__importer *to, fv__onnx_node *node)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, "value");
    fv_tensor numbers;
    if (a && a->t) {
        if (fv__onnx_numbers(to, node->name, a->t, &numbers) != FV_OK)
            return fv_failed(to->context);
        return fv__onnx_set(node, 0, fv__onnx_known(to, &numbers));
    }
    const fv__onnx_attribute *i = fv__onnx_find(node, "value_int");
    const fv__onnx_attribute *is = fv__onnx_find(node, "value_ints");
    const fv__onnx_attribute *f = fv__onnx_find(node, "value_float");
    const fv__onnx_attribute *fs = fv__onnx_find(node, "value_floats");
    if (!i && !is && !f && !fs)
        return fv__onnx_refuse(to, node, "its value is no tensor of numbers");
    const bool whole = i || is;
    const int64_t count = (int64_t)(is ? is->n_ints : fs ? fs->n_floats : 1);
    numbers = fv__onnx_tensor_new(to, whole ? FV_I64 : to->context->dtype,
                                  is || fs ? 1 : 0, &count);
    if (numbers.rank < 0) return fv_failed(to->context);
    const void *from = i    ? (const void *)&i->i
                       : is ? (const void *)is->ints
                       : f  ? (const void *)&f->f
                            : (const void *)fs->floats;
    const fv_tensor given = fv_tensor_of(
        (void *)(uintptr_t)from, whole ? FV_I64 : FV_F32, numbers.rank, &count);
    if (count
        && fv__tensor_assign(to->context, node->name, &numbers, &given)
               != FV_OK)
        return fv_failed(to->context);
    return fv__onnx_set(node, 0, fv__onnx_known(to, &numbers));
}

/* In evaluation nothing is dropped; the mask, if it is asked for, is true. */
static fv_status dropout(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_operand(node, 0);
    if (!x) return fv__onnx_refuse(to, node, "it has no input");
    const fv__value *training = fv__onnx_operand(node, 2);
    if (training && !fv__onnx_all_zero(training))
        return fv__onnx_refuse(to, node, "training is not supported");
    if (fv__onnx_wanted(node, 1)) {
        x = fv__onnx_plain(to, x);
        fv__value *same[] = { x, x };
        fv__onnx_set(node, 1, fv__onnx_line(to, node, 2, same, "equal"));
    }
    return fv__onnx_set(node, 0, x);
}

static fv_status branch(fv__importer *to, fv__onnx_node *node)
{
    const fv__value *condition = fv__onnx_operand(node, 0);
    double is;
    if (!fv__onnx_number(condition, &is))
        return fv__onnx_refuse(to, node,
                               "its condition depends on the input, which is "
                               "not supported");
    const fv__onnx_attribute *a =
        fv__onnx_find(node, is != 0 ? "then_branch" : "else_branch");
    if (!a || !a->g) return fv__onnx_refuse(to, node, "it lacks a branch");
    return fv__onnx_branch(to, node, a->g);
}

const fv__onnx_operator fv__onnx_flows[] = {
    { "Constant", constant, NULL },
    { "Dropout", dropout, NULL },
    { "If", branch, NULL },
    { NULL, NULL, NULL },
};
