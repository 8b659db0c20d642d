/* Normalisations. */
#include "onnx/in/operators.h"

static fv_status batch_normalization(fv__importer *to, fv__onnx_node *node)
{
    static const char *const names[] = { "weight", "bias", "running_mean",
                                         "running_var" };
    if (node->num_inputs != 5)
        return fv__onnx_refuse(to, node, "%d inputs, expected 5",
                               node->num_inputs);
    for (int32_t k = 0; k < 5; k++)
        if (!node->inputs[k] || (k && !node->inputs[k]->known.data))
            return fv__onnx_refuse(to, node,
                                   "input %d is not there, or depends on the "
                                   "input of the network",
                                   k + 1);
    if (fv__onnx_int(node, "training_mode", 0))
        return fv__onnx_refuse(to, node, "training_mode is not supported");
    fv__value *x = fv__onnx_last(to, node->inputs[0]);
    char number[FV__NUMBER_BYTES];
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "batchnorm epsilon=%s",
        fv__number_text(fv__onnx_float(node, "epsilon", 1e-5), number));
    for (int32_t k = 1; y && k < 5; k++)
        fv__onnx_weight(to, names[k - 1], &node->inputs[k]->known);
    return fv__onnx_set(node, 0, y, x ? x->order : fv__order_plain());
}

const fv__onnx_operator fv__onnx_norms[] = {
    { "BatchNormalization", batch_normalization, NULL },
    { NULL, NULL, NULL },
};
