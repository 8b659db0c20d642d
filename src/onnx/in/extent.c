/* Tensors of extents, tensors whose extents are given, and triangles. */
#include "onnx/in/operators.h"

#include <math.h>
#include <string.h>

/* Elements of a tensor that is made while a model is read. */
enum { MOST = 1 << 24 };

/* ---- extents --------------------------------------------------------------
 */

static int64_t size_of(const fv__importer *to, const fv__value *x, int32_t axis)
{
    const int64_t extent = fv__onnx_extent(to, x, axis);
    return extent != FV_OPEN                ? extent
           : fv__onnx_is_batch(to, x, axis) ? fv__size_batch
                                            : fv__size_open;
}

fv__value *fv__onnx_sizes_of(fv__importer *to, const fv__onnx_node *node,
                             fv__value *x, int64_t begin, int64_t end)
{
    const int32_t rank = fv__onnx_rank(to, x);
    const int64_t count = fv__max(end - begin, 0);
    const fv__order plain = fv__order_plain();
    const fv_tensor sizes = fv__onnx_tensor_new(to, FV_I64, 1, &count);
    fv_tensor all = sizes;
    int64_t stored[FV_MAX_RANK];
    if (sizes.rank < 0) return NULL;
    for (int64_t i = 0; i < count; i++) {
        ((int64_t *)sizes.data)[i] = size_of(to, x, (int32_t)(begin + i));
        stored[i] = fv__onnx_stored(to, x, begin + i);
    }
    if (count == rank && fv__order_equal(rank, &x->order, &plain))
        return fv__onnx_sizes_later(to, node->name, 1, &x, &sizes, "shape");
    /* of all axes, of which those that are asked for are gathered */
    all.shape[0] = rank;
    all.data = fv__onnx_allocate(to, FV_MAX_RANK * sizeof(int64_t));
    if (!all.data) return NULL;
    for (int32_t i = 0; i < rank; i++)
        ((int64_t *)all.data)[i] = size_of(to, x, x->order.axis[i]);
    fv__value *both[] = { fv__onnx_sizes_later(to, node->name, 1, &x, &all,
                                               "shape"),
                          fv__onnx_integers(to, (int32_t)count, stored) };
    if (!both[0] || !both[1]) return NULL;
    return fv__onnx_line(to, node, 2, both, "gather 0");
}

static fv_status shape(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    int64_t limits[] = { fv__onnx_int(node, "start", 0),
                         fv__onnx_int(node, "end", rank) };
    for (int k = 0; k < 2; k++) {
        const int64_t at = limits[k] < 0 ? limits[k] + rank : limits[k];
        limits[k] = fv__max(0, fv__min(at, rank));
    }
    return fv__onnx_set(node, 0,
                        fv__onnx_sizes_of(to, node, x, limits[0], limits[1]));
}

static fv_status size(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    fv__value *all = fv__onnx_sizes_of(to, node, x, 0, fv__onnx_rank(to, x));
    return fv__onnx_set(
        node, 0, fv__onnx_line(to, node, 1, &all, "prod axes=0 keepdims=no"));
}

/* ---- tensors of given extents ----------------------------------------------
 */

/* A tensor of zeros, of rank -1 after a refusal: what is known while a model is
 * read is limited. */
static fv_tensor zeros(fv__importer *to, const fv__onnx_node *node,
                       fv_dtype dtype, int32_t rank, const int64_t extent[])
{
    const int64_t count = fv__product(rank, extent);
    if (count < 0 || count > MOST) {
        fv__onnx_refuse(to, node, "a constant of more than %d elements", MOST);
        return fv__tensor_failed();
    }
    const fv_tensor made = fv__onnx_tensor_new(to, dtype, rank, extent);
    if (made.rank >= 0) memset(made.data, 0, fv__tensor_bytes(&made));
    return made;
}

static fv_status set_known(fv__importer *to, fv__onnx_node *node,
                           const fv_tensor *numbers)
{
    if (numbers->rank < 0) return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0, fv__onnx_known(to, numbers));
}

static fv_status constant_of_shape(fv__importer *to, fv__onnx_node *node)
{
    fv__value *request = fv__onnx_input(to, node, 0);
    const fv__onnx_attribute *a = fv__onnx_find(node, "value");
    double zero = 0;
    fv_tensor value = fv_tensor_of(&zero, to->context->dtype, 0, NULL);
    if (!request) return FV_UNSUPPORTED;
    if (a && a->t && fv__onnx_numbers(to, node->name, a->t, &value) != FV_OK)
        return fv_failed(to->context);
    if (fv_tensor_count(&value) != 1)
        return fv__onnx_refuse(to, node, "its value is not one number");
    if (!request->known.data) {
        char text[FV__NUMBER_BYTES];
        const double number = fv__onnx_element(&value, 0);
        return fv__onnx_set(node, 0,
                            fv__onnx_line(to, node, 1, &request,
                                          "constant_of_shape %s type=%s",
                                          fv__number_text(number, text),
                                          fv__onnx_type_word(value.dtype)));
    }
    fv__list shape;
    if (!fv__onnx_list(to, node, 0, "shape", &shape)) return FV_UNSUPPORTED;
    const fv_tensor made =
        zeros(to, node, value.dtype, (int32_t)shape.count, shape.at);
    const size_t bytes = fv_dtype_bytes(value.dtype);
    for (int64_t i = 0; made.rank >= 0 && i < fv_tensor_count(&made); i++)
        memcpy(fv__tensor_byte(&made, i), value.data, bytes);
    return set_known(to, node, &made);
}

static fv_status range(fv__importer *to, fv__onnx_node *node)
{
    fv__value *all[3];
    double number[3] = { 0, 0, 1 };
    bool known = true;
    for (int32_t k = 0; k < 3; k++) {
        all[k] = fv__onnx_plain(to, fv__onnx_input(to, node, k));
        if (!all[k]) return FV_UNSUPPORTED;
        known &= fv__onnx_number(all[k], &number[k]);
    }
    if (known && !(fabs(number[1] - number[0]) <= 0x1p24 * fabs(number[2])))
        return fv__onnx_refuse(to, node, "more than 2^24 numbers");
    return fv__onnx_set(node, 0, fv__onnx_line(to, node, 3, all, "range"));
}

/* Ones at row i, column i + k. */
static fv_status eye_like(fv__importer *to, fv__onnx_node *node)
{
    const fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    fv_dtype dtype = fv__onnx_type_of(to, x);
    const int64_t type = fv__onnx_int(node, "dtype", 0);
    const int64_t shift = fv__onnx_int(node, "k", 0), one = 1;
    if (fv__onnx_rank(to, x) != 2 || fv__onnx_extent(to, x, 0) < 0
        || fv__onnx_extent(to, x, 1) < 0)
        return fv__onnx_refuse(to, node,
                               "its input is no matrix whose extents "
                               "are known");
    if (type && !fv__onnx_dtype(to->context, (int32_t)type, &dtype))
        return fv__onnx_refuse(to, node, "element type %lld is not supported",
                               (long long)type);
    const int64_t extent[] = { fv__onnx_extent(to, x, 0),
                               fv__onnx_extent(to, x, 1) };
    const fv_tensor made = zeros(to, node, dtype, 2, extent);
    for (int64_t i = 0; made.rank >= 0 && i < extent[0]; i++) {
        if (shift < -i || shift >= extent[1] - i) continue;
        const int64_t at = i * extent[1] + i + shift;
        if (dtype == FV_F32)
            ((float *)made.data)[at] = 1;
        else if (dtype == FV_F64)
            ((double *)made.data)[at] = 1;
        else
            fv__store_wrapped(dtype, fv__tensor_byte(&made, at), 1, &one);
    }
    return set_known(to, node, &made);
}

/* ---- triangles -------------------------------------------------------------
 */

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

/* The same of a matrix whose size is open, or large. */
static fv__value *computed_triangle(fv__importer *to, fv__onnx_node *node,
                                    fv__value *x, int64_t k, bool upper)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__value *i = fv__onnx_counted(to, node, x, rank - 2);
    fv__value *ji[] = { fv__onnx_counted(to, node, x, rank - 1),
                        fv__onnx_line(to, node, 1, &i, "unsqueeze 1") };
    fv__value *diagonal = fv__onnx_line(to, node, 2, ji, "sub");
    return fv__onnx_with(to, node, upper ? "greater_or_equal" : "less_or_equal",
                         diagonal, (double)k);
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
    const bool open = rows == FV_OPEN || columns == FV_OPEN
                      || rows > MOST / fv__max(columns, 1);
    const int64_t most = INT64_C(1) << 40;
    const int64_t k = fv__max(fv__min(diagonal.at[0], most), -most);
    fv__value *within = open ? computed_triangle(to, node, x, k, upper)
                             : triangle(to, rows, columns, k, upper);
    fv__value *zero = fv__onnx_scalar(to, fv__onnx_type_of(to, x), 0);
    return fv__onnx_set(node, 0, fv__onnx_where(to, node, within, x, zero));
}

const fv__onnx_operator fv__onnx_extents[] = {
    { "Shape", shape, NULL },
    { "Size", size, NULL },
    { "ConstantOfShape", constant_of_shape, NULL },
    { "Range", range, NULL },
    { "EyeLike", eye_like, NULL },
    { "Trilu", trilu, NULL },
    { NULL, NULL, NULL },
};
