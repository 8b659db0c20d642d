/* Operators that are made of several lines: what their parts share. */
#include "onnx/in/operators.h"

#include <math.h>
#include <string.h>

/* ---- values that are broadcast to one shape --------------------------------
 */

/* Whether a line can name the second of two values as a number. */
static bool names_number(const fv__importer *to, fv__value *const values[],
                         const char *kind)
{
    const fv_dtype type = fv__onnx_type_of(to, values[0]);
    double number;
    return !values[0]->known.data && type != FV_BOOL
           && fv__onnx_number(values[1], &number)
           && (number != 0 || strcmp(kind, "add") != 0)
           && fv__onnx_type_of(to, values[1]) == type
           && fv__onnx_rank(to, values[1]) <= fv__onnx_rank(to, values[0])
           && fabs(number) <= (fv__dtype_is_real(type) ? 1e300 : 0x1p53);
}

fv__value *fv__onnx_broadcast(fv__importer *to, const fv__onnx_node *node,
                              const char *kind, int32_t count,
                              fv__value *const values[], bool with_number)
{
    fv__value *group[FV__MAX_INPUTS] = { values[0] };
    fv__order order;
    int32_t n = 0;
    for (int32_t k = 0; k < count; k++)
        if (!values[k]) return NULL;
    if (with_number && names_number(to, values, kind)) {
        const fv_tensor *known = &values[1]->known;
        char text[FV__NUMBER_BYTES];
        return fv__onnx_map(to, node, values[0], "%s %s", kind,
                            fv__element_text(known->dtype, known->data, text));
    }
    for (int32_t k = 0; k < count; k++) {
        group[n++] = values[k];
        if (n == 1 || (n < FV__MAX_INPUTS && k < count - 1)) continue;
        if (fv__onnx_align(to, n, group, &order) < 0) return NULL;
        group[0] = fv__onnx_line(to, node, n, group, "%s", kind);
        if (!group[0]) return NULL;
        group[0]->order = order;
        n = 1;
    }
    return group[0];
}

fv__value *fv__onnx_two(fv__importer *to, const fv__onnx_node *node,
                        const char *kind, fv__value *a, fv__value *b)
{
    fv__value *const both[] = { a, b };
    return fv__onnx_broadcast(to, node, kind, 2, both, false);
}

fv__value *fv__onnx_where(fv__importer *to, const fv__onnx_node *node,
                          fv__value *condition, fv__value *a, fv__value *b)
{
    fv__value *const all[] = { condition, a, b };
    return fv__onnx_broadcast(to, node, "where", 3, all, false);
}

fv__value *fv__onnx_with(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, fv__value *x, double number)
{
    char text[FV__NUMBER_BYTES];
    if (number == 0 && strcmp(kind, "add") == 0) return x;
    return fv__onnx_map(to, node, x, "%s %s", kind,
                        fv__number_text(number, text));
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

fv__value *fv__onnx_part(fv__importer *to, const fv__onnx_node *node,
                         fv__value *x, int32_t axis, int64_t start,
                         int64_t stop)
{
    return fv__onnx_map(to, node, x, "slice starts=%lld stops=%lld axes=%d",
                        (long long)start, (long long)stop, axis);
}

/* ---- reductions and extents ------------------------------------------------
 */

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

fv__value *fv__onnx_total(fv__importer *to, const fv__onnx_node *node,
                          const char *kind, fv__value *x)
{
    char options[512] = "";
    int64_t axes[FV_MAX_RANK];
    const int32_t rank = x ? fv__onnx_rank(to, x) : 0;
    if (!rank) return x;
    for (int32_t i = 0; i < rank; i++) axes[i] = i;
    fv__onnx_write(options, "axes", rank, axes);
    return fv__onnx_line(to, node, 1, &x, "%s%s keepdims=no", kind, options);
}

fv__value *fv__onnx_counted(fv__importer *to, const fv__onnx_node *node,
                            fv__value *x, int64_t axis)
{
    fv__value *range[] = { fv__onnx_integers(to, 1, &(int64_t){ 0 }),
                           fv__onnx_sizes_of(to, node, x, axis, axis + 1),
                           fv__onnx_integers(to, 1, &(int64_t){ 1 }) };
    return fv__onnx_line(to, node, 3, range, "range");
}
