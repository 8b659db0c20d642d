/* Losses as operators that give numbers. */
#include "onnx/in/operators.h"

#include <string.h>

/* Whether a class counts, as 1 or 0, and the class, 0 where it does not. */
static void leave_out(fv__importer *to, fv__onnx_node *node, fv__value **class,
                      fv__value **counts)
{
    const int64_t ignored = fv__onnx_int(node, "ignore_index", -1);
    *counts = NULL;
    if (!fv__onnx_find(node, "ignore_index")) return;
    fv__value *out = fv__onnx_with(to, node, "equal", *class, (double)ignored);
    fv__value *zero = fv__onnx_with(to, node, "mul", *class, 0);
    *class = fv__onnx_where(to, node, out, zero, *class);
    *counts = fv__onnx_cast(to, node, fv__onnx_map(to, node, out, "not"),
                            to->context->dtype);
}

/* Minus the element of the class, weighted. x [n, c, ...], class [n, ...]. */
static fv_status likelihood(fv__importer *to, fv__onnx_node *node, fv__value *x)
{
    fv__value *class = fv__onnx_plain(to, fv__onnx_input(to, node, 1));
    fv__value *weight = fv__onnx_operand(node, 2), *counts = NULL;
    const char *how = fv__onnx_text(to, node, "reduction", "mean");
    const bool mean = strcmp(how, "mean") == 0;
    if (!x || !class) return FV_UNSUPPORTED;
    leave_out(to, node, &class, &counts);
    fv__value *both[] = { x,
                          fv__onnx_line(to, node, 1, &class, "unsqueeze 1") };
    fv__value *y = fv__onnx_line(to, node, 2, both, "gather_elements axis=1");
    y = fv__onnx_line(to, node, 1, &y, "squeeze 1");
    y = fv__onnx_map(to, node, y, "neg");
    if (weight) {
        fv__value *of[] = { fv__onnx_plain(to, weight), class };
        weight = fv__onnx_line(to, node, 2, of, "gather axis=0");
    }
    if (weight && counts)
        weight = fv__onnx_two(to, node, "mul", weight, counts);
    else if (counts)
        weight = counts;
    if (weight) y = fv__onnx_two(to, node, "mul", y, weight);
    if (!mean && strcmp(how, "sum") != 0) return fv__onnx_set(node, 0, y);
    fv__value *sum = fv__onnx_total(to, node, "sum", y);
    if (mean && !weight) {
        fv__value *one = fv__onnx_with(to, node, "mul", class, 0);
        one = fv__onnx_with(to, node, "add", one, 1);
        weight = fv__onnx_cast(to, node, one, to->context->dtype);
    }
    if (mean)
        sum = fv__onnx_two(to, node, "div", sum,
                           fv__onnx_total(to, node, "sum", weight));
    return fv__onnx_set(node, 0, sum);
}

static fv_status negative_log_likelihood(fv__importer *to, fv__onnx_node *node)
{
    return likelihood(to, node,
                      fv__onnx_plain(to, fv__onnx_input(to, node, 0)));
}

static fv_status softmax_cross_entropy(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_plain(to, fv__onnx_input(to, node, 0));
    x = fv__onnx_line(to, node, 1, &x, "log_softmax axis=1");
    if (x && fv__onnx_wanted(node, 1)) fv__onnx_set(node, 1, x);
    return likelihood(to, node, x);
}

const fv__onnx_operator fv__onnx_losses[] = {
    { "NegativeLogLikelihoodLoss", negative_log_likelihood, NULL },
    { "SoftmaxCrossEntropyLoss", softmax_cross_entropy, NULL },
    { NULL, NULL, NULL },
};
