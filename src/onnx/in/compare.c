/* Comparisons, truth values and choices by them. */
#include "onnx/in/operators.h"

#define BROADCAST(function, count, kind, with_number)                          \
    static fv_status function(fv__importer *to, fv__onnx_node *node)           \
    {                                                                          \
        return fv__onnx_broadcast_node(to, node, count, kind, with_number);    \
    }
BROADCAST(equal, 2, "equal", true)
BROADCAST(greater, 2, "greater", true)
BROADCAST(greater_or_equal, 2, "greater_or_equal", true)
BROADCAST(less, 2, "less", true)
BROADCAST(less_or_equal, 2, "less_or_equal", true)
BROADCAST(both, 2, "and", false)
BROADCAST(either, 2, "or", false)
BROADCAST(exclusive, 2, "xor", false)
BROADCAST(where, 3, "where", false)

/* [rows, columns]: whether an element belongs to the triangle, which begins, or
 * ends, with diagonal k. */
static fv__value *triangle(fv__importer *to, int64_t rows, int64_t columns,
                           int64_t k, bool upper)
{
    const fv_tensor mask =
        fv__onnx_tensor_new(to, FV_BOOL, 2, (const int64_t[]){ rows, columns });
    if (mask.rank < 0) return NULL;
    uint8_t *at = mask.data;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            *at++ = upper ? j - i >= k : j - i <= k;
    return fv__onnx_known(to, &mask);
}

/* 0, 1, ... below the extent of an axis, which is open. */
static fv__value *counted(fv__importer *to, const fv__onnx_node *node,
                          fv__value *shape, int32_t axis)
{
    fv__value *limit = fv__onnx_line(
        to, node, 1, &shape, "slice starts=%d stops=%d", axis, axis + 1);
    fv__value *range[] = { fv__onnx_scalar(to, FV_I64, 0),
                           fv__onnx_line(to, node, 1, &limit, "squeeze 0"),
                           fv__onnx_scalar(to, FV_I64, 1) };
    return fv__onnx_line(to, node, 3, range, "range");
}

/* The same as `triangle` of a matrix whose size is open. */
static fv__value *open_triangle(fv__importer *to, const fv__onnx_node *node,
                                fv__value *x, int64_t k, bool upper)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__value *shape = fv__onnx_line(to, node, 1, &x, "shape");
    fv__value *i = counted(to, node, shape, rank - 2);
    fv__value *ji[] = { counted(to, node, shape, rank - 1),
                        fv__onnx_line(to, node, 1, &i, "unsqueeze 1") };
    fv__value *diagonal = fv__onnx_line(to, node, 2, ji, "sub");
    return fv__onnx_line(to, node, 1, &diagonal, "%s number=%lld",
                         upper ? "greater_or_equal" : "less_or_equal",
                         (long long)k);
}

static fv_status trilu(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_plain(to, fv__onnx_input(to, node, 0));
    fv__list diagonal = { .count = 0 };
    if (!x) return FV_UNSUPPORTED;
    const bool upper = fv__onnx_int(node, "upper", 1) != 0;
    const int32_t rank = fv__onnx_rank(to, x);
    if (rank < 2)
        return fv__onnx_refuse(to, node,
                               "an input of %d axes, expected 2 "
                               "or more",
                               rank);
    const int64_t rows = fv__onnx_extent(to, x, rank - 2);
    const int64_t columns = fv__onnx_extent(to, x, rank - 1);
    if (fv__onnx_option(to, node, 1)
        && !fv__onnx_list(to, node, 1, "k", &diagonal))
        return FV_UNSUPPORTED;
    const bool open = rows == FV_OPEN || columns == FV_OPEN;
    const int64_t most = INT64_C(1) << 40;
    const int64_t k = fv__max(fv__min(diagonal.at[0], most), -most);
    fv__value *chosen[] = { open ? open_triangle(to, node, x, k, upper)
                                 : triangle(to, rows, columns, k, upper),
                            x,
                            fv__onnx_scalar(to, fv__onnx_type_of(to, x), 0) };
    fv__value *y = fv__onnx_broadcast(to, node, 3, chosen, "where", false);
    return fv__onnx_set(node, 0, y, fv__order_plain());
}

const fv__onnx_operator fv__onnx_comparisons[] = {
    { "Equal", equal, NULL },
    { "Greater", greater, NULL },
    { "GreaterOrEqual", greater_or_equal, NULL },
    { "Less", less, NULL },
    { "LessOrEqual", less_or_equal, NULL },
    { "And", both, NULL },
    { "Or", either, NULL },
    { "Xor", exclusive, NULL },
    { "Where", where, NULL },
    { "Trilu", trilu, NULL },
    { NULL, NULL, NULL },
};
