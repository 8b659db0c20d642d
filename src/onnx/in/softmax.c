/* Softmax, its logarithm and the largest of classes. */
#include "onnx/in/operators.h"

/* A line of a kind with an axis, or of the classes of the largest. */
static fv__value *along(fv__importer *to, const fv__onnx_node *node,
                        fv__value *x, const char *kind, int32_t axis)
{
    if (kind) return fv__onnx_line(to, node, 1, &x, "%s %d", kind, axis);
    fv__value *one[2] = { fv__onnx_line(to, node, 1, &x,
                                        "arg_max %d keepdims=no", axis) };
    const int64_t depth = fv__onnx_extent(to, x, x->order.axis[axis]);
    if (depth != FV_OPEN)
        return fv__onnx_line(to, node, 1, one, "one_hot %lld axis=%d",
                             (long long)depth, axis);
    const int32_t counted = x->order.axis[axis];
    one[1] = fv__onnx_sizes_of(to, node, x, counted, counted + 1);
    return fv__onnx_line(to, node, 2, one, "one_hot 1 axis=%d", axis);
}

/* y in the shape of x, which has the same elements. */
static fv__value *shaped(fv__importer *to, fv__value *y, fv__value *x)
{
    const int32_t rank = fv__onnx_rank(to, x);
    int64_t shape[FV_MAX_RANK];
    char options[512] = "reshape";
    bool open = false;
    for (int32_t i = 0; i < rank; i++) {
        shape[i] = fv__onnx_extent(to, x, i);
        open = open || shape[i] == FV_OPEN;
    }
    if (open) {
        fv__value *both[] = { y, fv__onnx_line(to, NULL, 1, &x, "shape") };
        return fv__onnx_line(to, NULL, 2, both, "reshape 1");
    }
    fv__onnx_write(options, "shape", rank, shape);
    return fv__onnx_line(to, NULL, 1, &y, "%s", options);
}

/* The axes from one on as a single one, and back: 0 keeps an extent. */
static fv_status flattened(fv__importer *to, fv__onnx_node *node, fv__value *x,
                           const char *kind, int32_t axis)
{
    int64_t shape[FV_MAX_RANK];
    char options[512] = "reshape";
    for (int32_t i = 0; i < axis; i++) shape[i] = 0;
    shape[axis] = -1;
    fv__onnx_write(options, "shape", axis + 1, shape);
    fv__value *y = fv__onnx_line(to, NULL, 1, &x, "%s", options);
    y = y ? along(to, node, y, kind, axis) : NULL;
    return fv__onnx_set(node, 0, shaped(to, y, x));
}

/* Before version 13 all axes from `axis` on are classes. */
static fv_status of_classes(fv__importer *to, fv__onnx_node *node,
                            const char *kind)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    const bool joins = node->version < 13;
    int64_t axis = fv__onnx_int(node, "axis", joins ? 1 : -1);
    if (!x) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    if (!fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    int32_t only = (int32_t)axis, several = 0;
    for (int32_t i = (int32_t)axis; joins && i < rank; i++)
        if (fv__onnx_extent(to, x, i) != 1) {
            only = i;
            several++;
        }
    if (several > 1) {
        x = fv__onnx_plain(to, x);
        return x ? flattened(to, node, x, kind, (int32_t)axis) : FV_UNSUPPORTED;
    }
    fv__value *y = along(to, node, x, kind, fv__onnx_stored(to, x, only));
    return fv__onnx_set_ordered(node, 0, y, x->order);
}

static fv_status softmax(fv__importer *to, fv__onnx_node *node)
{
    return of_classes(to, node, "softmax");
}

static fv_status log_softmax(fv__importer *to, fv__onnx_node *node)
{
    return of_classes(to, node, "log_softmax");
}

static fv_status hardmax(fv__importer *to, fv__onnx_node *node)
{
    return of_classes(to, node, NULL);
}

const fv__onnx_operator fv__onnx_softmaxes[] = {
    { "Softmax", softmax, NULL },
    { "LogSoftmax", log_softmax, NULL },
    { "Hardmax", hardmax, NULL },
    { NULL, NULL, NULL },
};
