/* Elements by their indices. */
#include "onnx/in/operators.h"

#include <string.h>

/* ---- gathering ------------------------------------------------------------
 */

/* The order of a value of that rank when axis `axis`, stored as `stored`, is
 * replaced by `more` axes. */
static fv__order replaced(const fv__order *is, int32_t rank, int32_t axis,
                          int32_t more)
{
    fv__order order = fv__order_plain();
    int32_t n = 0;
    for (int32_t i = 0; i < rank; i++) {
        const int32_t old = is->axis[i];
        for (int32_t k = 0; old == axis && k < more; k++)
            order.axis[n++] = axis + k;
        if (old != axis) order.axis[n++] = old < axis ? old : old + more - 1;
    }
    return order;
}

static fv_status gather(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *indices = x ? fv__onnx_input(to, node, 1) : NULL;
    int64_t axis = fv__onnx_int(node, "axis", 0);
    if (!indices || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    const int32_t more = fv__onnx_rank(to, indices);
    if (rank - 1 + more > FV_MAX_RANK)
        return fv__onnx_refuse(to, node, "%d axes, at most %d are supported",
                               rank - 1 + more, FV_MAX_RANK);
    fv__value *both[] = { x, fv__onnx_plain(to, indices) };
    const fv_tensor *table = &x->known;
    const bool embeds = table->data && !indices->known.data && rank == 2
                        && axis == 0 && fv__dtype_is_real(table->dtype);
    if (embeds && table->shape[0] > 0 && table->shape[1] > 0) {
        fv__value *y = fv__onnx_line(
            to, node, 1, &both[1], "embedding %lld %lld",
            (long long)table->shape[0], (long long)table->shape[1]);
        if (!y || fv__onnx_weight(to, "weight", table) != FV_OK)
            return FV_UNSUPPORTED;
        return fv__onnx_set(node, 0, y);
    }
    return fv__onnx_set_ordered(node, 0,
                                fv__onnx_line(to, node, 2, both, "gather %d",
                                              fv__onnx_stored(to, x, axis)),
                                replaced(&x->order, rank, (int32_t)axis, more));
}

/* The place of an axis in an order. */
static int32_t place_of(const fv__order *order, int64_t axis)
{
    int32_t i = 0;
    while (i < FV_MAX_RANK - 1 && order->axis[i] != axis) i++;
    return i;
}

/* The first `count` inputs, of one rank and order, and the axis there. */
static bool aligned(fv__importer *to, fv__onnx_node *node, int32_t count,
                    fv__value *values[], fv__order *order, int32_t *stored)
{
    int64_t axis = fv__onnx_int(node, "axis", 0);
    for (int32_t k = 0; k < count; k++)
        if (!(values[k] = fv__onnx_input(to, node, k))) return false;
    for (int32_t k = 1; k < count; k++)
        if (fv__onnx_rank(to, values[k]) != fv__onnx_rank(to, values[0])) {
            fv__onnx_refuse(to, node, "inputs of %d and %d axes",
                            fv__onnx_rank(to, values[0]),
                            fv__onnx_rank(to, values[k]));
            return false;
        }
    if (!fv__onnx_axis(to, node, values[0], &axis)
        || fv__onnx_align(to, count, values, order) < 0)
        return false;
    *stored = place_of(order, axis);
    return true;
}

static fv_status gather_elements(fv__importer *to, fv__onnx_node *node)
{
    fv__value *both[2];
    fv__order order;
    int32_t stored;
    if (!aligned(to, node, 2, both, &order, &stored)) return FV_UNSUPPORTED;
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 2, both, "gather_elements %d", stored),
        order);
}

/* Inputs 0 to count - 1 in the order of the graph. */
static bool plain_inputs(fv__importer *to, fv__onnx_node *node, int32_t count,
                         fv__value *values[])
{
    for (int32_t k = 0; k < count; k++) {
        fv__value *x = fv__onnx_input(to, node, k);
        if (!x || !(values[k] = fv__onnx_plain(to, x))) return false;
    }
    return true;
}

static fv_status gather_nd(fv__importer *to, fv__onnx_node *node)
{
    fv__value *both[2];
    if (!plain_inputs(to, node, 2, both)) return FV_UNSUPPORTED;
    return fv__onnx_set(
        node, 0,
        fv__onnx_line(to, node, 2, both, "gather_nd batch_dims=%lld",
                      (long long)fv__onnx_int(node, "batch_dims", 0)));
}

/* ---- scattering -----------------------------------------------------------
 */

/* What happens to elements that are there: a word of the layers here. */
static const char *reduction_of(fv__importer *to, fv__onnx_node *node)
{
    static const char *const words[][2] = {
        { "none", "replace" }, { "add", "sum" }, { "mul", "product" },
        { "min", "min" },      { "max", "max" }, { NULL, NULL }
    };
    return fv__onnx_word(to, node, "reduction", "none", words);
}

static fv_status scatter_elements(fv__importer *to, fv__onnx_node *node)
{
    fv__value *all[3];
    fv__order order;
    int32_t stored;
    const char *reduction = reduction_of(to, node);
    if (!reduction || !aligned(to, node, 3, all, &order, &stored))
        return FV_UNSUPPORTED;
    return fv__onnx_set_ordered(
        node, 0,
        fv__onnx_line(to, node, 3, all, "scatter_elements %d reduction=%s",
                      stored, reduction),
        order);
}

static fv_status scatter_nd(fv__importer *to, fv__onnx_node *node)
{
    fv__value *all[3];
    const char *reduction = reduction_of(to, node);
    if (!reduction || !plain_inputs(to, node, 3, all)) return FV_UNSUPPORTED;
    return fv__onnx_set(
        node, 0,
        fv__onnx_line(to, node, 3, all, "scatter_nd reduction=%s", reduction));
}

/* ---- indices that are known or made ----------------------------------------
 */

static fv_status one_hot(fv__importer *to, fv__onnx_node *node)
{
    fv__value *all[2];
    double depth;
    char number[2][FV__NUMBER_BYTES];
    const fv__value *values = fv__onnx_operand(node, 2);
    if (!plain_inputs(to, node, 2, all)) return FV_UNSUPPORTED;
    if (!fv__onnx_number(all[1], &depth) || !values || !values->known.data
        || fv_tensor_count(&values->known) != 2
        || !(depth >= 1 && depth < 0x1p31))
        return fv__onnx_refuse(to, node,
                               "its depth and values are no known numbers");
    all[0] = fv__onnx_cast(to, node, all[0], FV_I64);
    fv__value *y = fv__onnx_line(
        to, node, 1, all, "one_hot %lld axis=%lld off=%s on=%s",
        (long long)depth, (long long)fv__onnx_int(node, "axis", -1),
        fv__number_text(fv__onnx_element(&values->known, 0), number[0]),
        fv__number_text(fv__onnx_element(&values->known, 1), number[1]));
    return fv__onnx_set(node, 0,
                        fv__onnx_cast(to, node, y, values->known.dtype));
}

static fv_status non_zero(fv__importer *to, fv__onnx_node *node)
{
    const fv__value *x = fv__onnx_operand(node, 0);
    if (!x || !x->known.data)
        return fv__onnx_refuse(to, node,
                               "how many elements are not 0 depends on the "
                               "input, which is not supported");
    const fv_tensor *t = &x->known;
    const int64_t elements = fv_tensor_count(t);
    int64_t shape[] = { fv__max(t->rank, 1), 0 };
    for (int64_t i = 0; i < elements; i++)
        shape[1] += fv__onnx_element(t, i) != 0;
    const fv_tensor made = fv__onnx_tensor_new(to, FV_I64, 2, shape);
    if (made.rank < 0) return fv_failed(to->context);
    int64_t *indices = made.data;
    for (int64_t i = 0, n = 0; i < elements; i++) {
        if (fv__onnx_element(t, i) == 0) continue;
        indices[n] = 0;
        for (int64_t axis = t->rank - 1, rest = i; axis >= 0; axis--) {
            indices[axis * shape[1] + n] = rest % t->shape[axis];
            rest /= t->shape[axis];
        }
        n++;
    }
    return fv__onnx_set(node, 0, fv__onnx_known(to, &made));
}

/* Without an axis elements of all of the input, as a vector. */
static fv_status compress(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    const fv__value *condition = fv__onnx_operand(node, 1);
    int64_t axis = fv__onnx_int(node, "axis", 0), count = 0;
    if (!x || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    if (!condition || !condition->known.data)
        return fv__onnx_refuse(to, node,
                               "its condition depends on the input, which is "
                               "not supported");
    const int64_t most = fv_tensor_count(&condition->known);
    int64_t *chosen =
        fv__onnx_allocate(to, ((size_t)most + 1) * sizeof *chosen);
    for (int64_t i = 0; chosen && i < most; i++)
        if (fv__onnx_element(&condition->known, i) != 0) chosen[count++] = i;
    if (!chosen || count > INT32_MAX) return fv_failed(to->context);
    if (!fv__onnx_find(node, "axis")) {
        x = fv__onnx_plain(to, x);
        x = fv__onnx_line(to, NULL, 1, &x, "reshape -1");
        if (!x) return FV_UNSUPPORTED;
    }
    fv__value *both[] = { x, fv__onnx_integers(to, (int32_t)count, chosen) };
    return fv__onnx_set_ordered(node, 0,
                                fv__onnx_line(to, node, 2, both, "gather %d",
                                              fv__onnx_stored(to, x, axis)),
                                x->order);
}

/* Index t of sequence i is lengths[i] - 1 - t before the end, and t behind. */
static fv__value *reversed(fv__importer *to, fv__onnx_node *node, fv__value *x,
                           int64_t time, fv__value *lengths)
{
    fv__value *t = fv__onnx_counted(to, node, x, time);
    fv__value *last = fv__onnx_line(to, node, 1, &lengths, "unsqueeze axes=1");
    last = fv__onnx_with(to, node, "sub", fv__onnx_cast(to, node, last, FV_I64),
                         1);
    fv__value *within = fv__onnx_two(to, node, "less_or_equal", t, last);
    fv__value *index = fv__onnx_where(
        to, node, within, fv__onnx_two(to, node, "sub", last, t), t);
    return fv__onnx_line(to, node, 1, &index, "unsqueeze axes=2");
}

static fv_status reverse_sequence(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *lengths = x ? fv__onnx_input(to, node, 1) : NULL;
    if (!lengths) return FV_UNSUPPORTED;
    const int64_t batch = fv__onnx_int(node, "batch_axis", 1);
    const int64_t time = fv__onnx_int(node, "time_axis", 0);
    const int32_t rank = fv__onnx_rank(to, x);
    if (rank < 2 || !((batch == 0 && time == 1) || (batch == 1 && time == 0)))
        return fv__onnx_refuse(to, node, "batch_axis %lld and time_axis %lld",
                               (long long)batch, (long long)time);
    fv__order order = fv__order_plain();
    order.axis[0] = (int32_t)batch;
    order.axis[1] = (int32_t)time;
    fv__value *both[] = { fv__onnx_ordered(to, x, order),
                          reversed(to, node, x, time, lengths) };
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 2, both, "gather_nd batch_dims=1"),
        order);
}

const fv__onnx_operator fv__onnx_indices[] = {
    { "Gather", gather, NULL },
    { "GatherElements", gather_elements, NULL },
    { "GatherND", gather_nd, NULL },
    { "Scatter", scatter_elements, NULL },
    { "ScatterElements", scatter_elements, NULL },
    { "ScatterND", scatter_nd, NULL },
    { "OneHot", one_hot, NULL },
    { "NonZero", non_zero, NULL },
    { "Compress", compress, NULL },
    { "ReverseSequence", reverse_sequence, NULL },
    { NULL, NULL, NULL },
};
