/* Shapes, and the order and choice of elements. */
#include "onnx/in/operators.h"

#include <string.h>

static fv_status transpose(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list perm;
    if (!x) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    if (!fv__onnx_ints(to, node, "perm", &perm))
        for (perm.count = 0; perm.count < rank; perm.count++)
            perm.at[perm.count] = rank - 1 - perm.count;
    /* axis i of the result is axis perm[i] of x */
    fv__order order = fv__order_plain();
    bool seen[FV_MAX_RANK] = { false };
    for (int32_t i = 0; i < rank; i++) {
        const int64_t axis = perm.at[i];
        if (perm.count != rank || axis < 0 || axis >= rank || seen[axis])
            return fv__onnx_refuse(to, node, "perm is no order of %d axes",
                                   rank);
        seen[axis] = true;
        order.axis[fv__onnx_stored(to, x, axis)] = i;
    }
    if (!x->known.data) return fv__onnx_set_ordered(node, 0, x, order);
    int32_t axes[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) axes[i] = (int32_t)perm.at[i];
    return fv__onnx_set(node, 0, fv__onnx_permuted(to, x, axes));
}

static bool is_last(const fv__importer *to, const fv__value *x)
{
    const int32_t rank = fv__onnx_rank(to, x);
    const fv__order last = fv__order_last(rank);
    return !x->known.data && !x->flattened && rank > 2
           && fv__order_equal(rank, &x->order, &last);
}

/* A matrix with a row for each image. */
static fv_status flatten_images(fv__importer *to, fv__onnx_node *node,
                                fv__value *x)
{
    fv__value *y = fv__onnx_allocate(to, sizeof *y);
    if (!y) return fv_failed(to->context);
    *y = (fv__value){ .name = node->name, .result = -1, .flattened = x };
    return fv__onnx_set(node, 0, y);
}

static fv_status flatten(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    int64_t axis = fv__onnx_int(node, "axis", 1);
    const int32_t rank = fv__onnx_rank(to, x);
    if (axis != rank && !fv__onnx_axis(to, node, x, &axis))
        return FV_UNSUPPORTED;
    if (axis == 1 && is_last(to, x)) return flatten_images(to, node, x);
    x = fv__onnx_plain(to, x);
    if (axis == 0)
        return fv__onnx_set(node, 0,
                            fv__onnx_line(to, node, 1, &x, "reshape 1 -1"));
    if (axis == 1)
        return fv__onnx_set(
            node, 0,
            fv__onnx_line(to, node, 1, &x,
                          rank == 1 ? "reshape -1 1" : "reshape 0 -1"));
    /* the columns are the product of extents, known or not */
    const int64_t rest = -1;
    fv__value *columns = x ? fv__onnx_sizes_of(to, node, x, axis, rank) : NULL;
    fv__value *shape[] = {
        fv__onnx_integers(to, 1, &rest),
        fv__onnx_line(to, node, 1, &columns, "prod axes=0"),
    };
    fv__value *both[] = { x,
                          fv__onnx_line(to, node, 2, shape, "concat axis=0") };
    return fv__onnx_set(node, 0, fv__onnx_line(to, node, 2, both, "reshape 1"));
}

/* Whether the request is to flatten images to rows, whatever their number. */
static bool asks_for_rows(const fv__importer *to, const fv__value *x,
                          const fv__list *shape)
{
    if (shape->count != 2 || !is_last(to, x)) return false;
    int64_t features = 1;
    const int32_t rank = fv__onnx_rank(to, x);
    for (int32_t i = 1; i < rank; i++) {
        const int64_t extent = fv__onnx_extent(to, x, i);
        if (extent == FV_OPEN) features = -1;
        if (features > 0) features *= extent;
    }
    const int64_t batch = fv__onnx_extent(to, x, 0);
    const bool rows = shape->at[0] == 0 || shape->at[0] == batch
                      || (shape->at[0] == 1 && fv__onnx_is_batch(to, x, 0))
                      || shape->at[0] == -1;
    return rows
           && (shape->at[1] == -1 ? shape->at[0] != -1
                                  : features > 0 && shape->at[1] == features);
}

/* The first number of a request that keeps the batch, which a file with one
 * image has as 1, is written as "as it is". */
static void keep_batch(const fv__importer *to, const fv__value *x,
                       fv__list *shape)
{
    if (fv__onnx_rank(to, x) < 1 || shape->count < 1 || shape->at[0] != 1
        || !fv__onnx_is_batch(to, x, 0))
        return;
    int64_t from = 1, given = 1;
    for (int32_t i = 1; i < fv__onnx_rank(to, x); i++) {
        const int64_t extent = fv__onnx_extent(to, x, i);
        if (extent == FV_OPEN) return;
        from *= extent;
    }
    for (int64_t i = 1; i < shape->count; i++) {
        if (shape->at[i] < 0) {
            shape->at[0] = 0;
            return;
        }
        const int64_t pair[] = { given,
                                 i < fv__onnx_rank(to, x) && shape->at[i] == 0
                                     ? fv__onnx_extent(to, x, (int32_t)i)
                                     : shape->at[i] };
        given = fv__product(2, pair);
    }
    if (from == given) shape->at[0] = 0;
}

/* A request whose sizes are known but for the batch, which stays, and one more,
 * which is what is left. */
static bool sizes_for(fv__importer *to, const fv__value *x,
                      const fv__value *request, bool zero, fv__list *shape)
{
    fv_tensor sizes;
    int64_t left = -1;
    if (!fv__onnx_sizes(to, request, &sizes) || sizes.rank != 1
        || sizes.shape[0] > FV_MAX_RANK)
        return false;
    shape->count = sizes.shape[0];
    for (int64_t i = 0; i < shape->count; i++) {
        int64_t is = ((const int64_t *)sizes.data)[i];
        if (is == fv__size_batch && i == 0 && !zero && fv__onnx_rank(to, x) > 0
            && fv__onnx_is_batch(to, x, 0))
            is = 0;
        const bool open = is == fv__size_batch || is == fv__size_open;
        if ((open || is == -1) && left >= 0) return false;
        if (open || is == -1) left = i;
        shape->at[i] = open ? -1 : is;
    }
    return true;
}

/* Whether the request keeps the batch. */
static bool keeps_batch(const fv__importer *to, const fv__value *x,
                        const fv__list *shape)
{
    return shape->at[0] == 0
           || (shape->at[0] > 0 && shape->at[0] == fv__onnx_extent(to, x, 0));
}

/* Images that stay images, as their spatial axes are cut or merged while
 * channels stay, keep channels last: the request in that order. */
static bool keeps_channels(const fv__importer *to, const fv__value *x,
                           fv__list *shape, fv__order *order)
{
    const fv__list given = *shape;
    const int32_t rank = fv__onnx_rank(to, x), count = (int32_t)given.count;
    if (count < 3 || !is_last(to, x) || !keeps_batch(to, x, shape))
        return false;
    const int64_t channels = fv__onnx_extent(to, x, 1);
    if (channels <= 1 || !(given.at[1] == channels || given.at[1] == 0))
        return false;
    *order = fv__order_last(count);
    for (int32_t i = 1; i < count; i++) {
        const int32_t axis = order->axis[i];
        const bool copies = given.at[axis] == 0;
        if (copies && (axis >= rank || fv__onnx_extent(to, x, axis) == FV_OPEN))
            return false;
        shape->at[i] = copies ? fv__onnx_extent(to, x, axis) : given.at[axis];
    }
    return true;
}

/* Images whose channels are cut, or merged again, while the last axes stay,
 * keep what belongs to a pixel together: the request in that order, and x in
 * one that fits. */
static bool keeps_pixels(fv__importer *to, fv__value **x, fv__list *shape,
                         fv__order *order)
{
    const fv__list given = *shape;
    const int32_t rank = fv__onnx_rank(to, *x), count = (int32_t)given.count;
    const bool cuts = count > rank && is_last(to, *x);
    const int32_t stay = cuts ? rank - 2 : count - 2;
    if ((!cuts && rank <= count) || stay < 1 || (*x)->known.data
        || !keeps_batch(to, *x, shape) || (*x)->order.axis[0] != 0)
        return false;
    fv__order from = fv__order_plain();
    *order = from;
    for (int32_t i = 0; i < stay; i++) {
        const int32_t axis = rank - stay + i;
        const int64_t extent = fv__onnx_extent(to, *x, axis);
        if ((*x)->order.axis[1 + i] != axis || extent == FV_OPEN
            || given.at[count - stay + i] != extent)
            return false;
        from.axis[1 + i] = axis;
        order->axis[1 + i] = count - stay + i;
        shape->at[1 + i] = extent;
    }
    for (int32_t i = 1; i < rank - stay; i++) from.axis[stay + i] = i;
    for (int32_t i = 1; i < count - stay; i++) {
        order->axis[stay + i] = i;
        shape->at[stay + i] = given.at[i];
        if (!given.at[i]) shape->at[stay + i] = fv__onnx_extent(to, *x, i);
        if (!given.at[i] && fv__onnx_extent(to, *x, i) == FV_OPEN) return false;
    }
    *x = fv__onnx_ordered(to, *x, from);
    return true;
}

/* Either of them: the request and order of the result, as x is stored. */
static bool keeps_images(fv__importer *to, fv__value **x, fv__list *shape,
                         fv__order *order)
{
    const fv__list given = *shape;
    if (keeps_channels(to, *x, shape, order)) return true;
    *shape = given;
    if (keeps_pixels(to, x, shape, order)) return true;
    *shape = given;
    *order = fv__order_plain();
    return false;
}

static bool has_zero(const fv__list *shape)
{
    bool zero = false;
    for (int64_t i = 0; i < shape->count; i++) zero |= shape->at[i] == 0;
    return zero;
}

static fv_status reshape(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *request = fv__onnx_operand(node, 1);
    bool zero = fv__onnx_int(node, "allowzero", 0) != 0;
    fv__list shape;
    if (!x) return FV_UNSUPPORTED;
    if (request && !request->known.data
        && !sizes_for(to, x, request, zero, &shape)) {
        fv__value *both[] = { fv__onnx_plain(to, x),
                              fv__onnx_plain(to, request) };
        fv__value *y = fv__onnx_line(
            to, node, 2, both, "reshape 1 allowzero=%s", zero ? "yes" : "no");
        return fv__onnx_set(node, 0, y);
    }
    if ((!request || request->known.data)
        && !fv__onnx_list(to, node, 1, "shape", &shape))
        return fv__onnx_refuse(to, node, "it lacks a shape");
    zero = zero && has_zero(&shape);
    if (!zero && asks_for_rows(to, x, &shape))
        return flatten_images(to, node, x);
    if (!zero) keep_batch(to, x, &shape);
    fv__order order = fv__order_plain();
    if (zero || !keeps_images(to, &x, &shape, &order))
        x = fv__onnx_plain(to, x);
    char options[512] = "";
    fv__onnx_write(options, "shape", shape.count, shape.at);
    fv__value *y = fv__onnx_line(to, node, 1, &x, "reshape%s%s", options,
                                 zero ? " allowzero=yes" : "");
    return fv__onnx_set_ordered(node, 0, y, order);
}

/* One line for each FV__MAX_INPUTS values, until one is left. */
static fv__value *concat_all(fv__importer *to, fv__onnx_node *node,
                             int32_t count, fv__value *values[], int32_t stored)
{
    while (count > 1) {
        int32_t made = 0;
        for (int32_t k = 0; k < count; k += FV__MAX_INPUTS) {
            const int32_t n = (int32_t)fv__min(count - k, FV__MAX_INPUTS);
            fv__value *y = n == 1 ? values[k]
                                  : fv__onnx_line(to, node, n, values + k,
                                                  "concat axis=%d", stored);
            if (!y) return NULL;
            values[made++] = y;
        }
        count = made;
    }
    return values[0];
}

static fv_status concat(fv__importer *to, fv__onnx_node *node)
{
    const int32_t count = node->num_inputs;
    fv__value **values =
        fv__onnx_allocate(to, ((size_t)count + 1) * sizeof *values);
    fv__order order;
    int64_t axis = fv__onnx_int(node, "axis", 1);
    if (!values) return fv_failed(to->context);
    if (count < 1) return fv__onnx_refuse(to, node, "it has no input");
    for (int32_t k = 0; k < count; k++)
        if (!(values[k] = fv__onnx_input(to, node, k))) return FV_UNSUPPORTED;
    if (!fv__onnx_axis(to, node, values[0], &axis)) return FV_UNSUPPORTED;
    if (count == 1) return fv__onnx_set(node, 0, values[0]);
    const int32_t rank = fv__onnx_align(to, count, values, &order);
    if (rank < 0) return FV_UNSUPPORTED;
    int32_t stored = 0;
    while (stored < rank - 1 && order.axis[stored] != axis) stored++;
    return fv__onnx_set_ordered(
        node, 0, concat_all(to, node, count, values, stored), order);
}

const fv__onnx_operator fv__onnx_shapes[] = {
    { "Transpose", transpose, NULL },
    { "Flatten", flatten, NULL },
    { "Reshape", reshape, NULL },
    { "Concat", concat, NULL },
    { NULL, NULL, NULL },
};
