/* Operators that are made of several lines: what their parts share. Values that
 * these functions return have their own order. */
#include "onnx/in/operators.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fv__onnx_wanted(const fv__onnx_node *node, int32_t k)
{
    return k < node->num_outputs && node->outputs[k];
}

fv__value *fv__onnx_map(fv__importer *to, const fv__onnx_node *node,
                        fv__value *x, const char *format, ...)
{
    char options[512];
    va_list list;
    va_start(list, format);
    vsnprintf(options, sizeof options, format, list);
    va_end(list);
    fv__value *y = fv__onnx_line(to, node, 1, &x, "%s", options);
    if (y) y->order = x->order;
    return y;
}

fv__value *fv__onnx_join(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, int32_t count, fv__value *values[])
{
    fv__order order;
    for (int32_t k = 0; k < count; k++)
        if (!values[k]) return NULL;
    if (fv__onnx_align(to, count, values, &order) < 0) return NULL;
    fv__value *y = fv__onnx_line(to, node, count, values, "%s", kind);
    if (y) y->order = order;
    return y;
}

fv__value *fv__onnx_two(fv__importer *to, const fv__onnx_node *node,
                        const char *kind, fv__value *a, fv__value *b)
{
    return fv__onnx_join(to, node, kind, 2, (fv__value *[]){ a, b });
}

fv__value *fv__onnx_with(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, fv__value *x, double number)
{
    char text[FV__NUMBER_BYTES];
    if (number == 0 && strcmp(kind, "add") == 0) return x;
    return fv__onnx_map(to, node, x, "%s %s", kind,
                        fv__number_text(number, text));
}

fv__value *fv__onnx_reduced(fv__importer *to, const fv__onnx_node *node,
                            const char *kind, fv__value *x, int32_t count,
                            const int64_t axes[])
{
    char options[512] = "";
    int64_t stored[FV_MAX_RANK] = { 0 };
    if (!x || !fv__ok(to->context)) return NULL;
    for (int32_t i = 0; i < count; i++)
        stored[i] = fv__onnx_stored(to, x, axes[i]);
    fv__onnx_write(options, "axes", count, stored);
    return count ? fv__onnx_map(to, node, x, "%s%s keepdims=yes", kind, options)
                 : x;
}

fv__value *fv__onnx_along(fv__importer *to, const fv__onnx_node *node,
                          const fv__value *like, int64_t axis,
                          fv__value *vector)
{
    char options[512] = "";
    int64_t shape[FV_MAX_RANK];
    if (!vector || !like || !fv__ok(to->context)) return NULL;
    const int32_t rank = fv__onnx_rank(to, like);
    if (fv__onnx_rank(to, vector) != 1) return vector;
    for (int32_t i = 0; i < rank; i++) shape[i] = i == axis ? -1 : 1;
    fv__onnx_write(options, "shape", rank, shape);
    return fv__onnx_line(to, node, 1, &vector, "reshape%s", options);
}

fv__value *fv__onnx_measure(fv__importer *to, const fv__onnx_node *node,
                            fv__value *x, int64_t axis)
{
    const int64_t extent = fv__onnx_extent(to, x, (int32_t)axis);
    if (extent != FV_OPEN) return fv__onnx_integers(to, 1, &extent);
    const int32_t stored = fv__onnx_stored(to, x, axis);
    fv__value *shape = fv__onnx_line(to, node, 1, &x, "shape");
    return fv__onnx_line(to, node, 1, &shape, "slice starts=%d stops=%d axes=0",
                         stored, stored + 1);
}

fv_status fv__onnx_give(fv__onnx_node *node, int32_t k, fv__value *value)
{
    return fv__onnx_set(node, k, value,
                        value ? value->order : fv__order_plain());
}

bool fv__onnx_all_zero(const fv_tensor *numbers)
{
    const int64_t count = fv_tensor_count(numbers);
    for (int64_t i = 0; i < count; i++) {
        double number;
        fv__load_doubles(numbers->dtype, fv__tensor_byte(numbers, i), 1, 1,
                         &number);
        if (number != 0) return false;
    }
    return true;
}
