/* Pools. */
#include "onnx/in/operators.h"

static fv_status pool(fv__importer *to, fv__onnx_node *node, const char *stem,
                      const char *more)
{
    fv__onnx_window window;
    char kind[32];
    if (!node->num_inputs || !node->inputs[0])
        return fv__onnx_refuse(to, node, "it has no input");
    if (fv__onnx_read_window(to, node, NULL, &window) != FV_OK)
        return FV_UNSUPPORTED;
    fv__value *x = fv__onnx_last(to, node->inputs[0]);
    fv__value *y = fv__onnx_line(
        to, node, 1, &x, "%s%s ceil_mode=%s%s",
        fv__onnx_kind(stem, window.axes, true, kind), window.options,
        fv__onnx_int(node, "ceil_mode", 0) ? "yes" : "no", more);
    return fv__onnx_set(node, 0, y, fv__order_last(window.axes + 2));
}

static fv_status max_pool(fv__importer *to, fv__onnx_node *node)
{
    if (node->num_outputs > 1 && node->outputs[1])
        return fv__onnx_refuse(to, node, "indices are not supported");
    return pool(to, node, "maxpool", "");
}

static fv_status average_pool(fv__importer *to, fv__onnx_node *node)
{
    return pool(to, node, "avgpool",
                fv__onnx_int(node, "count_include_pad", 0)
                    ? " count_padding=yes"
                    : " count_padding=no");
}

static fv_status global(fv__importer *to, fv__onnx_node *node, const char *kind)
{
    fv__value *x = fv__onnx_last(to, node->num_inputs ? node->inputs[0] : NULL);
    if (!x) return fv__onnx_refuse(to, node, "it has no input");
    return fv__onnx_set(node, 0, fv__onnx_line(to, node, 1, &x, "%s", kind),
                        fv__order_last(fv__onnx_rank(to, x)));
}

static fv_status global_average_pool(fv__importer *to, fv__onnx_node *node)
{
    return global(to, node, "global_average_pool");
}

static fv_status global_max_pool(fv__importer *to, fv__onnx_node *node)
{
    return global(to, node, "global_max_pool");
}

const fv__onnx_operator fv__onnx_pools[] = {
    { "MaxPool", max_pool, NULL },
    { "AveragePool", average_pool, NULL },
    { "GlobalAveragePool", global_average_pool, NULL },
    { "GlobalMaxPool", global_max_pool, NULL },
    { NULL, NULL, NULL },
};
